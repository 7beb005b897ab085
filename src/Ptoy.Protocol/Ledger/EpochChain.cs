using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Ledger;

/// <summary>
/// Who decides which heights: the validator sets from genesis on, each vouched for by a quorum of the one before. What a set signed counts
/// only for the heights of its own epoch: the keys of those who left are worth nothing afterwards. Safe for many threads.
/// </summary>
public sealed class EpochChain
{
    private readonly Hash _chainId;
    private readonly Lock _adding = new();
    private EpochEntry[] _epochs;

    private sealed record EpochEntry(ValidatorSet Set, ulong First, EpochStart? Start);

    /// <summary>Knows the set of genesis, which decides from height 1 on until another is added.</summary>
    public EpochChain(Hash chainId, ValidatorSet genesis)
    {
        _chainId = chainId;
        _epochs = [new EpochEntry(genesis, 0, null)];
    }

    /// <summary>The newest set known.</summary>
    public ValidatorSet Newest => Volatile.Read(ref _epochs)[^1].Set;

    /// <summary>First height of the newest epoch known; 0 for that of genesis.</summary>
    public ulong NewestFirst => Volatile.Read(ref _epochs)[^1].First;

    /// <summary>Every set known, from genesis on.</summary>
    public IReadOnlyList<ValidatorSet> All => [.. Volatile.Read(ref _epochs).Select(e => e.Set)];

    /// <summary>The set of an epoch, or null when it is not known.</summary>
    public ValidatorSet? Of(ulong epoch) => Entry(Volatile.Read(ref _epochs), epoch)?.Set;

    /// <summary>The set that decides a height, as far as is known.</summary>
    public ValidatorSet At(ulong height) => Array.FindLast(Volatile.Read(ref _epochs), e => e.First <= height)!.Set;

    /// <summary>Last height of an epoch; null while its successor is not known.</summary>
    public ulong? LastOf(ulong epoch) => Entry(Volatile.Read(ref _epochs), epoch + 1) is { } next ? next.First - 1 : null;

    /// <summary>How the epochs from a number on began.</summary>
    public IReadOnlyList<EpochStart> From(ulong epoch, int most) =>
        [.. Volatile.Read(ref _epochs).Where(e => e.Start is not null && e.Set.Epoch >= epoch).Select(e => e.Start!).Take(most)];

    /// <summary>Every node key that ever was a validator's, as far as is known.</summary>
    public bool Ever(Crypto.PublicKey nodeKey) => Array.Exists(Volatile.Read(ref _epochs), e => e.Set.IndexOf(nodeKey) >= 0);

    /// <summary>True when the key was in a set before that of this epoch.</summary>
    public bool EverBefore(ulong epoch, Crypto.PublicKey nodeKey) =>
        Array.Exists(Volatile.Read(ref _epochs), e => e.Set.Epoch < epoch && e.Set.IndexOf(nodeKey) >= 0);

    /// <summary>Takes the beginning of the epoch after the newest. Null when it holds, or is known already; else what is wrong.</summary>
    public string? Add(EpochStart start)
    {
        if (start.Problem() is { } problem) return problem;
        lock (_adding)
        {
            EpochEntry[] epochs = _epochs;
            ulong epoch = start.Validators.Epoch;
            if (Entry(epochs, epoch) is { } known)
                return known.Set.ComputeHash() == start.Validators.ComputeHash() ? null : $"epoch {epoch} is known with other validators";
            EpochEntry last = epochs[^1];
            if (epoch != last.Set.Epoch + 1) return $"epoch {epoch} does not follow epoch {last.Set.Epoch}";
            if (Verify(start.Barrier) is { } unproven) return $"the end of epoch {last.Set.Epoch}: {unproven}";
            if (start.Barrier.Statement.NextValidators != start.Validators.ComputeHash())
                return $"the validators are not those that the end of epoch {last.Set.Epoch} names";
            if (start.First <= last.First) return $"epoch {epoch} begins before epoch {last.Set.Epoch}";
            Volatile.Write(ref _epochs, [.. epochs, new EpochEntry(start.Validators, start.First, start)]);
            return null;
        }
    }

    /// <summary>Null when the validators of its epoch signed it, for a height of that epoch; else what is wrong.</summary>
    public string? Verify(ExecutionCertificate certificate) =>
        Place(certificate.Statement.ChainId, certificate.Statement.Epoch, certificate.Statement.Height)
        ?? certificate.Verify(Of(certificate.Statement.Epoch)!);

    /// <summary>As for an execution certificate.</summary>
    public string? Verify(CommitCertificate certificate) =>
        Place(certificate.Statement.ChainId, certificate.Statement.Epoch, certificate.Statement.Height)
        ?? certificate.Verify(Of(certificate.Statement.Epoch)!);

    /// <summary>Null when that epoch is known and decides that height of this chain; else what is wrong.</summary>
    public string? Place(Hash chainId, ulong epoch, ulong height)
    {
        if (chainId != _chainId) return $"it is of chain {chainId.Short}…, not {_chainId.Short}…";
        EpochEntry[] epochs = Volatile.Read(ref _epochs);
        if (Entry(epochs, epoch) is not { } entry) return $"epoch {epoch} is not known here, only up to {epochs[^1].Set.Epoch}";
        if (height < entry.First) return $"height {height} is before epoch {epoch}, which begins at {entry.First}";
        return Entry(epochs, epoch + 1) is { } next && height >= next.First ? $"height {height} is after epoch {epoch}, which ended at {next.First - 1}" : null;
    }

    private static EpochEntry? Entry(EpochEntry[] epochs, ulong epoch) => epoch >= epochs[0].Set.Epoch && epoch - epochs[0].Set.Epoch < (ulong)epochs.Length
        ? epochs[(int)(epoch - epochs[0].Set.Epoch)]
        : null;
}
