using System.Collections.Concurrent;
using Ptoy.Protocol;

namespace Ptoy.Services.Facade.Index;

/// <summary>One resource of one patient.</summary>
internal readonly record struct Hit(PatientShelf Shelf, int Doc)
{
    public ref readonly ShelfDocument Document => ref Shelf.Documents[Doc];
}

/// <summary>
/// The shelves of all patients who let the organisation read, in memory. Shelves never change, so readers need no locks; a search works on
/// those that were there when it began.
/// </summary>
internal sealed class FacadeIndex
{
    private const int Many = -1;
    private readonly Dictionary<Address, PatientShelf> _byPatient = [];
    private readonly Dictionary<ulong, int> _owners = [];
    private readonly List<Address> _patients = [];
    private readonly Dictionary<Address, int> _numbers = [];
    private readonly Lock _lock = new();
    private PatientShelf[]? _ordered = [];

    public TermPool Terms { get; } = new();

    /// <summary>All shelves, in the order of accounts.</summary>
    public PatientShelf[] Shelves
    {
        get
        {
            if (Volatile.Read(ref _ordered) is { } ordered) return ordered;
            lock (_lock)
            {
                PatientShelf[] made = [.. _byPatient.Values];
                Array.Sort(made, (a, b) => string.CompareOrdinal(a.PatientText, b.PatientText));
                Volatile.Write(ref _ordered, made);
                return made;
            }
        }
    }

    /// <summary>Resources, all versions.</summary>
    public int Documents => Shelves.Sum(s => s.Documents.Length);

    public PatientShelf? Of(Address patient)
    {
        lock (_lock) return _byPatient.GetValueOrDefault(patient);
    }

    /// <summary>Puts a patient's shelf in the place of the one before.</summary>
    public void Replace(PatientShelf shelf)
    {
        lock (_lock)
        {
            if (!_numbers.TryGetValue(shelf.Patient, out int number))
            {
                _numbers[shelf.Patient] = number = _patients.Count;
                _patients.Add(shelf.Patient);
            }
            if (_byPatient.TryGetValue(shelf.Patient, out PatientShelf? old)) Forget(old, number);
            foreach (ref readonly ShelfDocument document in shelf.Documents.AsSpan())
            {
                ulong key = Key(document.Type, document.Id);
                _owners[key] = _owners.TryGetValue(key, out int owner) && owner != number ? Many : number;
            }
            _byPatient[shelf.Patient] = shelf;
            _ordered = null;
        }
    }

    /// <summary>Forgets a patient. True when there was something to forget.</summary>
    public bool Remove(Address patient)
    {
        lock (_lock)
        {
            if (!_byPatient.Remove(patient, out PatientShelf? shelf)) return false;
            Forget(shelf, _numbers[patient]);
            _ordered = null;
            return true;
        }
    }

    /// <summary>Every patient's current version of a resource: one, or several where hospitals handed the same out to many
    /// (practitioners).</summary>
    public IReadOnlyList<Hit> Find(string type, string id)
    {
        PatientShelf? only = null;
        lock (_lock)
        {
            if (!_owners.TryGetValue(Key(type, id), out int owner)) return [];
            if (owner != Many) only = _byPatient.GetValueOrDefault(_patients[owner]);
        }
        if (only is not null) return only.FindCurrent(type, id) is var doc and >= 0 ? [new Hit(only, doc)] : [];
        return [.. Shelves.Select(s => new Hit(s, s.FindCurrent(type, id))).Where(h => h.Doc >= 0)];
    }

    private void Forget(PatientShelf shelf, int number)
    {
        foreach (ref readonly ShelfDocument document in shelf.Documents.AsSpan())
        {
            // What several patients have keeps its mark: the search for it then finds what is left.
            ulong key = Key(document.Type, document.Id);
            if (_owners.TryGetValue(key, out int owner) && owner == number) _owners.Remove(key);
        }
    }

    /// <summary>FNV-1a. Two resources that share a number are told apart when the shelf is looked into; they only cost a look at all
    /// shelves.</summary>
    private static ulong Key(string type, string id)
    {
        ulong hash = 14695981039346656037;
        foreach (char c in type) hash = (hash ^ c) * 1099511628211;
        hash = (hash ^ '/') * 1099511628211;
        foreach (char c in id) hash = (hash ^ c) * 1099511628211;
        return hash;
    }
}
