using System.Collections.Concurrent;
using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage;
using Ptoy.Storage.Ledger;

namespace Ptoy.Node.Membership;

/// <summary>
/// The validator sets that this node knows, kept in its ledger: who decides which height, and what verifies it. May know epochs that the
/// ledger has not reached: a node that catches up learns first who will have signed. Thread-safe.
/// </summary>
public sealed class EpochBook
{
    private readonly LedgerStore _ledger;
    private readonly Hash _chainId;
    private readonly ISignatureVerifier _signatures;
    private readonly ConcurrentDictionary<ulong, MessageVerifier> _verifiers = new();

    /// <summary>Reads the ledger. Throws <see cref="StoreException"/> when what it says of an epoch does not hold.</summary>
    public EpochBook(Hash chainId, ValidatorSet genesis, LedgerStore ledger, ISignatureVerifier signatures)
    {
        (_chainId, _ledger, _signatures) = (chainId, ledger, signatures);
        Chain = new EpochChain(chainId, genesis);
        foreach (EpochStart start in ledger.Epochs())
        {
            if (Chain.Add(start) is { } problem) throw new StoreException(StoreProblem.Damaged, $"the ledger's record of epoch {start.Validators.Epoch} does not hold: {problem}");
        }
    }

    /// <summary>The sets, and how each was named.</summary>
    public EpochChain Chain { get; }

    /// <summary>Who decides the height after the newest executed one, as far as is known.</summary>
    public ValidatorSet Current => Chain.At((_ledger.Last?.Height ?? 0) + 1);

    /// <summary>Raised when an epoch became known, on the thread that told of it.</summary>
    public event Action? Added;

    /// <summary>Takes and keeps how the next epoch began. Null when it holds or was known, else what is wrong.</summary>
    public string? Add(EpochStart start)
    {
        ulong before = Chain.Newest.Epoch;
        if (Chain.Add(start) is { } problem) return problem;
        if (Chain.Newest.Epoch == before) return null;
        _ledger.PutEpoch(start);
        Added?.Invoke();
        return null;
    }

    /// <summary>Verifies messages of one epoch. Throws when it is not known.</summary>
    public MessageVerifier Verifier(ulong epoch) => _verifiers.GetOrAdd(epoch, e => new MessageVerifier(_chainId, Chain.Of(e)!, _signatures));

    /// <summary>The verified form of a decided block, by the validators of its epoch; or null and what is wrong.</summary>
    public VerifiedBlock? Verify(CertifiedBlock certified, out string error)
    {
        BlockHeader header = certified.Block.Header;
        error = Chain.Place(header.ChainId, header.Epoch, header.Height) ?? "";
        return error.Length > 0 ? null : Verifier(header.Epoch).VerifyBlock(certified, out error);
    }
}
