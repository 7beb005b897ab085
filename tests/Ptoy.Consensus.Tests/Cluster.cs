using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Consensus.Tests;

/// <summary>
/// Replicas with real keys, a disk each, and a network that delivers when told to. What they say is kept as a transcript
/// that reads like the figures of the paper.
/// </summary>
internal sealed class Cluster : IDisposable
{
    public static readonly Hash ChainId = Digest.Of("ptoy/test/chain", [1]);

    private readonly SigningKey[] _keys;
    private readonly Queue<(int From, int To, ConsensusEnvelope Envelope)> _network = [];

    public Cluster(int count = 4, Func<ReplicaConfig, ReplicaConfig>? change = null, byte[]? order = null)
    {
        _keys = [.. Enumerable.Range(0, count).Select(KeyOf)];
        Set = ValidatorSet.Of(0, [.. _keys.Select(k => new Validator(k.Public, k.Address))]);
        if (order is not null) Set = Set with { Order = order };
        NextSet = Set with { Epoch = 1 };
        Verifier = new MessageVerifier(ChainId, Set, Ed25519Verifier.Instance);
        ReplicaConfig config = new() { ChainId = ChainId, Validators = Set, Self = 0, Signer = new Ed25519Signer(_keys[0]) };
        if (change is not null) config = change(config);
        Nodes = [.. Enumerable.Range(0, count).Select(i => new Node(config with { Self = i, Signer = new Ed25519Signer(_keys[i]) }))];
        foreach (Node node in Nodes) Pump(node);
        Settle();
        Transcript.Clear();
    }

    public ValidatorSet Set { get; }

    /// <summary>The set of epoch 1, for tests that end epoch 0.</summary>
    public ValidatorSet NextSet { get; set; }

    /// <summary>From which executed height on the state says that the epoch ends, and where.</summary>
    public (ulong KnownAt, ulong Barrier)? Ends { get; set; }

    public MessageVerifier Verifier { get; }

    public Node[] Nodes { get; }

    /// <summary>What was sent, without status messages.</summary>
    public List<string> Transcript { get; } = [];

    /// <summary>Which messages arrive.</summary>
    public Func<int, int, ConsensusEnvelope, bool> Arrives { get; set; } = (_, _, _) => true;

    /// <summary>What a node's execution of a block gives; the default is the same everywhere.</summary>
    public Func<int, ulong, string> StateOf { get; set; } = (_, _) => "state";

    public ulong NowMs { get; set; } = 1_000_000;

    public Replica this[int index] => Nodes[index].Replica;

    public static SigningKey KeyOf(int index)
    {
        var seed = new byte[SigningKey.SeedSize];
        seed.AsSpan().Fill((byte)(index + 1));
        return new SigningKey(seed);
    }

    public static Hash Tx(int number) => Digest.Of("ptoy/test/tx", [(byte)number]);

    public void Dispose()
    {
        foreach (SigningKey key in _keys) key.Dispose();
    }

    public Signature SignVote(int replica, string domain, ulong view, ulong height, Hash block) =>
        _keys[replica].Sign(domain, Codec.Encode(new VoteStatement(ChainId, 0, view, height, block)));

    public void Step(int node, ReplicaInput input)
    {
        Nodes[node].Replica.Step(input);
        Pump(Nodes[node]);
    }

    /// <summary>Makes a node ask for the next view, alone.</summary>
    public void GiveUp(int node)
    {
        Nodes[node].Replica.AskForNextView();
        Pump(Nodes[node]);
    }

    public void Say(int from, int to, ConsensusMessage message)
    {
        VerifiedEnvelope? verified = Verifier.Verify(new ConsensusEnvelope(Nodes[to].Epoch, (byte)from, message, []), out string error);
        Assert.That(verified, Is.Not.Null, error);
        Step(to, new Received(verified!));
    }

    public void Propose(int primary, params int[] transactions) =>
        Step(primary, new Propose([.. transactions.Select(Tx)], NowMs));

    /// <summary>Proposes at the primary and delivers everything.</summary>
    public void Decide(int primary, params int[] transactions)
    {
        Propose(primary, transactions);
        Settle();
    }

    public void Tick(int ticks)
    {
        for (int i = 0; i < ticks; i++)
        {
            NowMs += 10;
            foreach (Node node in Nodes.Where(n => n.Up))
            {
                node.Replica.Tick(NowMs);
                Pump(node);
            }
            Settle();
        }
    }

    /// <summary>Delivers until the network is quiet.</summary>
    public void Settle()
    {
        while (_network.TryDequeue(out (int From, int To, ConsensusEnvelope Envelope) next))
        {
            // As a driver does: what is of another epoch than the node's is dropped before it is verified.
            if (!Nodes[next.To].Up || next.Envelope.Epoch != Nodes[next.To].Epoch || !Arrives(next.From, next.To, next.Envelope)) continue;
            ConsensusEnvelope decoded = Codec.Decode<ConsensusEnvelope>(Codec.Encode(next.Envelope), ConsensusEnvelope.MaxBytes);
            VerifiedEnvelope? verified = (decoded.Epoch == 0 ? Verifier : NextVerifier).Verify(decoded, out string error);
            Assert.That(verified, Is.Not.Null, error);
            Step(next.To, new Received(verified!));
        }
    }

    public void Restart(int index)
    {
        Nodes[index].Restart(NowMs);
        Pump(Nodes[index]);
    }

    /// <summary>Starts the replica of epoch 1 in a node, as its driver does upon <see cref="Ready.EpochEnded"/>.</summary>
    public void NextEpoch(int index, Func<ReplicaConfig, ReplicaConfig>? change = null)
    {
        Nodes[index].NextEpoch(c => change is null ? c with { Validators = NextSet } : change(c with { Validators = NextSet }), NowMs);
        Pump(Nodes[index]);
    }

