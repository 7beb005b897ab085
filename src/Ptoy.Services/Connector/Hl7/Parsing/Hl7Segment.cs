namespace Ptoy.Services.Connector.Hl7.Parsing;

/// <summary>
/// One segment. Fields are counted from 1, as in the standard; of header segments field 1 is the delimiter itself. Reading a field by the
/// indexer marks it as used: what has a value and is never read is what the report calls not mapped.
/// </summary>
internal sealed class Hl7Segment
{
    private readonly string[] _fields;
    private readonly HashSet<int> _used;
    private readonly Hl7Syntax _syntax;

    public Hl7Segment(string name, int occurrence, string[] fields, Hl7Syntax syntax) : this(name, occurrence, fields, syntax, [])
    {
    }

    private Hl7Segment(string name, int occurrence, string[] fields, Hl7Syntax syntax, HashSet<int> used) =>
        (Name, Occurrence, _fields, _syntax, _used) = (name, occurrence, fields, syntax, used);

    /// <summary>Three characters.</summary>
    public string Name { get; }

    /// <summary>Which of its name in the message, from 1.</summary>
    public int Occurrence { get; }

    /// <summary>How many fields were written.</summary>
    public int Count => _fields.Length;

    /// <summary>Reads a field, for use.</summary>
    public Hl7Value this[int field]
    {
        get
        {
            _used.Add(field);
            return Peek(field);
        }
    }

    /// <summary>Looks at a field without using it.</summary>
    public Hl7Value Peek(int field) => new(field >= 1 && field <= _fields.Length ? _fields[field - 1] : "", _syntax, Hl7Level.Field);

    /// <summary>Says that what a field holds was not used after all.</summary>
    public void LeftOut(int field) => _used.Remove(field);

    /// <summary>Says that a field carries nothing to map: set ids and the like.</summary>
    public void Ignore(params ReadOnlySpan<int> fields)
    {
        foreach (int field in fields) _used.Add(field);
    }

    /// <summary>Everything here carries nothing to map.</summary>
    public void IgnoreAll()
    {
        for (int i = 1; i <= _fields.Length; i++) _used.Add(i);
    }

    /// <summary>True once a field was used.</summary>
    public bool IsUsed => _used.Count > 0;

    /// <summary>Fields that have a value and were not used.</summary>
    public IEnumerable<int> Unused()
    {
        for (int i = 1; i <= _fields.Length; i++)
        {
            if (!_used.Contains(i) && Peek(i).HasValue) yield return i;
        }
    }

    /// <summary>
    /// This segment laid over what is known: an empty field says nothing, so the known one stays; the null value removes it. With
    /// <paramref name="fillOnly"/> the known one stays in any case. Uses of the result count as uses of this segment.
    /// </summary>
    public Hl7Segment Over(string[]? known, bool fillOnly)
    {
        if (known is null) return this;
        int count = Math.Max(known.Length, _fields.Length);
        var fields = new string[count];
        for (int i = 0; i < count; i++)
        {
            string old = i < known.Length ? known[i] : "";
            string fresh = i < _fields.Length ? _syntax.Rewrite(_fields[i], Hl7Syntax.Standard) : "";
            if (fresh == "\"\"") fields[i] = fillOnly ? old : "";
            else if (fresh.Length == 0 || (fillOnly && old.Length > 0)) fields[i] = old;
            else fields[i] = fresh;
        }
        return new Hl7Segment(Name, Occurrence, fields, Hl7Syntax.Standard with { Charset = _syntax.Charset }, _used);
    }

    /// <summary>A copy with some fields taken away, sharing what is used.</summary>
    public Hl7Segment Without(params ReadOnlySpan<int> fields)
    {
        string[] left = [.. _fields];
        foreach (int field in fields)
        {
            if (field <= left.Length) left[field - 1] = "";
        }
        return new Hl7Segment(Name, Occurrence, left, _syntax, _used);
    }

    /// <summary>The raw fields in the standard syntax, null values gone: what is kept for the next message.</summary>
    public string[] Keep() => [.. _fields.Select(f => _syntax.Rewrite(f, Hl7Syntax.Standard)).Select(f => f == "\"\"" ? "" : f)];

    /// <summary>The segment as text in its own syntax.</summary>
    public string Render()
    {
        IEnumerable<string> written = Name is "MSH" or "FHS" or "BHS" ? _fields.Skip(1) : _fields;
        return Name + _syntax.Field + string.Join(_syntax.Field, written);
    }
}
