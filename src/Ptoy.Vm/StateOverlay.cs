using Ptoy.Protocol.Ledger;

namespace Ptoy.Vm;

/// <summary>One resulting entry of an overlay; null JSON means the key is removed.</summary>
public sealed record StateWrite(ContractId Contract, string Key, string? Json);

/// <summary>
/// Writes held in memory over a base reader, with an undo log. What was read from the base is kept too, so that a key costs
/// the base one read however often contracts ask for it. Not thread-safe.
/// </summary>
public sealed class StateOverlay : IContractState
{
    private readonly Func<ContractId, string, string?> _base;
    private readonly Dictionary<(ContractId Contract, string Key), string?> _read = [];
    private readonly Dictionary<(ContractId Contract, string Key), string?> _written = [];
    private readonly List<Undo> _undo = [];

    /// <summary>An overlay without writes over <paramref name="baseReader"/>.</summary>
    public StateOverlay(Func<ContractId, string, string?> baseReader)
    {
        ArgumentNullException.ThrowIfNull(baseReader);
        _base = baseReader;
    }

    /// <inheritdoc/>
    public string? Read(ContractId contract, string key)
    {
        (ContractId, string) at = (contract, key);
        if (_written.TryGetValue(at, out string? json)) return json;
        if (_read.TryGetValue(at, out json)) return json;
        json = _base(contract, key);
        _read[at] = json;
        return json;
    }

    /// <inheritdoc/>
    public void Write(ContractId contract, string key, string? json)
    {
        (ContractId, string) at = (contract, key);
        bool had = _written.TryGetValue(at, out string? before);
        _undo.Add(new Undo(contract, key, had, before));
        _written[at] = json;
    }

    /// <inheritdoc/>
    public int Mark() => _undo.Count;

    /// <inheritdoc/>
    public void Revert(int mark)
    {
        if (mark < 0 || mark > _undo.Count) throw new ArgumentOutOfRangeException(nameof(mark), "no such mark in this overlay");
        for (int i = _undo.Count - 1; i >= mark; i--)
        {
            Undo undo = _undo[i];
            if (undo.Had) _written[(undo.Contract, undo.Key)] = undo.Before;
            else _written.Remove((undo.Contract, undo.Key));
        }
        _undo.RemoveRange(mark, _undo.Count - mark);
    }

    /// <summary>
    /// The resulting entries in the same order on every node: by class, owner, then key, each in ordinal order. A key that
    /// ends with the value it had below the overlay is left out when that value was read.
    /// </summary>
    public IReadOnlyList<StateWrite> Writes()
    {
        var writes = new List<StateWrite>(_written.Count);
        foreach (((ContractId contract, string key), string? json) in _written)
        {
            if (_read.TryGetValue((contract, key), out string? below) && below == json) continue;
            writes.Add(new StateWrite(contract, key, json));
        }
        writes.Sort(Order);
        return writes;
    }

    private static int Order(StateWrite a, StateWrite b)
    {
        int order = string.CompareOrdinal(a.Contract.Class, b.Contract.Class);
        if (order == 0) order = a.Contract.Owner.CompareTo(b.Contract.Owner);
        return order == 0 ? string.CompareOrdinal(a.Key, b.Key) : order;
    }

    private readonly record struct Undo(ContractId Contract, string Key, bool Had, string? Before);
}
