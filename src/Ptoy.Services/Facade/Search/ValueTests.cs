using Ptoy.Services.Facade.Index;

namespace Ptoy.Services.Facade.Search;

/// <summary>A comparison prefix of dates, numbers and quantities (FHIR R4, 3.1.1.4.5).</summary>
internal enum Prefix
{
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

/// <summary>A value that a search asks for: finds the lines of a parameter that have it.</summary>
internal abstract class ValueTest
{
    /// <summary>Adds document and element of each line of the parameter that fits.</summary>
    public abstract void Collect(PatientShelf shelf, int parameter, List<(int Doc, int Element)> hits);
}

/// <summary><c>code</c>, <c>system|code</c>, <c>|code</c> or <c>system|</c>. A null system or code is any.</summary>
internal sealed class TokenTest(string? system, string? code) : ValueTest
{
    public override void Collect(PatientShelf shelf, int parameter, List<(int Doc, int Element)> hits)
    {
        (int from, int to) = PatientShelf.Lines(shelf.Tokens, parameter, t => t.Parameter);
        int known = code is null ? -1 : shelf.Terms.Find(code);
        // The patient's own texts stand first, then the pool's in the order of their numbers.
        int at = from;
        for (; at < to && shelf.Tokens[at].Code < 0; at++)
        {
            if (code is null || shelf.Texts[~shelf.Tokens[at].Code] == code) Take(shelf, at, hits);
        }
        if (code is not null)
        {
            if (known < 0) return;
            at = Skip(shelf.Tokens, at, to, known);
        }
        for (; at < to && (code is null || shelf.Tokens[at].Code == known); at++) Take(shelf, at, hits);
    }

    private static int Skip(TokenEntry[] tokens, int low, int high, int code)
    {
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (tokens[middle].Code < code) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    private void Take(PatientShelf shelf, int at, List<(int Doc, int Element)> hits)
    {
        ref readonly TokenEntry token = ref shelf.Tokens[at];
        if (system is null || shelf.Text(token.System) == system) hits.Add((token.Doc, token.Element));
    }
}

/// <summary>How a string is compared.</summary>
internal enum StringMode
{
    Begins,
    Contains,
    Exact,
}

/// <summary>A text: its beginning, any part of it, or all of it to the letter.</summary>
internal sealed class StringTest(string text, StringMode mode) : ValueTest
{
    private readonly string _folded = TextFolding.Fold(text);

    public override void Collect(PatientShelf shelf, int parameter, List<(int Doc, int Element)> hits)
    {
        (int from, int to) = PatientShelf.Lines(shelf.Strings, parameter, t => t.Parameter);
        for (int at = from; at < to; at++)
        {
            ref readonly StringEntry line = ref shelf.Strings[at];
            bool fits = mode switch
            {
                StringMode.Exact => shelf.Text(line.Exact) == text,
                StringMode.Contains => shelf.Text(line.Folded).Contains(_folded, StringComparison.Ordinal),
                _ => shelf.Text(line.Folded).StartsWith(_folded, StringComparison.Ordinal),
            };
            if (fits) hits.Add((line.Doc, line.Element));
        }
    }
}

/// <summary>A URI to the letter, or what is below or above it.</summary>
internal sealed class UriTest(string uri, bool below, bool above) : ValueTest
{
    public override void Collect(PatientShelf shelf, int parameter, List<(int Doc, int Element)> hits)
    {
        (int from, int to) = PatientShelf.Lines(shelf.Tokens, parameter, t => t.Parameter);
        for (int at = from; at < to; at++)
        {
            string value = shelf.Text(shelf.Tokens[at].Code);
            if (value == uri || (below && value.StartsWith(uri, StringComparison.Ordinal))
                || (above && uri.StartsWith(value, StringComparison.Ordinal)))
                hits.Add((shelf.Tokens[at].Doc, shelf.Tokens[at].Element));
        }
    }
}

/// <summary>A date with its prefix.</summary>
internal sealed class DateTest(Prefix prefix, DateSpan asked, long nowTicks) : ValueTest
{
    public override void Collect(PatientShelf shelf, int parameter, List<(int Doc, int Element)> hits)
    {
        (int from, int to) = PatientShelf.Lines(shelf.Dates, parameter, t => t.Parameter);
        for (int at = from; at < to; at++)
        {
            ref readonly DateEntry line = ref shelf.Dates[at];
            if (Fits(line.Low, line.High)) hits.Add((line.Doc, line.Element));
        }
    }

    public bool Fits(long low, long high)
    {
        bool within = asked.Low <= low && high <= asked.High;
        return prefix switch
        {
            Prefix.Eq => within,
            Prefix.Ne => !within,
            Prefix.Gt => high > asked.High,
            Prefix.Lt => low < asked.Low,
            Prefix.Ge => high > asked.High || within,
            Prefix.Le => low < asked.Low || within,
            Prefix.Sa => low >= asked.High,
            Prefix.Eb => high <= asked.Low,
            _ => Approximates(low, high),
        };
    }

