using System.Collections.Concurrent;

namespace Ptoy.Services.Facade.Index;

/// <summary>
/// Codes, systems and units, each once, as small numbers. Only terms go in here, never identifiers, names or ids of resources: those are
/// kept
/// with their patient and vanish with it. When the pool is full, further terms are kept with their patient too.
/// </summary>
internal sealed class TermPool
{
    private const int MaxTerms = 2_000_000;
    private const int MaxLength = 256;
    private readonly ConcurrentDictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly List<string> _terms = [""];
    private readonly Lock _lock = new();

    public TermPool() => _ids[""] = 0;

    /// <summary>How many there are.</summary>
    public int Count => _ids.Count;

    /// <summary>The number of a term, or -1 when it is not known.</summary>
    public int Find(string term) => _ids.TryGetValue(term, out int id) ? id : -1;

    /// <summary>The number of a term, made when it is new; -1 when the pool is full or the term too long.</summary>
    public int Intern(string term)
    {
        if (_ids.TryGetValue(term, out int id)) return id;
        if (term.Length > MaxLength) return -1;
        lock (_lock)
        {
            if (_ids.TryGetValue(term, out id)) return id;
            if (_terms.Count >= MaxTerms) return -1;
            _terms.Add(term);
            _ids[term] = _terms.Count - 1;
            return _terms.Count - 1;
        }
    }

    public string this[int id]
    {
        get
        {
            lock (_lock) return _terms[id];
        }
    }
}
