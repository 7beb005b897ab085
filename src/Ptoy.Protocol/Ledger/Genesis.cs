using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Ledger;

/// <summary>The source of one contract class, in force from genesis.</summary>
[MessagePackObject]
public sealed record GenesisContract([property: Key(0)] string Class, [property: Key(1)] string Source) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => Check.Text("class", Class, 1, ContractId.MaxClass) ?? Check.Text("source", Source, 1, 128 * 1024);
}

/// <summary>A call executed once, in order, as the chain itself (caller <see cref="Address.None"/>) at height 0.</summary>
[MessagePackObject]
public sealed record GenesisCall(
    [property: Key(0)] ContractId Contract,
    [property: Key(1)] string Method,
    [property: Key(2)] string Arguments) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => Check.Nested("contract", Contract) ?? Check.Text("method", Method, 1, 64) ?? Check.Text("arguments", Arguments, 2, TransactionBody.MaxArguments);
}

/// <summary>
/// Where a chain begins: who validates, which contracts are in force, which calls set them up. Its hash is the chain id,
/// so two chains never accept each other's signatures.
/// </summary>
[MessagePackObject]
public sealed record Genesis(
    [property: Key(0)] string Name,
    [property: Key(1)] ulong TimeMs,
    [property: Key(2)] uint VmVersion,
    [property: Key(3)] ValidatorSet Validators,
    [property: Key(4)] GenesisContract[] Contracts,
    [property: Key(5)] GenesisCall[] Calls) : IWire
{
    /// <summary>Largest encoded genesis in bytes.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Text("name", Name, 1, 64)
        ?? Check.Nested("validators", Validators)
        ?? (Validators.Epoch == 0 ? null : "validators: epoch is not 0")
        ?? Check.Each("contracts", Contracts, 64)
        ?? Check.Each("calls", Calls, 1024);

    /// <summary>The chain id.</summary>
    public Hash ComputeChainId() => Digest.Of(Domains.Genesis, Codec.Encode(this));
}
