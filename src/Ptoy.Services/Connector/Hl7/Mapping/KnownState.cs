namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>
/// What former messages said of a patient, read through a function and written to a list: mapping stays free of storage. Keys name what is
/// known (<c>PID</c>, <c>PV1/visit</c>), values are raw fields in the standard syntax.
/// </summary>
internal sealed class KnownState(Func<string, string[]?> stored)
{
    private readonly Dictionary<string, string[]> _fresh = new(StringComparer.Ordinal);

    /// <summary>What is to be stored, in the order in which it was learnt.</summary>
    public IReadOnlyDictionary<string, string[]> Fresh => _fresh;

    public string[]? Find(string key) => _fresh.TryGetValue(key, out string[]? fresh) ? fresh : stored(key);

    public bool Contains(string key) => Find(key) is not null;

    public void Remember(string key, string[] fields)
    {
        if (stored(key) is { } known && known.AsSpan().SequenceEqual(fields)) _fresh.Remove(key);
        else _fresh[key] = fields;
    }
}
