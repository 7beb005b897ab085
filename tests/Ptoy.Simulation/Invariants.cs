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
internal sealed class Invariants(ValidatorSet set, int quorum)
{
    private readonly Dictionary<ulong, Hash> _decided = [];
    private readonly Dictionary<ulong, ExecutionStatement> _executed = [];
    private readonly HashSet<(ulong Height, ulong View)> _verifiedCommits = [];
    private readonly HashSet<ulong> _verifiedExecutions = [];
    private readonly Dictionary<(int Node, bool Commit, ulong Height, ulong View), Hash> _votes = [];
    private readonly Dictionary<(int Node, ulong Height), ExecutionVote> _executionVotes = [];
    private readonly Dictionary<int, ulong> _asked = [];

    public void Decided(int node, DecidedBlock decided)
    {
        ulong height = decided.Block.Header.Height;
        if (decided.Block.ComputeHash() != decided.BlockHash || decided.Certificate.Statement.BlockHash != decided.BlockHash)
            throw new InvariantException($"node {node} decided height {height} with a certificate for another block");
        if (_decided.TryAdd(height, decided.BlockHash) is false && _decided[height] != decided.BlockHash)
            throw new InvariantException($"agreement: node {node} decided another block at height {height}");
        CommitCertificate certificate = decided.Certificate;
        if (!_verifiedCommits.Add((height, certificate.Statement.View))) return;
        Verify($"commit certificate of height {height} at node {node}", VoteStatement.CommitDomain, Codec.Encode(certificate.Statement), certificate.Signatures);
    }

    public void Executed(int node, ExecutionStatement statement)
    {
        if (!_executed.TryAdd(statement.Height, statement) && _executed[statement.Height] != statement)
            throw new InvariantException($"prefixes: node {node} executed another history up to height {statement.Height}");
    }

    public void Certified(int node, ExecutionCertificate certificate)
    {
        ulong height = certificate.Statement.Height;
        if (!_executed.TryGetValue(height, out ExecutionStatement? statement) || statement != certificate.Statement)
            throw new InvariantException($"node {node} has an execution certificate of height {height} for what nobody honest executed");
        if (!_verifiedExecutions.Add(height)) return;
        Verify($"execution certificate of height {height} at node {node}", ExecutionStatement.Domain, Codec.Encode(statement), certificate.Signatures);
    }

    /// <summary>Checks what an honest node puts on the wire against what it put there before, and against its disk.</summary>
    public void Sent(int node, ConsensusEnvelope envelope, Disk disk, ulong durableCheckpoint)
    {
        foreach (ExecutionVote vote in envelope.Votes)
        {
            if (!_executionVotes.TryAdd((node, vote.Height), vote) && _executionVotes[(node, vote.Height)] != vote)
                throw new InvariantException($"node {node} signed two outcomes of height {vote.Height}");
        }
        switch (envelope.Message)
        {
            case PrePrepare m:
                Vote(node, false, m.View, m.Block.Header.Height, m.Block.ComputeHash(), disk, durableCheckpoint);
                break;
            case Prepare m:
                Vote(node, false, m.View, m.Height, m.BlockHash, disk, durableCheckpoint);
                break;
            case Commit m:
                Vote(node, true, m.View, m.Height, m.BlockHash, disk, durableCheckpoint);
                break;
            case ViewChange m:
                _asked[node] = Math.Max(_asked.GetValueOrDefault(node), m.Statement.View);
                break;
            default:
                break;
        }
    }

    private void Vote(int node, bool commit, ulong view, ulong height, Hash block, Disk disk, ulong durableCheckpoint)
    {
        string what = $"{(commit ? "commit" : "prepare")} of node {node} for height {height} in view {view}";
        if (!_votes.TryAdd((node, commit, height, view), block))
        {
            if (_votes[(node, commit, height, view)] != block) throw new InvariantException($"two votes: {what} contradicts an earlier one");
        }
        else if (view < _asked.GetValueOrDefault(node))
        {
            throw new InvariantException($"late vote: {what}, which had asked for view {_asked[node]}");
        }
        if (height <= durableCheckpoint) return;
        if (!disk.Log.ContainsKey(new LogKey(commit ? LogKind.Commit : LogKind.Prepare, height, view)))
            throw new InvariantException($"durability: {what} was sent before it was on disk");
        if (disk.BodiesFor.TryGetValue(new LogKey(LogKind.Block, height, view), out Hash logged) && !disk.Bodies.Contains(logged))
            throw new InvariantException($"durability: {what} was sent before the bodies were on disk");
    }

    private void Verify(string what, string domain, byte[] message, ReplicaSignature[] signatures)
    {
        int previous = -1;
        foreach (ReplicaSignature signature in signatures)
        {
            if (signature.Replica <= previous || signature.Replica >= set.Count
                || !CheapVerifier.Instance.Verify(set.Members[signature.Replica].NodeKey, domain, message, signature.Signature))
                throw new InvariantException($"{what} does not verify");
            previous = signature.Replica;
        }
        if (signatures.Length < quorum) throw new InvariantException($"{what} has {signatures.Length} signatures");
    }
}
