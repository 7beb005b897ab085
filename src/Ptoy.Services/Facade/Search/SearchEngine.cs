using Ptoy.Services.Facade.Index;

namespace Ptoy.Services.Facade.Search;

/// <summary>A parameter to sort by.</summary>
internal sealed record SortKey(SearchParameter? Parameter, string Name, bool Descending);

/// <summary><c>_include</c> and <c>_revinclude</c>: references of a type by a parameter, to a type where one is named.</summary>
internal sealed record IncludeRule(string SourceType, SearchParameter Parameter, string? TargetType);

/// <summary>What a caller may see: the shelves, and of them the documents. The engine knows nothing of why.</summary>
internal interface IVisibility
{
    /// <summary>Whether a document may be seen.</summary>
    bool Sees(PatientShelf shelf, int doc);
}

/// <summary>Finds, sorts and follows references on shelves.</summary>
internal static class SearchEngine
{
    /// <summary>The current documents of a type; null when the shelf has none.</summary>
    public static DocBits? Current(PatientShelf shelf, string type)
    {
        if (!shelf.Types.TryGetValue(type, out Range range)) return null;
        var bits = new DocBits(range.Start.Value, range.End.Value);
        for (int doc = bits.Start; doc < bits.End; doc++)
        {
            if (shelf.Documents[doc].IsCurrent) bits.Set(doc);
        }
        return bits;
    }

    /// <summary>All that satisfies every clause and may be seen; a resource that several patients' records hold counts once.</summary>
    public static List<Hit> Find(
        IEnumerable<PatientShelf> shelves, string type, IReadOnlyList<Clause> clauses, IVisibility visibility,
            CancellationToken cancellation)
    {
        var found = new List<Hit>();
        HashSet<string>? shared = type is "Practitioner" or "Organization" or "Location" or "PractitionerRole" or "Medication" or "Device"
            ? [] : null;
        foreach (PatientShelf shelf in shelves)
        {
            cancellation.ThrowIfCancellationRequested();
            if (Current(shelf, type) is not { } bits) continue;
            foreach (Clause clause in clauses)
            {
                clause.Apply(shelf, bits, visibility);
                if (bits.IsEmpty) break;
            }
            foreach (int doc in bits.Items())
            {
                if (visibility.Sees(shelf, doc) && shared?.Add(shelf.Documents[doc].Id) != false) found.Add(new Hit(shelf, doc));
            }
        }
        return found;
    }

    /// <summary>The document that a reference leads to in the same shelf, or -1.</summary>
    public static int Resolve(PatientShelf shelf, in ReferenceEntry reference) => reference.TargetType == -1
        ? -1 : shelf.FindCurrent(reference.TargetType == 0 ? null : shelf.Text(reference.TargetType), shelf.Text(reference.TargetId));

    /// <summary>What the hits refer to by the rules, and what refers to them.</summary>
    public static List<Hit> Included(
        IReadOnlyList<Hit> page, IReadOnlyList<IncludeRule> includes, IReadOnlyList<IncludeRule> reverse, IVisibility visibility, int limit)
    {
        var seen = page.ToHashSet();
        var added = new List<Hit>();
        foreach (IGrouping<PatientShelf, Hit> own in page.GroupBy(h => h.Shelf))
        {
            var docs = own.Select(h => h.Doc).ToHashSet();
            foreach (IncludeRule rule in includes) Follow(own.Key, rule, (source, target) => docs.Contains(source) ? target : -1);
            foreach (IncludeRule rule in reverse) Follow(own.Key, rule, (source, target) => docs.Contains(target) ? source : -1);
        }
        return added;

        void Follow(PatientShelf shelf, IncludeRule rule, Func<int, int, int> choose)
        {
            (int from, int to) = PatientShelf.Lines(shelf.References, rule.Parameter.Id, r => r.Parameter);
            for (int at = from; at < to && added.Count < limit; at++)
            {
                int source = shelf.References[at].Doc, target = Resolve(shelf, shelf.References[at]);
                if (target < 0 || !shelf.Documents[source].IsCurrent) continue;
                if (rule.TargetType is not null && shelf.Documents[target].Type != rule.TargetType) continue;
                int chosen = choose(source, target);
                if (chosen >= 0 && visibility.Sees(shelf, chosen) && seen.Add(new Hit(shelf, chosen))) added.Add(new Hit(shelf, chosen));
            }
        }
    }