    private MessageVerifier NextVerifier => new(ChainId, NextSet, Ed25519Verifier.Instance);

    private void Pump(Node node)
    {
        while (node.Replica.HasReady)
        {
            Ready ready = node.Replica.TakeReady();
            node.Apply(ready);
            foreach (Outbound outbound in ready.Send) Post(node.Index, outbound);
            if (!node.HoldsBodies)
            {
                foreach (BodyRequest want in ready.WantBodies) node.Replica.Step(new BodiesReady(want.Height, want.BlockHash));
            }
            if (!node.HoldsExecution) Execute(node);
        }
    }

    /// <summary>Executes what a node has decided.</summary>
    public void Execute(Node node)
    {
        while (node.ToExecute.TryDequeue(out DecidedBlock? decided))
        {
            ExecutionStatement last = node.Ledger[^1];
            ulong height = last.Height + 1;
            Hash state = Digest.Of("ptoy/test/state", System.Text.Encoding.UTF8.GetBytes(StateOf(node.Index, height)));
            Hash chain = ExecutionStatement.NextChainHash(last.ChainHash, height, decided.BlockHash);
            ulong time = Math.Max(last.TimeMs, decided.Block.Header.TimeMs);
            Hash next = height == Ends?.Barrier ? NextSet.ComputeHash() : Hash.Zero;
            var statement = new ExecutionStatement(ChainId, decided.Block.Header.Epoch, height, chain, state, state, next, time);
            node.Ledger.Add(statement);
            node.Blocks.Add(new CertifiedBlock(decided.Block, decided.Certificate));
            node.Replica.Step(new Executed(statement, node.Epoch == 0 && height >= Ends?.KnownAt ? Ends?.Barrier : null));
            Pump(node);
        }
    }

    private void Post(int from, Outbound outbound)
    {
        if (outbound.Envelope.Message is not Status) Transcript.Add($"{from} → {(outbound.To < 0 ? "all" : outbound.To)}: {Describe(outbound.Envelope)}");
        for (int to = 0; to < Nodes.Length; to++)
        {
            if (to != from && (outbound.To < 0 || outbound.To == to)) _network.Enqueue((from, to, outbound.Envelope));
        }
    }

    private static string Describe(ConsensusEnvelope envelope)
    {
        string? message = envelope.Message switch
        {
            PrePrepare m => $"pre-prepare v{m.View} h{m.Block.Header.Height}",
            Prepare m => $"prepare v{m.View} h{m.Height}",
            Commit m => $"commit v{m.View} h{m.Height}",
            ViewChange m => $"view-change v{m.Statement.View} above {m.Statement.CheckpointHeight}, prepared [{string.Join(' ', m.Statement.Prepared.Select(p => p.Statement.Height))}]",
            NewView m => $"new-view v{m.Statement.View}, proposes [{string.Join(' ', m.Statement.Proposals.Select(p => p.Height))}]",
            { } other => other.GetType().Name,
            null => null,
        };
        string votes = string.Join(' ', envelope.Votes.Select(v => $"executed h{v.Height}"));
        return message is null ? votes : votes.Length == 0 ? message : $"{message} + {votes}";
    }
}

/// <summary>A replica with its disk.</summary>
internal sealed class Node
{
    private ReplicaConfig _config;
    private ulong _base;

    public Node(ReplicaConfig config)
    {
        _config = config;
        Ledger.Add(new ExecutionStatement(config.ChainId, 0, 0, config.ChainId, Hash.Zero, Hash.Zero, Hash.Zero, 0));
        Replica = new Replica(config, State, [], 1_000_000);
    }

    public int Index => _config.Self;
    public ulong Epoch => _config.Validators.Epoch;
    public ulong? Barrier { get; set; }
    public Replica Replica { get; private set; }
    public Dictionary<LogKey, byte[]> Log { get; } = [];
    public List<ExecutionStatement> Ledger { get; } = [];
    public List<CertifiedBlock> Blocks { get; } = [];
    public List<Ready> History { get; } = [];
    public List<DecidedBlock> Decided { get; } = [];
    public Queue<DecidedBlock> ToExecute { get; } = [];
    public bool Up { get; set; } = true;
    public bool HoldsBodies { get; set; }
    public bool HoldsExecution { get; set; }
    public IEnumerable<ExecutionCertificate> Certificates => History.SelectMany(r => r.Certified);
    public IEnumerable<string> Notices => History.SelectMany(r => r.Notices);

    private LedgerState State => new(Ledger.TakeLast((int)_config.Window).ToList(), Certificates.LastOrDefault())
    {
        EpochBase = _base,
        Barrier = Barrier,
        Commits = [.. Blocks.TakeLast(8).Select(b => b.Certificate)],
    };

    public List<LogRecord> Records => [.. Log.Select(p => new LogRecord(p.Key, p.Value))];

    public void Apply(Ready ready)
    {
        History.Add(ready);
        foreach (LogRecord record in ready.Persist)
        {
            if (record.Value is null) Log.Remove(record.Key);
            else Log[record.Key] = record.Value;
        }
        foreach (DecidedBlock decided in ready.Committed)
        {
            Decided.Add(decided);
            ToExecute.Enqueue(decided);
        }
    }

    public void NextEpoch(Func<ReplicaConfig, ReplicaConfig> change, ulong nowMs)
    {
        _config = change(_config);
        _base = Ledger[^1].Height;
        Barrier = null;
        Restart(nowMs);
    }

    public void Restart(ulong nowMs)
    {
        Up = true;
        ToExecute.Clear();
        Replica = new Replica(_config, State, Records, nowMs);
    }
}
