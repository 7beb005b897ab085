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
        foreach (ref readonly Vote vote in _votes.AsSpan())
        {
            if (vote.Signature is not null && vote.View == view && (anyBlock || vote.Block == block)) count++;
        }
        return count;
    }

    /// <summary>The signatures of those who voted so, in the order of replicas.</summary>
    public ReplicaSignature[] Signatures(ulong view, Hash block, bool anyBlock = false)
    {
        var signatures = new ReplicaSignature[Count(view, block, anyBlock)];
        int at = 0;
        for (int i = 0; i < _votes.Length; i++)
        {
            if (_votes[i].Signature is { } signature && _votes[i].View == view && (anyBlock || _votes[i].Block == block))
                signatures[at++] = new ReplicaSignature((byte)i, signature);
        }
        return signatures;
    }
}

/// <summary>What is proposed for a height in the current view.</summary>
internal sealed record Proposal(ulong View, Hash BlockHash, bool FromNewView);

/// <summary>A block known at a height, and how far this node is with it.</summary>
internal sealed class KnownBlock(Hash hash, Block block)
{
    public Hash Hash { get; } = hash;

    public Block Block { get; } = block;

    /// <summary>All bodies are held here (synced together with the vote).</summary>
    public bool BodiesHeld { get; set; }

    /// <summary>Size of the bodies together, once held.</summary>
    public long BodyBytes { get; set; }

    /// <summary>When the driver was asked for the bodies, in ticks.</summary>
    public ulong? BodiesAskedAt { get; set; }

    /// <summary>The block is in the log.</summary>
    public bool Logged { get; set; }
}

/// <summary>Everything known about one height between the stable checkpoint and the high watermark.</summary>
internal sealed class Slot(ulong height, int replicas)
{
    // Nearly always one: the proposal.
    private readonly List<KnownBlock> _blocks = new(1);

    public ulong Height { get; } = height;

    public VoteRow Prepares { get; } = new(replicas);

    public VoteRow Commits { get; } = new(replicas);

    /// <summary>Votes on the outcome of the height, the first of each replica.</summary>
    public ExecutionVote?[] Results { get; } = new ExecutionVote?[replicas];

    /// <summary>The certificate on the outcome.</summary>
    public ExecutionCertificate? Certificate { get; set; }

    /// <summary>The certificate was handed out, and the height is executed.</summary>
    public bool Announced { get; set; }

    public Proposal? Current { get; set; }

    /// <summary>A proposal for a view not yet entered: the new-view message may be overtaken.</summary>
    public (int Sender, PrePrepare Message, Hash BlockHash)? Early { get; set; }

    public PreparedCertificate? Prepared { get; set; }

    public CommitCertificate? Decision { get; set; }

    /// <summary>A block that is wanted, who is known to hold it, and whom to ask next.</summary>
    public (Hash BlockHash, byte[] Holders, int Next)? Wanted { get; set; }

    /// <summary>The decided block, once both certificate and block are here.</summary>
    public Block? DecidedBlock => Decision is null ? null : Find(Decision.Statement.BlockHash)?.Block;

    /// <summary>A block by its hash, or null.</summary>
    public KnownBlock? Find(Hash hash)
    {
        foreach (KnownBlock known in _blocks)
        {
            if (known.Hash == hash) return known;
        }
        return null;
    }

    /// <summary>Adds a block unless it is known.</summary>
    public KnownBlock Learn(Hash hash, Block block)
    {
        if (Find(hash) is { } known) return known;
        var added = new KnownBlock(hash, block);
        _blocks.Add(added);
        return added;
    }

    /// <summary>Drops blocks that nothing refers to any more.</summary>
    public void DropUnusedBlocks() => _blocks.RemoveAll(b => !b.Logged
        && b.Hash != Current?.BlockHash && b.Hash != Prepared?.Statement.BlockHash && b.Hash != Decision?.Statement.BlockHash);
}