    /// <summary>Sorts in place; what lacks a value stands last, whichever the direction.</summary>
    public static void Sort(List<Hit> hits, IReadOnlyList<SortKey> keys)
    {
        if (keys.Count == 0 || hits.Count < 2) return;
        var columns = keys.Select(k => new SortColumn(k)).ToArray();
        foreach (IGrouping<PatientShelf, Hit> shelf in hits.GroupBy(h => h.Shelf))
        {
            foreach (SortColumn column in columns) column.Load(shelf.Key);
        }
        var place = new Dictionary<Hit, int>(hits.Count);
        for (int i = 0; i < hits.Count; i++) place[hits[i]] = i;
        hits.Sort((a, b) =>
        {
            foreach (SortColumn column in columns)
            {
                int order = column.Compare(a, b);
                if (order != 0) return order;
            }
            return place[a].CompareTo(place[b]);
        });
    }
}

/// <summary>The values that hits are sorted by: the least of several going up, the greatest going down.</summary>
internal sealed class SortColumn(SortKey key)
{
    private readonly Dictionary<Hit, SortValue> _values = [];

    private readonly record struct SortValue(double Number, string? Text) : IComparable<SortValue>
    {
        public int CompareTo(SortValue other) => Text is null ? Number.CompareTo(other.Number) : string.CompareOrdinal(Text, other.Text);
    }

    public void Load(PatientShelf shelf)
    {
        if (key.Parameter is not { } parameter) return;
        switch (parameter.Kind)
        {
            case ParameterKind.Token or ParameterKind.Uri:
                Each(shelf.Tokens, t => t.Parameter, t => Note(shelf, t.Doc, new SortValue(0, shelf.Text(t.Code))));
                break;
            case ParameterKind.String: Each(shelf.Strings, t => t.Parameter, t =>
                Note(shelf, t.Doc, new SortValue(0, shelf.Text(t.Folded)))); break;
            case ParameterKind.Date: Each(shelf.Dates, t => t.Parameter, t =>
                Note(shelf, t.Doc, new SortValue(key.Descending ? t.High : t.Low, null))); break;
            case ParameterKind.Reference: Each(shelf.References, t => t.Parameter, t =>
                Note(shelf, t.Doc, new SortValue(0, shelf.Text(t.TargetId)))); break;
            case ParameterKind.Quantity or ParameterKind.Number:
                Each(shelf.Quantities, t => t.Parameter, t => Note(shelf, t.Doc,
                    new SortValue(t.Base != 0 ? t.BaseLow : (double)t.Low, null)));
                break;
            default: break;
        }

        void Each<T>(T[] lines, Func<T, int> of, Action<T> take)
        {
            (int from, int to) = PatientShelf.Lines(lines, parameter.Id, of);
            for (int at = from; at < to; at++) take(lines[at]);
        }
    }

    public int Compare(Hit a, Hit b)
    {
        int order = key.Name switch
        {
            "_id" => string.CompareOrdinal(a.Document.Id, b.Document.Id),
            "_lastUpdated" => a.Document.UpdatedTicks.CompareTo(b.Document.UpdatedTicks),
            _ => CompareValues(a, b),
        };
        return key.Descending && key.Parameter is null ? -order : order;
    }

    private int CompareValues(Hit a, Hit b)
    {
        bool hasA = _values.TryGetValue(a, out SortValue first), hasB = _values.TryGetValue(b, out SortValue second);
        if (!hasA || !hasB) return hasA == hasB ? 0 : hasA ? -1 : 1;
        return key.Descending ? second.CompareTo(first) : first.CompareTo(second);
    }

    private void Note(PatientShelf shelf, int doc, SortValue value)
    {
        var hit = new Hit(shelf, doc);
        if (!_values.TryGetValue(hit, out SortValue known) || (key.Descending ? value.CompareTo(known) > 0
            : value.CompareTo(known) < 0)) _values[hit] = value;
    }
}
