using Ptoy.Services.Facade.Index;
using Ptoy.Services.Facade.Search;
using Ptoy.Services.Facade.Smart;

namespace Ptoy.Services.Facade.Http;

/// <summary>Search of a type, and <c>Patient/$everything</c>, page by page.</summary>
internal sealed class SearchHandler(RequestContext context)
{
    private const int MaxSorted = 200_000;
    private const int MaxIncluded = 2_000;
    private const int MaxRounds = 3;
    private const int MaxParallel = 8;

    private FacadeCore Core => context.Core;

    private SmartGrant Grant => context.Grant;

    public Task SearchAsync(string type, IReadOnlyList<(string Name, string Value)> parameters) =>
        RunAsync(new PageCursor(type, [.. parameters.SelectMany(p => new[] { p.Name, p.Value })], 0, Core.Time.GetUtcNow().UtcTicks,
            Grant.Id, 0));

    public Task EverythingAsync(string id, IReadOnlyList<(string Name, string Value)> parameters) =>
        RunAsync(new PageCursor($"Patient/{id}/$everything", [.. parameters.SelectMany(p => new[] { p.Name, p.Value })], 0,
            Core.Time.GetUtcNow().UtcTicks, Grant.Id, 0));

    public Task PageAsync(string cursor) => RunAsync(Core.Cursors.Open(cursor, Grant.Id));

    private Task RunAsync(PageCursor at)
    {
        var parameters = new List<(string, string)>();
        for (int i = 0; i + 1 < at.Query.Length; i += 2) parameters.Add((at.Query[i], at.Query[i + 1]));
        return at.Path.EndsWith("/$everything", StringComparison.Ordinal) ? RunEverythingAsync(at, parameters)
            : RunSearchAsync(at, parameters);
    }

    private async Task RunSearchAsync(PageCursor at, List<(string Name, string Value)> parameters)
    {
        if (!Grant.Covers(at.Path, 's')) throw FhirException.NoScope($"{Level}/{at.Path}.s");
        SearchRequest request = Core.Parser.Parse(at.Path, parameters);
        context.Refuse(request.NotApplied);
        var sight = new Sight(Grant, Core.Parser, 's');
        await AnswerAsync(at, request, sight, shelves => SearchEngine.Find(shelves, at.Path, request.Clauses, sight, context.Cancellation),
            Core.Index.Shelves);
    }

    private async Task RunEverythingAsync(PageCursor at, List<(string Name, string Value)> parameters)
    {
        string id = at.Path.Split('/')[1];
        if (!Grant.Scopes.Any(s => s.Letters.Contains('r', StringComparison.Ordinal))) throw FhirException.NoScope($"{Level}/*.r");
        (EverythingQuery query, SearchRequest request) = EverythingQuery.Parse(parameters);
        context.Refuse(request.NotApplied);
        PatientShelf[] shelves = Grant.Patient is not null ? [Core.ShelfOf(Grant)]
            : [.. Core.Index.Find("Patient", id).Select(h => h.Shelf)];
        if (!shelves.Any(s => s.FindCurrent("Patient", id) >= 0))
        {
            if (Grant.Patient is not null) await Core.AccessAsync(Grant, shelves[0], true, [], context.Cancellation);
            throw FhirException.NotFound("there is no Patient with this id here");
        }
        var sight = new Sight(Grant, Core.Parser, 'r');
        await AnswerAsync(at, request, sight, s => query.Find(s, sight), shelves);
    }

    private async Task AnswerAsync(
        PageCursor at, SearchRequest request, Sight sight, Func<IEnumerable<PatientShelf>, List<Hit>> find, PatientShelf[] all)
    {
        PatientShelf[] shelves = Grant.Patient is not null ? [Core.ShelfOf(Grant)] : all;
        for (int round = 1; ; round++)
        {
            List<Hit> hits = await FindPermittedAsync(sight, find, shelves);
            hits.RemoveAll(h => h.Document.UpdatedTicks > at.AsOf);
            if (request.Sort.Count > 0 && hits.Count > MaxSorted) throw new FhirException(400, "too-costly",
                $"{hits.Count} results are too many to sort: narrow the search");
            SearchEngine.Sort(hits, request.Sort);
            List<Hit> page = request.Form == AnswerForm.CountOnly ? [] : [.. hits.Skip(at.Offset).Take(request.Count)];
            List<Hit> included = SearchEngine.Included(page, request.Includes, request.Reverse, sight, MaxIncluded);
            HashSet<Hit> refused = await RefusedAsync(page.Concat(included), shelves);
            // What was remembered of permissions was too old: it has been forgotten, so the next round counts right.
            if (refused.Count > 0 && round < MaxRounds) continue;
            page.RemoveAll(refused.Contains);
            included.RemoveAll(refused.Contains);
            await SendAsync(at, request, hits.Count, page, included);
            return;
        }
    }

    /// <summary>First by scopes alone; then the patients with results are asked about, and what they do not permit is left out.</summary>
    private async Task<List<Hit>> FindPermittedAsync(Sight sight, Func<IEnumerable<PatientShelf>, List<Hit>> find, PatientShelf[] shelves)
    {
        sight.IsProvisional = true;
        PatientShelf[] concerned = Grant.Patient is not null ? shelves : [.. find(shelves).Select(h => h.Shelf).Distinct()];
        await Parallel.ForEachAsync(concerned, new ParallelOptions { MaxDegreeOfParallelism = MaxParallel,
            CancellationToken = context.Cancellation }, async (shelf, stop) =>
        {
            (IReadOnlySet<int> compartments, _) = await Core.Memory.OfAsync(Grant.Asker, shelf, stop);
            lock (sight) sight.Permit(shelf, compartments);
        });
        sight.IsProvisional = false;
        return find(concerned);
    }

