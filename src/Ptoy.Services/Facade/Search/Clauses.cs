using Ptoy.Services.Facade.Index;

namespace Ptoy.Services.Facade.Search;

/// <summary>One repetition of a parameter: what all results have to satisfy.</summary>
internal abstract class Clause
{
    /// <summary>Keeps of the candidates those that satisfy it.</summary>
    public abstract void Apply(PatientShelf shelf, DocBits candidates, IVisibility visibility);
}

/// <summary>Any of the values, or with <c>:not</c> none of them.</summary>
internal sealed class ValueClause(int parameter, IReadOnlyList<ValueTest> values, bool negate) : Clause
{
    public override void Apply(PatientShelf shelf, DocBits candidates, IVisibility visibility)
    {
        var found = new DocBits(candidates.Start, candidates.End);
        var hits = new List<(int Doc, int Element)>();
        foreach (ValueTest value in values) value.Collect(shelf, parameter, hits);
        foreach ((int doc, _) in hits) found.Set(doc);
        if (negate) candidates.AndNot(found);
        else candidates.And(found);
    }
}

/// <summary><c>:missing</c>: whether the resource has any value for the parameter.</summary>
internal sealed class MissingClause(SearchParameter parameter, bool isMissing) : Clause
{
    public override void Apply(PatientShelf shelf, DocBits candidates, IVisibility visibility)
    {
        var present = new DocBits(candidates.Start, candidates.End);
        foreach (int id in Ids()) Mark(shelf, id, present);
        if (isMissing) candidates.AndNot(present);
        else candidates.And(present);
    }

    private IEnumerable<int> Ids() => parameter.Kind switch
    {
        ParameterKind.Composite => [parameter.Parts[0].Id],
        ParameterKind.Token => [parameter.Id, parameter.Id | SearchParameter.TextBit],
        ParameterKind.Reference => [parameter.Id, parameter.Id | SearchParameter.IdentifierBit],
        _ => [parameter.Id],
    };

    private static void Mark(PatientShelf shelf, int id, DocBits present)
    {
        Lines(shelf.Tokens, id, t => t.Parameter, t => t.Doc, present);
        Lines(shelf.Strings, id, t => t.Parameter, t => t.Doc, present);
        Lines(shelf.Dates, id, t => t.Parameter, t => t.Doc, present);
        Lines(shelf.References, id, t => t.Parameter, t => t.Doc, present);
        Lines(shelf.Quantities, id, t => t.Parameter, t => t.Doc, present);
    }

    private static void Lines<T>(T[] lines, int id, Func<T, int> parameter, Func<T, int> doc, DocBits present)
    {
        (int from, int to) = PatientShelf.Lines(lines, id, parameter);
        for (int at = from; at < to; at++) present.Set(doc(lines[at]));
    }
}

/// <summary><c>_id</c>.</summary>
internal sealed class IdClause(string type, IReadOnlyList<string> ids) : Clause
{
    public override void Apply(PatientShelf shelf, DocBits candidates, IVisibility visibility)
    {
        var found = new DocBits(candidates.Start, candidates.End);
        foreach (string id in ids)
        {
            if (shelf.FindCurrent(type, id) is var doc and >= 0) found.Set(doc);
        }
        candidates.And(found);
    }
}

/// <summary><c>_lastUpdated</c>.</summary>
internal sealed class UpdatedClause(IReadOnlyList<DateTest> values) : Clause
{
    public override void Apply(PatientShelf shelf, DocBits candidates, IVisibility visibility)
    {
        var found = new DocBits(candidates.Start, candidates.End);
        foreach (int doc in candidates.Items())
        {
            long ticks = shelf.Documents[doc].UpdatedTicks / TimeSpan.TicksPerMillisecond * TimeSpan.TicksPerMillisecond;
            if (values.Any(v => v.Fits(ticks, ticks + TimeSpan.TicksPerMillisecond))) found.Set(doc);
        }
        candidates.And(found);
    }
}

/// <summary>A chain of one link: refers to a resource of the same patient's record that satisfies the inner clause.</summary>
internal sealed class ChainClause(int parameter, IReadOnlyList<(string Type, Clause Inner)> targets) : Clause
{
    public override void Apply(PatientShelf shelf, DocBits candidates, IVisibility visibility)
    {
        var fitting = new List<DocBits>();
        foreach ((string type, Clause inner) in targets)
        {
            if (SearchEngine.Current(shelf, type) is not { } bits) continue;
            inner.Apply(shelf, bits, visibility);
            fitting.Add(bits);
        }
        var found = new DocBits(candidates.Start, candidates.End);
        (int from, int to) = PatientShelf.Lines(shelf.References, parameter, r => r.Parameter);
        for (int at = from; at < to; at++)
        {
            if (fitting.Any(f => SearchEngine.Resolve(shelf, shelf.References[at]) is var doc and >= 0 && f.Has(doc)
                && visibility.Sees(shelf, doc))) found.Set(shelf.References[at].Doc);
        }
        candidates.And(found);
    }
}
