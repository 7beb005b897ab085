using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Simulation;

/// <summary>One node of a <see cref="ScaleWorld"/>: a link, a consensus thread, verifiers, a disk and an executor, each busy until some moment.</summary>
internal sealed class ScaleNode
{
    private readonly ScaleWorld _world;
    private readonly Model _model;
    private readonly ReplicaConfig _config;
    private readonly long[] _verifiersFree;
    private readonly CountingSigner _signer;
    private List<Ready> _gathered = [];
    private Replica _replica = null!;
    private ExecutionStatement _last;
    private bool _writing;
    private long _linkFree;
    private long _threadFree;
    private long _executorFree;

    public ScaleNode(ScaleWorld world, Model model, int index, int inFlight)
    {
        _world = world;
        _model = model;
        Index = index;
        _verifiersFree = new long[model.Verifiers];
        _signer = new CountingSigner(Keys.SignerOf(index));
        _last = new ExecutionStatement(world.ChainId, 0, 0, world.ChainId, world.ChainId, world.ChainId, Hash.Zero, 0);
        _config = new ReplicaConfig
        {
            ChainId = world.ChainId,
            Validators = world.Set,
            AnySize = true,
            Self = index,
            Signer = _signer,
            MaxInFlight = inFlight,
            ViewTimeoutTicks = 3000,
            ResendTicks = 200,
            StatusTicks = 200,
        };
    }

    private sealed class CountingSigner(INodeSigner inner) : INodeSigner
    {
        public int Signed { get; set; }

        public Signature Sign(string domain, ReadOnlySpan<byte> message)
        {
            Signed++;
            return inner.Sign(domain, message);
        }
    }

    public int Index { get; }

    public ulong Committed => _replica.Committed;

    public double VerifyingMicros { get; private set; }

    public double SendingMicros { get; private set; }

    public void Start()
    {
        _replica = new Replica(_config, new LedgerState([_last], null), [], _world.ClockMs);
        Pump();
    }

    public void Tick()
    {
        _replica.Step(new PendingWork(true));
        _replica.Tick(_world.ClockMs);
        Pump();
    }

    /// <summary>Keeps the link busy with so many bytes; returns when the last of them has left.</summary>
    public long Occupy(long bytes)
    {
        double takes = bytes / _model.BytesPerMicro;
        SendingMicros += takes;
        _linkFree = Math.Max(_linkFree, _world.Now) + (long)Math.Ceiling(takes);
        return _linkFree;
    }

    /// <summary>First a verifier, then the consensus thread, each in turn.</summary>
    public void Arrive(VerifiedEnvelope message, int size, int signatures)
    {
        double verify = (signatures * _model.VerifyMicros) + (size * _model.ByteMicros);
        VerifyingMicros += verify;
        int worker = 0;
        for (int i = 1; i < _verifiersFree.Length; i++)
        {
            if (_verifiersFree[i] < _verifiersFree[worker]) worker = i;
        }
        _verifiersFree[worker] = Math.Max(_verifiersFree[worker], _world.Now) + (long)verify;
        _world.At(_verifiersFree[worker], () => OnThread(_model.MessageMicros, () => Step(new Received(message))));
    }

    private void OnThread(double micros, Action action)
    {
        _threadFree = Math.Max(_threadFree, _world.Now) + (long)Math.Ceiling(micros);
        _world.At(_threadFree, action);
    }

    private void Step(ReplicaInput input)
    {
        _replica.Step(input);
        Pump();
    }

    private void Pump()
    {
        while (true)
        {
            while (_replica.HasReady)
            {
                Ready ready = _replica.TakeReady();
                if (ready.Halted is not null) throw new InvariantException($"node {Index} halted: {ready.Halted}");
                _gathered.Add(ready);
                foreach (BodyRequest want in ready.WantBodies) _world.At(_world.Now, () => Step(new BodiesReady(want.Height, want.BlockHash)));
            }
            if (_replica.WantProposal is not { } request) break;
            _world.Proposed(request.Height);
            _replica.Step(new Propose(_world.NextTransactions(), _world.ClockMs));
        }
        Write();
    }

    /// <summary>Signing holds the thread up; what gathers while the disk syncs goes into the next write.</summary>
    private void Write()
    {
        _threadFree = Math.Max(_threadFree, _world.Now) + (long)(_signer.Signed * _model.SignMicros);
        _signer.Signed = 0;
        if (_writing || _gathered.Count == 0) return;
        List<Ready> batch = _gathered;
        _gathered = [];
        _writing = true;
        bool sync = batch.Exists(r => r.MustSync);
        _world.At(Math.Max(_threadFree, _world.Now) + (sync ? _model.SyncMicros : 0), () => Written(batch));
    }

    private void Written(List<Ready> batch)
    {
        _writing = false;
        foreach (Ready ready in batch)
        {
            foreach (Outbound outbound in ready.Send) _world.Send(this, outbound);
            foreach (DecidedBlock decided in ready.Committed) Execute(decided);
        }
        Write();
    }

    private void Execute(DecidedBlock decided)
    {
        if (Index == 0) _world.Decided(decided.Block.Header.Height);
        ulong height = _last.Height + 1;
        Hash chain = ExecutionStatement.NextChainHash(_last.ChainHash, height, decided.BlockHash);
        _last = new ExecutionStatement(_world.ChainId, 0, height, chain, chain, chain, Hash.Zero, decided.Block.Header.TimeMs);
        ExecutionStatement statement = _last;
        _executorFree = Math.Max(_executorFree, _world.Now) + (long)(decided.Block.TransactionHashes.Length * _model.ExecuteMicros) + _model.SyncMicros;
        _world.At(_executorFree, () => Step(new Executed(statement)));
    }
}
