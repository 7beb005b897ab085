using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Simulation;

/// <summary>
/// The driver of one replica, written to the ordering rules of <see cref="Ready"/>: one synced write for what has gathered,
/// then send, then execute. Everything but the disk is lost in a crash.
/// </summary>
internal sealed class SimNode(World world, int index, ReplicaConfig config)
{
    private readonly Queue<DecidedBlock> _toExecute = [];
    private List<Ready> _gathered = [];
    private List<Ready>? _writing;
    private bool _executing;
    private bool _proposing;

    public int Index => index;

    public Disk Disk { get; } = new();

    public Replica? Replica { get; private set; }

    /// <summary>Counts starts: events meant for an earlier life are dropped.</summary>
    public int Life { get; private set; }

    public bool Up => Replica is not null;

    public ulong HighestDecided { get; private set; }

    public void Start()
    {
        Life++;
        Replica = new Replica(config, Disk.Ledger((int)config.Window), Disk.Records(), world.ClockOf(index));
        HighestDecided = Math.Max(HighestDecided, Replica.Committed);
        world.At(world.Random.Between(1, Scenario.UnitsPerTick), this, TickEvent);
        Pump();
    }

    /// <summary>Power cut. A write under way is on disk or is not, as chance has it.</summary>
    public void Crash()
    {
        if (_writing is not null && world.Random.Chance(0.5)) Disk.Write(_writing);
        Replica = null;
        _writing = null;
        _gathered = [];
        _toExecute.Clear();
        _executing = false;
        _proposing = false;
    }

    public void Receive(VerifiedEnvelope message) => Step(new Received(message));

    public void Step(ReplicaInput input)
    {
        if (Replica is null) return;
        Replica.Step(input);
        Pump();
    }

    private void TickEvent()
    {
        Replica!.Step(new PendingWork(world.Working));
        Replica.Tick(world.ClockOf(index));
        world.At(Scenario.UnitsPerTick, this, TickEvent);
        Pump();
    }

    private void Pump()
    {
        Replica replica = Replica!;
        while (replica.HasReady)
        {
            Ready ready = replica.TakeReady();
            world.Trace(index, "ready", ready.Persist.Count, ready.Send.Count);
            if (ready.Halted is not null && world.IsHonest(index)) throw new InvariantException($"node {index} halted: {ready.Halted}");
            if (!replica.Signs && world.IsHonest(index)) throw new InvariantException($"node {index} stopped voting: {string.Join("; ", ready.Notices)}");
            foreach (string notice in ready.Notices) world.Say($"node {index}: {notice}");
            _gathered.Add(ready);
            foreach (BodyRequest want in ready.WantBodies)
                world.At(world.Random.Between(1, 20), this, () => Step(new BodiesReady(want.Height, want.BlockHash)));
            if (ready.Fetch is { } fetch) world.Fetch(this, fetch);
        }
        if (replica.WantProposal is not null && !_proposing)
        {
            _proposing = true;
            world.At(world.Random.Between(1, 40), this, ProposeEvent);
        }
        BeginWrite();
    }

    private void ProposeEvent()
    {
        _proposing = false;
        if (Replica!.WantProposal is not { } want) return;
        if (world.Working || want.HeartbeatDue)
        {
            var hashes = new Hash[world.Working ? world.Random.Between(0, 3) : 0];
            for (int i = 0; i < hashes.Length; i++) hashes[i] = world.RandomHash();
            Replica.Step(new Propose(hashes, world.ClockOf(index)));
        }
        Pump();
    }

    private void BeginWrite()
    {
        if (_writing is not null || _gathered.Count == 0) return;
        _writing = _gathered;
        _gathered = [];
        bool empty = _writing.All(r => r.Persist.Count == 0 && r.SyncBodies.Count == 0);
        if (empty) EndWrite();
        else world.At(world.Random.Between(1, 8), this, EndWrite);
    }

    private void EndWrite()
    {
        List<Ready> written = _writing!;
        _writing = null;
        Disk.Write(written);
        ulong checkpoint = Disk.Log.Keys.Where(k => k.Kind == LogKind.Checkpoint).Select(k => k.Height).DefaultIfEmpty().Max();
        foreach (Ready ready in written)
        {
            foreach (Outbound outbound in ready.Send)
            {
                if (world.IsHonest(index)) world.Check.Sent(index, outbound.Envelope, Disk, checkpoint);
                world.Send(index, outbound);
            }
            foreach (DecidedBlock decided in ready.Committed) Decided(decided);
            foreach (ExecutionCertificate certificate in ready.Certified)
            {
                if (world.IsHonest(index)) world.Check.Certified(index, certificate);
                if (certificate.Statement.Height > (Disk.Certificate?.Statement.Height ?? 0)) Disk.Certificate = certificate;
                if (certificate.Statement.Height % config.CheckpointInterval == 0) world.Totals.Checkpoints++;
            }
        }
        BeginExecution();
        BeginWrite();
    }

    private void Decided(DecidedBlock decided)
    {
        world.Trace(index, "decided", (long)decided.Block.Header.Height, decided.BlockHash.GetHashCodeStable());
        if (world.IsHonest(index)) world.Check.Decided(index, decided);
        HighestDecided = Math.Max(HighestDecided, decided.Block.Header.Height);
        world.Totals.Commits++;
        if (decided.Block.IsNull) world.Totals.NullBlocks++;
        _toExecute.Enqueue(decided);
    }

    private void BeginExecution()
    {
        if (_executing || _toExecute.Count == 0) return;
        _executing = true;
        world.At(world.Random.Between(1, 12), this, ExecuteEvent);
    }

    /// <summary>The trivial state machine: the state is the hash of all that was executed. Written before it is reported.</summary>
    private void ExecuteEvent()
    {
        _executing = false;
        DecidedBlock decided = _toExecute.Dequeue();
        ExecutionStatement before = Disk.Statements[^1];
        Hash chain = ExecutionStatement.NextChainHash(before.ChainHash, before.Height + 1, decided.BlockHash);
        Hash state = Digest.Of("ptoy/sim/state", before.StateRoot, chain);
        ulong time = Math.Max(before.TimeMs, decided.Block.Header.TimeMs);
        var statement = new ExecutionStatement(config.ChainId, 0, before.Height + 1, chain, state, chain, Hash.Zero, time);
        Disk.Statements.Add(statement);
        Disk.Blocks.Add(new CertifiedBlock(decided.Block, decided.Certificate));
        foreach (Hash _ in decided.Block.TransactionHashes.Take(1)) Disk.Bodies.Add(decided.BlockHash);
        if (world.IsHonest(index)) world.Check.Executed(index, statement);
        Step(new Executed(statement));
        BeginExecution();
    }
}
