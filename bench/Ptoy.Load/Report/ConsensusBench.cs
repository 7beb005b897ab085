using System.Security.Cryptography;
using Ptoy.Consensus;
using Ptoy.Load.Results;
using Ptoy.Node.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Load.Report;

/// <summary>What deciding and certifying a block costs all replicas together: CPU microseconds, and messages sent.</summary>
internal sealed record ConsensusCosts(double MicrosecondsPerBlock, double MessagesPerBlock);

/// <summary>Four real replicas in one thread, with real signatures and encoding, and neither network nor disk.</summary>
internal sealed class ConsensusBench : IDisposable
{
    private const int Nodes = 4;

    private readonly Hash _chainId = Digest.Of("bench/chain", [1]);
    private readonly SigningKey[] _keys = [.. Enumerable.Range(0, Nodes).Select(_ => new SigningKey(RandomNumberGenerator.GetBytes(SigningKey.SeedSize)))];
    private readonly Replica[] _replicas;
    private readonly MessageVerifier[] _verifiers;
    private readonly Hash[] _chain = new Hash[Nodes];
    private readonly Queue<(int To, byte[] Bytes)> _network = new();
    private readonly int _blockSize;
    private ulong _nowMs = 1_000;
    private int _certified, _messages;

    public ConsensusBench(int blockSize)
    {
        _blockSize = blockSize;
        ValidatorSet set = ValidatorSet.Of(0, [.. _keys.Select((k, i) => new Validator(k.Public, _keys[i].Address))]);
        _verifiers = [.. _keys.Select(_ => new MessageVerifier(_chainId, set, new SignatureMemory(Ed25519Verifier.Instance)))];
        var genesis = new LedgerState([new ExecutionStatement(_chainId, 0, 0, Hash.Zero, Hash.Zero, Hash.Zero, Hash.Zero, 0)], null);
        _replicas = [.. _keys.Select((k, i) => new Replica(
            new ReplicaConfig { ChainId = _chainId, Validators = set, Self = i, Signer = new Ed25519Signer(k) }, genesis, [], _nowMs))];
    }

    /// <summary>Decides and certifies that many blocks.</summary>
    public ConsensusCosts Run(int blocks)
    {
        RunBlocks(blocks / 4);
        _messages = 0;
        double microseconds = CpuClock.Thread(1, () => RunBlocks(blocks));
        return new ConsensusCosts(microseconds / blocks, _messages / (double)blocks);
    }

    public void Dispose()
    {
        foreach (SigningKey key in _keys) key.Dispose();
    }

    private void RunBlocks(int blocks)
    {
        const int MostRounds = 1_000_000;
        int target = _certified + blocks;
        for (int round = 0; _certified < target; round++)
        {
            if (round == MostRounds) throw new InvalidOperationException("micro-benchmark: the replicas do not certify blocks");
            for (int i = 0; i < Nodes; i++) Turn(i);
            if (_network.Count > 0) continue;
            _nowMs += 10;
            foreach (Replica replica in _replicas) replica.Tick(_nowMs);
        }
    }

    private void Turn(int self)
    {
        Replica replica = _replicas[self];
        for (int i = _network.Count; i > 0; i--)
        {
            (int to, byte[] bytes) = _network.Dequeue();
            if (to != self)
            {
                _network.Enqueue((to, bytes));
                continue;
            }
            var envelope = Codec.Decode<ConsensusEnvelope>(bytes, ConsensusEnvelope.MaxBytes);
            VerifiedEnvelope verified = _verifiers[self].Verify(envelope, out string error) ?? throw new InvalidOperationException($"micro-benchmark: {error}");
            replica.Step(new Received(verified));
        }
        while (replica.WantProposal is { InFlight: < 4 }) replica.Step(new Propose(NewHashes(), _nowMs));
        while (replica.HasReady) Do(self, replica.TakeReady());
    }

    private void Do(int self, Ready ready)
    {
        foreach (Outbound outbound in ready.Send)
        {
            byte[] bytes = Codec.Encode(outbound.Envelope);
            for (int to = 0; to < Nodes; to++)
            {
                if (to == self || (outbound.To != Outbound.Everyone && outbound.To != to)) continue;
                _network.Enqueue((to, bytes));
                _messages++;
            }
        }
        foreach (BodyRequest want in ready.WantBodies) _replicas[self].Step(new BodiesReady(want.Height, want.BlockHash));
        foreach (DecidedBlock decided in ready.Committed)
        {
            BlockHeader header = decided.Block.Header;
            _chain[self] = ExecutionStatement.NextChainHash(_chain[self], header.Height, decided.BlockHash);
            _replicas[self].Step(new Executed(new ExecutionStatement(_chainId, 0, header.Height, _chain[self], Hash.Zero, Hash.Zero, Hash.Zero, header.TimeMs)));
        }
        if (self == 0) _certified += ready.Certified.Count;
    }

    private Hash[] NewHashes() => [.. Enumerable.Range(0, _blockSize).Select(_ => new Hash(RandomNumberGenerator.GetBytes(Hash.Size)))];
}
