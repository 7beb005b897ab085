using Ptoy.Services.Facade.Index;
using Ptoy.Services.Facade.Search;
using Ptoy.Services.Facade.Smart;

namespace Ptoy.Services.Facade.Http;

/// <summary>read, vread and the history of one resource.</summary>
internal sealed class ReadHandler(RequestContext context)
{
    private FacadeCore Core => context.Core;

    private SmartGrant Grant => context.Grant;

    public async Task ReadAsync(string type, string id)
    {
        NoOtherParameters(["_format"]);
        await SendAsync(await PermittedAsync(await FindAsync(type, id)));
    }

    public async Task VersionAsync(string type, string id, string version)
    {
        NoOtherParameters(["_format"]);
        Hit current = await FindAsync(type, id);
        Hit[] versions = [.. Versions(current).Where(h => RequestContext.VersionOf(h.Document) == version)];
        if (versions.Length == 0)
        {
            await PermittedAsync(current);
            throw FhirException.NotFound("there is no such version of it");
        }
        await SendAsync(await PermittedAsync(versions[0]));
    }

    public async Task HistoryAsync(string type, string id)
    {
        int count = QueryParser.DefaultCount;
        long since = 0;
        var notApplied = new List<string>();
        foreach ((string name, string value) in context.Query())
        {
            if (name == "_count") count = int.TryParse(value, out int asked) && asked > 0 ? Math.Min(asked, QueryParser.MaxCount)
                : throw FhirException.BadRequest("_count: not a number above 0");
            else if (name == "_since") since = FhirDates.TryParse(value.Replace(' ', '+'), out DateSpan span) ? span.Low
                : throw FhirException.BadRequest("_since: not an instant");
            else if (name != "_format") notApplied.Add(name);
        }
        context.Refuse(notApplied);
        Hit current = await FindAsync(type, id);
        Hit[] versions = [.. Versions(current).Where(h => h.Document.UpdatedTicks >= since)];
        IReadOnlySet<string> permitted = await Core.AccessAsync(Grant, current.Shelf, false,
            [.. versions.Select(v => v.Document.RecordId)], context.Cancellation);
        versions = [.. versions.Where(v => permitted.Contains(v.Document.RecordId))];
        if (versions.Length == 0) throw FhirException.Denied("the patient's contract does not permit it");
        var bundle = new BundleAnswer(context) { Type = "history", Total = versions.Length, NotApplied = notApplied };
        bundle.Links.Add(("self", $"{Core.Base}/{type}/{id}/_history"));
        bundle.Entries.AddRange(versions.Take(count).Select(v => (v, "match")));
        await bundle.SendAsync();
    }

    /// <summary>All versions, the newest first.</summary>
    private static IEnumerable<Hit> Versions(Hit current)
    {
        for (int doc = current.Doc; doc >= 0; doc = current.Shelf.Documents[doc].Previous) yield return new Hit(current.Shelf, doc);
    }

    private async Task<Hit> FindAsync(string type, string id)
    {
        if (!Grant.Covers(type, 'r')) throw FhirException.NoScope($"{Level}/{type}.r");
        if (Grant.Patient is not null)
        {
            PatientShelf shelf = Core.ShelfOf(Grant);
            if (shelf.FindCurrent(type, id) is var doc and >= 0) return InScope(new Hit(shelf, doc), type);
            // Whether it exists is told only to those who may look: the look is in the log like any other.
            await Core.AccessAsync(Grant, shelf, true, [], context.Cancellation);
            throw FhirException.NotFound($"there is no {type} with this id here");
        }
        IReadOnlyList<Hit> hits = Core.Index.Find(type, id);
        foreach (Hit hit in hits)
        {
            (IReadOnlySet<int> compartments, _) = await Core.Memory.OfAsync(Grant.Asker, hit.Shelf, context.Cancellation);
            if (compartments.Contains(hit.Document.Compartment)) return InScope(hit, type);
        }
        return hits.Count > 0 ? InScope(hits[0], type) : throw FhirException.NotFound($"there is no {type} with this id here");
    }

    private Hit InScope(Hit hit, string type)
    {
        var sight = new Sight(Grant, Core.Parser, 'r') { IsProvisional = true };
        return sight.Sees(hit.Shelf, hit.Doc) ? hit : throw FhirException.NoScope($"{Level}/{type}.r");
    }

    private string Level => Grant.Patient is not null ? "patient" : Grant.User is not null ? "user" : "system";

    private async Task<Hit> PermittedAsync(Hit hit)
    {
        IReadOnlySet<string> permitted = await Core.AccessAsync(Grant, hit.Shelf, false, [hit.Document.RecordId], context.Cancellation);
        return permitted.Contains(hit.Document.RecordId) ? hit : throw FhirException.Denied("the patient's contract does not permit it");
    }

    private async Task SendAsync(Hit hit)
    {
        string etag = RequestContext.ETag(hit.Document);
        var updated = new DateTimeOffset(hit.Document.UpdatedTicks, TimeSpan.Zero);
        HttpResponse response = context.Http.Response;
        response.Headers.ETag = etag;
        response.GetTypedHeaders().LastModified = updated;
        if (IsUnchanged(etag, updated))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        byte[] bytes = context.Resource(hit) ?? throw new FhirException(410, "deleted", "it is gone");
        response.ContentType = Outcomes.FhirJson;
        response.ContentLength = bytes.Length;
        if (!HttpMethods.IsHead(context.Http.Request.Method)) await response.Body.WriteAsync(bytes, context.Cancellation);
    }

    /// <summary>If-None-Match decides where both are there (RFC 9110, 13.2.2).</summary>
    private bool IsUnchanged(string etag, DateTimeOffset updated)
    {
        var headers = context.Http.Request.Headers;
        if (headers.IfNoneMatch.Count > 0)
            return headers.IfNoneMatch.SelectMany(v => (v ?? "").Split(',')).Any(v => v.Trim() is "*"
                || v.Trim().TrimStart('W', '/') == etag.TrimStart('W', '/'));
        return context.Http.Request.GetTypedHeaders().IfModifiedSince is { } since
            && updated.ToUnixTimeSeconds() <= since.ToUnixTimeSeconds();
    }

    private void NoOtherParameters(string[] known)
    {
        string[] unknown = [.. context.Query().Select(p => p.Name).Where(n => !known.Contains(n))];
        // A single resource has no place for a warning, so what cannot be applied is refused here.
        if (unknown.Length > 0)
            throw FhirException.NotSupported($"not known or not supported for a read: {string.Join(", ", unknown.Take(10).Select(RequestContext.Printable))}");
    }
}