    /// <summary>Each patient's gatekeeper decision and log entry; what of it was not permitted.</summary>
    private async Task<HashSet<Hit>> RefusedAsync(IEnumerable<Hit> given, PatientShelf[] shelves)
    {
        var byShelf = given.GroupBy(h => h.Shelf).ToDictionary(g => g.Key, g => g.Distinct().ToArray());
        // A search that finds nothing is an access too, where it is about one person.
        if (byShelf.Count == 0 && Grant.Patient is not null) byShelf[shelves[0]] = [];
        var refused = new HashSet<Hit>();
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = MaxParallel, CancellationToken = context.Cancellation };
        await Parallel.ForEachAsync(byShelf, parallel, async (own, stop) =>
        {
            string[] records = [.. own.Value.Select(h => h.Document.RecordId)];
            IReadOnlySet<string> permitted = await Core.AccessAsync(Grant, own.Key, true, records, stop);
            lock (refused) refused.UnionWith(own.Value.Where(h => !permitted.Contains(h.Document.RecordId)));
        });
        return refused;
    }

    private async Task SendAsync(PageCursor at, SearchRequest request, int total, List<Hit> page, List<Hit> included)
    {
        var bundle = new BundleAnswer(context)
        {
            Type = "searchset", Total = request.WithTotal || request.Form == AnswerForm.CountOnly ? total : null,
                NotApplied = request.NotApplied,
        };
        bundle.Links.Add(("self", Url(at.Path, request.Applied)));
        int next = at.Offset + page.Count;
        if (request.Form == AnswerForm.Entries && page.Count > 0 && next < total) bundle.Links.Add(("next",
            $"{Core.Base}?_getpages={Core.Cursors.Seal(at with { Offset = next })}"));
        if (at.Offset > 0) bundle.Links.Add(("previous",
            $"{Core.Base}?_getpages={Core.Cursors.Seal(at with { Offset = Math.Max(0, at.Offset - request.Count) })}"));
        bundle.Entries.AddRange(page.Select(h => (h, "match")));
        bundle.Entries.AddRange(included.Select(h => (h, "include")));
        await bundle.SendAsync();
    }

    private string Level => Grant.Patient is not null ? "patient" : Grant.User is not null ? "user" : "system";

    /// <summary>The self link says what was applied, and only that.</summary>
    private string Url(string path, IReadOnlyList<(string Name, string Value)> applied) => applied.Count == 0

            ? $"{Core.Base}/{path}" : $"{Core.Base}/{path}?{string.Join('&', applied.Select(a => $"{Uri.EscapeDataString(a.Name)}={Uri.EscapeDataString(a.Value)}"))}";
}

/// <summary>The parameters of <c>$everything</c>: <c>_type</c>, <c>_since</c>, <c>_count</c>.</summary>
internal sealed class EverythingQuery(IReadOnlyList<string> types, long since)
{
    public static (EverythingQuery Query, SearchRequest Request) Parse(IReadOnlyList<(string Name, string Value)> parameters)
    {
        string[] types = [];
        long since = 0;
        int count = QueryParser.DefaultCount;
        var applied = new List<(string, string)>();
        var notApplied = new List<string>();
        foreach ((string name, string value) in parameters)
        {
            if (name == "_type")
            {
                types = value.Split(',');
                if (types.FirstOrDefault(t => !SearchParameters.IsType(t)) is { } bad) throw new SearchException("_type",
                    $"{RequestContext.Printable(bad)} is not a resource type");
            }
            else if (name == "_since") since = FhirDates.TryParse(value.Replace(' ', '+'), out DateSpan span) ? span.Low
                : throw new SearchException(name, "not an instant");
            else if (name == "_count") count = int.TryParse(value, out int asked) && asked > 0 ? Math.Min(asked, QueryParser.MaxCount)
                : throw new SearchException(name, "not a number above 0");
            else if (name != "_format")
            {
                notApplied.Add(name);
                continue;
            }
            applied.Add((name, value));
        }
        return (new EverythingQuery(types, since), new SearchRequest("Patient", [], [], [], [], count, AnswerForm.Entries, true, applied,
            notApplied));
    }

    public List<Hit> Find(IEnumerable<PatientShelf> shelves, IVisibility visibility)
    {
        var found = new List<Hit>();
        foreach (PatientShelf shelf in shelves)
        {
            // The patient first, as readers expect.
            foreach (string type in shelf.Types.Keys.OrderBy(t => t == "Patient" ? 0 : 1).ThenBy(t => t, StringComparer.Ordinal))
            {
                if (types.Count > 0 && !types.Contains(type)) continue;
                Range range = shelf.Types[type];
                for (int doc = range.Start.Value; doc < range.End.Value; doc++)
                {
                    if (shelf.Documents[doc].IsCurrent && shelf.Documents[doc].UpdatedTicks >= since
                        && visibility.Sees(shelf, doc)) found.Add(new Hit(shelf, doc));
                }
            }
        }
        return found;
    }
}
