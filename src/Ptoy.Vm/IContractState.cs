using Ptoy.Protocol.Ledger;

namespace Ptoy.Vm;

/// <summary>
/// What contracts read and write: JSON text under (contract, key). The VM marks the state before each call and reverts to
/// the mark when the call fails, so an implementation keeps an undo log. Used by one thread at a time.
/// </summary>
public interface IContractState
{
    /// <summary>The JSON text at a key of a contract instance, or null when there is none.</summary>
    string? Read(ContractId contract, string key);

    /// <summary>Sets the JSON text at a key, or removes the key when <paramref name="json"/> is null.</summary>
    void Write(ContractId contract, string key, string? json);

    /// <summary>A point to which <see cref="Revert"/> can return.</summary>
    int Mark();

    /// <summary>Undoes every write made after the mark.</summary>
    void Revert(int mark);
}
