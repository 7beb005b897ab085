using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>One vote as kept in a <see cref="VoteRow"/>.</summary>
internal readonly record struct Vote(ulong View, Hash Block, Signature? Signature);

/// <summary>The votes of one phase at one height: of each replica the one with the highest view, so that memory is bounded.</summary>
internal sealed class VoteRow(int count)
{
    private readonly Vote[] _votes = new Vote[count];

    /// <summary>The vote kept of a replica; its signature is null when there is none.</summary>
    public Vote this[int replica] => _votes[replica];

    /// <summary>Takes a vote. Returns the contradictory one when the replica voted otherwise in the same view.</summary>
    public Vote? Add(int replica, Vote vote)
    {
        Vote known = _votes[replica];
        if (known.Signature is null || known.View < vote.View)
        {
            _votes[replica] = vote;
            return null;
        }
        return known.View == vote.View && known.Block != vote.Block ? known : null;
    }

    /// <summary>How many replicas voted so.</summary>
    public int Count(ulong view, Hash block, bool anyBlock = false)
    {
        int count = 0;
        foreach (Vote vote in _votes)
        {
            if (vote.Signature is not null && vote.View == view && (anyBlock || vote.Block == block)) count++;
        }
        return count;
    }

    /// <summary>The signatures of those who voted so, in the order of replicas.</summary>
    public ReplicaSignature[] Signatures(ulong view, Hash block, bool anyBlock = false)
    {
        var signatures = new List<ReplicaSignature>(_votes.Length);
        for (int i = 0; i < _votes.Length; i++)
        {
            if (_votes[i].Signature is { } signature && _votes[i].View == view && (anyBlock || _votes[i].Block == block))
                signatures.Add(new ReplicaSignature((byte)i, signature));
        }
        return [.. signatures];
    }
}

/// <summary>What is proposed for a height in the current view.</summary>
internal sealed record Proposal(ulong View, Hash BlockHash, bool FromNewView);

/// <summary>Everything known about one height between the stable checkpoint and the high watermark.</summary>
internal sealed class Slot(ulong height, int replicas)
{
    public ulong Height { get; } = height;

    public VoteRow Prepares { get; } = new(replicas);

    public VoteRow Commits { get; } = new(replicas);

    /// <summary>Blocks known by hash: proposed, prepared or decided here. Others are dropped when a view begins.</summary>
    public Dictionary<Hash, Block> Blocks { get; } = [];

    /// <summary>Blocks whose bodies this node has (synced together with the vote).</summary>
    public HashSet<Hash> BodiesHeld { get; } = [];

    /// <summary>Blocks whose bodies the driver was asked for, and when, in ticks.</summary>
    public Dictionary<Hash, ulong> BodiesAsked { get; } = [];

    /// <summary>Blocks in the log.</summary>
    public HashSet<Hash> Logged { get; } = [];

    public Proposal? Current { get; set; }

    /// <summary>A proposal for a view not yet entered: the new-view message may be overtaken.</summary>
    public (int Sender, PrePrepare Message, Hash BlockHash)? Early { get; set; }

    public PreparedCertificate? Prepared { get; set; }

    public CommitCertificate? Decision { get; set; }

    /// <summary>A block that is wanted, who is known to hold it, and whom to ask next.</summary>
    public (Hash BlockHash, byte[] Holders, int Next)? Wanted { get; set; }

    /// <summary>The decided block, once both certificate and block are here.</summary>
    public Block? DecidedBlock => Decision is not null && Blocks.TryGetValue(Decision.Statement.BlockHash, out Block? block) ? block : null;

    /// <summary>Drops blocks that nothing refers to any more.</summary>
    public void DropUnusedBlocks()
    {
        foreach (Hash hash in Blocks.Keys.ToArray())
        {
            bool used = hash == Current?.BlockHash || hash == Prepared?.Statement.BlockHash || hash == Decision?.Statement.BlockHash
                || Logged.Contains(hash);
            if (!used) Blocks.Remove(hash);
        }
    }
}
