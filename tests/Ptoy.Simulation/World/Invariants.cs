using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Simulation;

/// <summary>
/// What must hold after every step, whatever the network and the disks do: honest replicas decide and execute the same, prove it, and
/// never sign two things that contradict each other or that they could forget.
/// </summary>
internal sealed class Invariants(World world)
{
    private readonly Dictionary<ulong, Hash> _decided = [];
    private readonly List<ExecutionStatement?> _executed = [];
    private readonly HashSet<ulong> _verifiedCommits = [];
    private readonly HashSet<ulong> _verifiedExecutions = [];
    private readonly Dictionary<ulong, Hash> _votes = [];
    private readonly Dictionary<ulong, ExecutionVote> _executionVotes = [];
    private readonly Dictionary<int, ulong> _asked = [];

    /// <summary>Blocks that the primary of a view proposed in it, and whether they have bodies.</summary>
    private readonly Dictionary<Hash, bool> _proposed = [];

    /// <summary>What everybody has executed so far, if anybody has.</summary>
    public ExecutionStatement? Outcome(ulong height) => height < (ulong)_executed.Count ? _executed[(int)height] : null;

    public void Decided(SimNode node, DecidedBlock decided)
    {
        ulong height = decided.Block.Header.Height;
        if (decided.Certificate.Statement.BlockHash != decided.BlockHash || decided.Certificate.Statement.Height != height)
            throw new InvariantException($"{node.Name} decided height {height} with a certificate for another block");
        if (!_decided.TryAdd(height, decided.BlockHash))
        {
            if (_decided[height] != decided.BlockHash) throw new InvariantException($"agreement: {node.Name} decided another block at height {height}");
        }
        else
        {
            Valid(node, decided);
        }
        CommitCertificate certificate = decided.Certificate;
        if (!_verifiedCommits.Add((certificate.Statement.View << 32) | height)) return;
        Verify(certificate.Statement.Epoch, $"commit certificate of height {height} at {node.Name}", VoteStatement.CommitDomain,
            Codec.Encode(certificate.Statement), certificate.Signatures);
    }

    /// <summary>Validity: a proposal of its primary, or the null block; upon the true history, within the watermarks, not dated ahead.</summary>
    private void Valid(SimNode node, DecidedBlock decided)
    {
        Block block = decided.Block;
        BlockHeader header = block.Header;
        string what = $"validity: the block that {node.Name} decided at height {header.Height}";
        if (block.ComputeHash() != decided.BlockHash) throw new InvariantException($"{what} has another hash");
        if (block.IsNull)
        {
            if (block != Block.Null(world.ChainId, header.Epoch, header.Height)) throw new InvariantException($"{what} is not the null block");
            return;
        }
        if (!_proposed.ContainsKey(decided.BlockHash)) throw new InvariantException($"{what} was proposed by no primary");
        if (header.Epoch != world.EpochAt(header.Height)) throw new InvariantException($"{what} is of epoch {header.Epoch}, which does not decide it");
        if (header.ChainId != world.ChainId || header.Epoch != decided.Certificate.Statement.Epoch) throw new InvariantException($"{what} is of another chain or epoch");
        if (header.ExecutedHeight + node.Config.Window < header.Height) throw new InvariantException($"{what} rests on too old a state");
        if (header.TimeMs > world.LatestClock + node.Config.MaxDriftMs) throw new InvariantException($"{what} is dated ahead");
        if (Outcome(header.ExecutedHeight) is not { } outcome || outcome.ChainHash != header.ExecutedChainHash || outcome.StateRoot != header.ExecutedStateRoot)
            throw new InvariantException($"{what} rests on a state that nobody honest computed");
    }

    /// <summary>What everybody starts from.</summary>
    public void Genesis(ExecutionStatement statement) => _executed.Add(statement);

    public void Executed(SimNode node, ExecutionStatement statement)
    {
        int height = (int)statement.Height;
        while (_executed.Count <= height) _executed.Add(null);
        if (_executed[height] is { } known && known != statement)
            throw new InvariantException($"prefixes: {node.Name} executed another history up to height {statement.Height}");
        _executed[height] = statement;
    }