    /// <summary>Overlaps the span widened by a tenth of its distance from now, as the standard suggests.</summary>
    private bool Approximates(long low, long high)
    {
        long slack = Math.Abs(nowTicks - asked.Low) / 10;
        return low < asked.High + slack && high > asked.Low - slack;
    }
}

/// <summary>A number or quantity with its prefix, the precision it was written with, and its unit where one is asked for.</summary>
internal sealed class QuantityTest(Prefix prefix, decimal value, decimal half, string? system, string? code) : ValueTest
{
    private const double Tolerance = 1e-9;
    private readonly CanonicalUnit? _unit = code is not null && system == Units.Ucum ? Units.Find(code) : null;

    public override void Collect(PatientShelf shelf, int parameter, List<(int Doc, int Element)> hits)
    {
        (int from, int to) = PatientShelf.Lines(shelf.Quantities, parameter, t => t.Parameter);
        int baseUnit = _unit is null ? -1 : shelf.Terms.Find(_unit.Base);
        for (int at = from; at < to; at++)
        {
            ref readonly QuantityEntry line = ref shelf.Quantities[at];
            bool fits = SameUnit(shelf, line) ? Fits(line.Low)
                : baseUnit > 0 && line.Base == baseUnit && FitsInBase(line.BaseLow);
            if (fits) hits.Add((line.Doc, line.Element));
        }
    }

    private bool SameUnit(PatientShelf shelf, in QuantityEntry line)
    {
        if (code is null) return system is null || shelf.Text(line.System) == system;
        if (system is null or "") return shelf.Text(line.Code) == code || shelf.Text(line.Unit) == code;
        return shelf.Text(line.System) == system && shelf.Text(line.Code) == code;
    }

    private bool Fits(decimal number) => prefix switch
    {
        Prefix.Eq => number >= value - half && number < value + half,
        Prefix.Ne => number < value - half || number >= value + half,
        Prefix.Gt or Prefix.Sa => number > value,
        Prefix.Lt or Prefix.Eb => number < value,
        Prefix.Ge => number >= value,
        Prefix.Le => number <= value,
        _ => Math.Abs(number - value) <= Math.Abs(value) / 10,
    };

    // Conversion is inexact: what is within rounding of a bound counts as on it.
    private bool FitsInBase(double number)
    {
        double at = _unit!.Of((double)value), low = _unit.Of((double)(value - half)), high = _unit.Of((double)(value + half));
        double slack = Math.Max(Math.Abs(at), Math.Abs(number)) * Tolerance;
        return prefix switch
        {
            Prefix.Eq => number >= low - slack && number < high - slack,
            Prefix.Ne => number < low - slack || number >= high - slack,
            Prefix.Gt or Prefix.Sa => number > at + slack,
            Prefix.Lt or Prefix.Eb => number < at - slack,
            Prefix.Ge => number >= at - slack,
            Prefix.Le => number <= at + slack,
            _ => Math.Abs(number - at) <= (Math.Abs(at) / 10) + slack,
        };
    }
}

/// <summary>A reference by type and id, by id alone, or by URL. No types: any.</summary>
internal sealed class ReferenceTest(IReadOnlyList<string> types, string id, bool isAbsolute) : ValueTest
{
    public override void Collect(PatientShelf shelf, int parameter, List<(int Doc, int Element)> hits)
    {
        (int from, int to) = PatientShelf.Lines(shelf.References, parameter, t => t.Parameter);
        for (int at = from; at < to; at++)
        {
            ref readonly ReferenceEntry line = ref shelf.References[at];
            if (isAbsolute != (line.TargetType == -1) || shelf.Text(line.TargetId) != id) continue;
            if (isAbsolute || types.Count == 0 || IsOneOf(shelf, line.TargetType)) hits.Add((line.Doc, line.Element));
        }
    }

    private bool IsOneOf(PatientShelf shelf, int type)
    {
        if (type > 0) return types.Contains(shelf.Text(type));
        // The reference does not say of what type: what it leads to does; one that leads nowhere may be meant.
        bool isKnown = shelf.FindCurrent(null, id) >= 0;
        return !isKnown || types.Any(t => shelf.FindCurrent(t, id) >= 0);
    }
}

/// <summary>A composite: every part fits, in the same element.</summary>
internal sealed class CompositeTest(IReadOnlyList<(int Parameter, ValueTest Test)> parts) : ValueTest
{
    public override void Collect(PatientShelf shelf, int parameter, List<(int Doc, int Element)> hits)
    {
        HashSet<(int, int)>? common = null;
        foreach ((int part, ValueTest test) in parts)
        {
            var found = new List<(int Doc, int Element)>();
            test.Collect(shelf, part, found);
            if (common is null) common = [.. found];
            else common.IntersectWith(found);
            if (common.Count == 0) return;
        }
        hits.AddRange(common!);
    }
}
