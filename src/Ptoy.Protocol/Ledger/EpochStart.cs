using MessagePack;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Ledger;

/// <summary>
/// How an epoch began: its validators, and the execution certificate of the barrier height before it, signed by the validators of the
/// epoch before, which names the hash of these.
/// </summary>
[MessagePackObject]
public sealed record EpochStart(
    [property: Key(0)] ValidatorSet Validators,
    [property: Key(1)] ExecutionCertificate Barrier) : IWire
{
    /// <summary>Largest encoded form in bytes.</summary>
    public const int MaxBytes = ExecutionCertificate.MaxBytes + (ValidatorSet.MaxMembers * 256) + 1024;

    /// <summary>First height of the epoch.</summary>
    [IgnoreMember]
    public ulong First => Barrier.Statement.Height + 1;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Nested("validators", Validators)
        ?? Check.Nested("barrier", Barrier)
        ?? (Validators.Epoch == Barrier.Statement.Epoch + 1
            ? null
            : $"epoch {Validators.Epoch} does not follow the barrier's epoch {Barrier.Statement.Epoch}");
}