    public void Certified(SimNode node, ExecutionCertificate certificate)
    {
        ulong height = certificate.Statement.Height;
        if (Outcome(height) is not { } statement || statement != certificate.Statement)
            throw new InvariantException($"{node.Name} has an execution certificate of height {height} for what nobody honest executed");
        if (!_verifiedExecutions.Add(height)) return;
        Verify(statement.Epoch, $"execution certificate of height {height} at {node.Name}", ExecutionStatement.Domain, Codec.Encode(statement), certificate.Signatures);
    }

    /// <summary>Somebody put this proposal on the wire; it counts when it was its turn.</summary>
    public void Proposed(int identity, ulong epoch, ulong view, Block block, Hash hash)
    {
        if (!world.Knows(epoch)) return;
        Epoch of = world.EpochOf(epoch);
        if (of.Identities[of.Set.PrimaryOf(view)] == identity) _proposed[hash] = block.TransactionHashes.Length > 0;
    }

    /// <summary>A view that an honest node enters: its new-view message has a quorum behind it and proposes what follows from that.</summary>
    public static void Entered(SimNode node, byte[] record)
    {
        NewViewStatement statement = Codec.Decode<NewView>(record, ConsensusEnvelope.MaxBytes).Statement;
        ReplicaConfig sound = node.Config with { Fault = PlantedFault.None };
        if (NewViewPlan.Check(sound, node.Replica!.EpochBase, statement) is { } problem)
            throw new InvariantException($"new view: {node.Name} enters view {statement.View}: {problem}");
    }

    /// <summary>Checks what an honest node puts on the wire against what it put there before, and against its disk.</summary>
    public void Sent(SimNode node, ConsensusEnvelope envelope, Hash blockHash)
    {
        foreach (ExecutionVote vote in envelope.Votes)
        {
            ulong key = ((ulong)node.Identity << 48) | vote.Height;
            if (!_executionVotes.TryAdd(key, vote) && _executionVotes[key] != vote)
                throw new InvariantException($"{node.Name} signed two outcomes of height {vote.Height}");
            if (vote.Height > node.Disk.Last.Height)
                throw new InvariantException($"{node.Name} signed an outcome of height {vote.Height} before it executed that");
            if (Outcome(vote.Height) is { } outcome && outcome.StateRoot != vote.StateRoot)
                throw new InvariantException($"{node.Name} signed an outcome of height {vote.Height} that it did not compute");
        }
        switch (envelope.Message)
        {
            case PrePrepare m:
                Vote(node, new Cast(envelope.Epoch, false, m.View, m.Block.Header.Height, blockHash));
                break;
            case Prepare m:
                Vote(node, new Cast(envelope.Epoch, false, m.View, m.Height, m.BlockHash));
                break;
            case Commit m:
                Vote(node, new Cast(envelope.Epoch, true, m.View, m.Height, m.BlockHash));
                break;
            case ViewChange m:
                Asked(node, m.Statement);
                break;
            default:
                break;
        }
    }

    private readonly record struct Cast(ulong Epoch, bool Commit, ulong View, ulong Height, Hash Block)
    {
        public ulong Key(int identity) =>
            ((ulong)identity << 57) | (Commit ? 1UL << 56 : 0) | (Epoch << 48) | ((Height & 0xFFFFFF) << 24) | (View & 0xFFFFFF);

        public string Of(SimNode node) => $"{(Commit ? "commit" : "prepare")} of {node.Name} for height {Height} in view {View}";
    }

    private void Asked(SimNode node, ViewChangeStatement statement)
    {
        int key = (node.Identity << 8) | (int)statement.Epoch;
        _asked[key] = Math.Max(_asked.GetValueOrDefault(key), statement.View);
        // Once the view is open its new-view message replaces the record.
        if (node.Replica is not { ViewActive: false } replica || replica.View != statement.View) return;
        if (!node.Disk.Log.ContainsKey(new LogKey(LogKind.ViewChange, 0, statement.View)))
            throw new InvariantException($"durability: {node.Name} asked for view {statement.View} before that was on disk");
        ulong above = Math.Max(statement.CheckpointHeight, replica.EpochBase);
        foreach (LogKey logged in node.Disk.Log.Keys)
        {
            if (logged.Kind != LogKind.Prepared || logged.Height <= above) continue;
            if (!statement.Prepared.Any(p => p.Statement.Height == logged.Height && p.Statement.View >= logged.View))
                throw new InvariantException($"view change: {node.Name} asks for view {statement.View} and leaves out height {logged.Height}, prepared in view {logged.View}");
        }
    }

    private void Vote(SimNode node, Cast cast)
    {
        ulong key = cast.Key(node.Identity);
        if (_votes.TryAdd(key, cast.Block)) FirstVote(node, cast);
        else if (_votes[key] != cast.Block && (!node.Forgot || node.MustBeSilent))
            throw new InvariantException($"two votes: {cast.Of(node)} contradicts an earlier one");
        if (node.Forgot || cast.Height <= node.Disk.Checkpoint) return;
        if (!node.Disk.Log.ContainsKey(new LogKey(cast.Commit ? LogKind.Commit : LogKind.Prepare, cast.Height, cast.View)))
            throw new InvariantException($"durability: {cast.Of(node)} was sent before it was on disk");
        if (_proposed.TryGetValue(cast.Block, out bool hasBodies) && hasBodies && !node.Disk.Bodies.Contains(cast.Block))
            throw new InvariantException($"durability: {cast.Of(node)} was sent before the bodies were on disk");
    }

    private void FirstVote(SimNode node, Cast cast)
    {
        if (node.MustBeSilent) throw new InvariantException($"forgotten: {cast.Of(node)}, whose log is not the newest of its key");
        if (_asked.Count > 0 && cast.View < _asked.GetValueOrDefault((node.Identity << 8) | (int)cast.Epoch) && !node.Forgot)
            throw new InvariantException($"late vote: {cast.Of(node)}, which had asked for a higher view");
        if (cast.Height > (world.BarrierOf(cast.Epoch, node.Disk.Last.Height) ?? ulong.MaxValue))
            throw new InvariantException($"barrier: {cast.Of(node)}, which lies above the end of epoch {cast.Epoch}");
        if (!_proposed.ContainsKey(cast.Block) && cast.Block != Block.Null(world.ChainId, cast.Epoch, cast.Height).ComputeHash())
            throw new InvariantException($"turn: {cast.Of(node)} is for what no primary proposed");
        if (cast.Commit && world.Thorough) Prepared(node, cast);
        if (cast.Height > node.Replica!.CertifiedHeight + node.Config.Window)
            throw new InvariantException($"watermarks: {cast.Of(node)}, which has certificates up to {node.Replica.CertifiedHeight} only");
    }

    /// <summary>A commit vote rests on a prepared certificate, which is on disk with it.</summary>
    private void Prepared(SimNode node, Cast cast)
    {
        if (!node.Disk.Log.TryGetValue(new LogKey(LogKind.Prepared, cast.Height, cast.View), out byte[]? record)) return;
        PreparedCertificate certificate = Codec.Decode<PreparedCertificate>(record, ConsensusEnvelope.MaxBytes);
        Verify(cast.Epoch, $"prepared certificate beneath the {cast.Of(node)}", VoteStatement.PrepareDomain, Codec.Encode(certificate.Statement), certificate.Signatures);
    }

    private void Verify(ulong epoch, string what, string domain, byte[] message, ReplicaSignature[] signatures)
    {
        ValidatorSet set = world.EpochOf(epoch).Set;
        int previous = -1;
        foreach (ReplicaSignature signature in signatures)
        {
            if (signature.Replica <= previous || signature.Replica >= set.Count
                || !CheapVerifier.Instance.Verify(set.Members[signature.Replica].NodeKey, domain, message, signature.Signature))
                throw new InvariantException($"{what} does not verify");
            previous = signature.Replica;
        }
        if (signatures.Length < set.Quorum) throw new InvariantException($"{what} has {signatures.Length} signatures");
    }
}
