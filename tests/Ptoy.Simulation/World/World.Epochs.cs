using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Simulation;

/// <summary>Members that come and go, and nodes that follow without a vote.</summary>
internal sealed partial class World
{
    private readonly List<Epoch> _epochs = [];
    private readonly Timetable _timetable;

    /// <summary>Most blocks that a follower is given at a time; below the smallest window.</summary>
    private const int FollowedBlocks = 7;

    public Epoch EpochOf(ulong number) => _epochs[(int)number];

    public bool Knows(ulong epoch) => epoch < (ulong)_epochs.Count;

    public ulong EpochAt(ulong height) => _timetable.EpochAt(height);

    public ulong? BarrierOf(ulong epoch, ulong executed) => _timetable.BarrierOf(epoch, executed);

    private void AddEpoch(int[] identities)
    {
        ValidatorSet set = Keys.Set((ulong)_epochs.Count, identities);
        ReplicaConfig config = new() { ChainId = ChainId, Validators = set, Self = -1, Fault = _fault };
        _epochs.Add(new Epoch(set, identities, new MessageVerifier(ChainId, set, CheapVerifier.Instance, config.Quorum, _fault)));
    }

    private Hash NextValidators(ulong height) => _timetable.EndsEpoch(height) ? EpochOf(EpochAt(height) + 1).Set.ComputeHash() : Hash.Zero;

    public LedgerState LedgerOf(SimNode node)
    {
        LedgerState ledger = node.Disk.Ledger((int)_scenario.Window);
        return ledger with { EpochBase = _timetable.BaseOf(node.Epoch), Barrier = BarrierOf(node.Epoch, node.Disk.Last.Height) };
    }

    /// <summary>A key that joins with this epoch and has no log yet.</summary>
    private bool IsNewcomer(SimNode node) =>
        node.Epoch > 0 && EpochOf(node.Epoch - 1).IndexOf(node.Identity) < 0 && !node.Disk.HadMarker;

    /// <summary>A node without a vote, or one whose epoch is over elsewhere, asks any node for what comes next.</summary>
    public void Follow(SimNode node)
    {
        SimNode peer = _nodes[Random.Between(0, _nodes.Count - 1)];
        if (peer == node || Lost(node, peer) || Lost(peer, node)) return;
        At(2 * Delay(), EventKind.Followed, node, number: peer.Slot);
    }

    private void Followed(SimNode node, int slot)
    {
        SimNode peer = _nodes[slot];
        if (!peer.Up) return;
        node.NoteShown(peer.Identity, IsHonest(peer) ? peer.Disk.Last.Height : ulong.MaxValue);
        if (peer.Disk.Last.Height < node.Disk.Last.Height) return;
        ulong from = node.Replica!.Committed + 1, epoch = node.Epoch;
        if (peer.Disk.EndOf(epoch) is { } end && end.Statement.Height == node.Disk.Last.Height)
        {
            var envelope = new ConsensusEnvelope(epoch, 0, new Checkpoint(end), []);
            VerifiedEnvelope proof = EpochOf(epoch).Verifier.Verify(envelope, out string error)
                ?? throw new InvariantException($"the certificate that ends epoch {epoch} does not verify: {error}");
            node.Step(new Received(AsIfFromAnother(node, proof)));
            return;
        }
        GiveBlocks(node, peer, from, from + FollowedBlocks - 1);
    }

    /// <summary>A replica ignores what seems to come from itself; a certificate is good from anyone.</summary>
    private VerifiedEnvelope AsIfFromAnother(SimNode node, VerifiedEnvelope proof) =>
        EpochOf(node.Epoch).IndexOf(node.Identity) != 0 ? proof : new VerifiedEnvelope(proof.Envelope with { Sender = 1 }, Hash.Zero);

    private void GiveBlocks(SimNode node, SimNode peer, ulong from, ulong to)
    {
        IReadOnlyList<CertifiedBlock> blocks = peer.Disk.BlocksFrom(from, to, _scenario.KeptBlocks);
        if (blocks.Count == 0)
        {
            if (peer.Disk.Last.Height >= from && peer.Disk.Certificate is { } head && IsHonest(peer)) node.InstallSnapshot(head);
            return;
        }
        foreach (CertifiedBlock block in blocks)
        {
            if (block.Block.Header.Epoch != node.Epoch) return;
            MessageVerifier verifier = EpochOf(node.Epoch).Verifier;
            if (RoleOf(peer) == Role.Forger && !_healed) RefuseForged(verifier, block);
            VerifiedBlock verified = verifier.VerifyBlock(block, out string error) ?? throw new InvariantException($"a fetched block does not verify: {error}");
            Totals.Fetched++;
            node.Step(new CommittedBlock(verified));
        }
    }

    /// <summary>The epoch is over for a node: it goes on in the next one.</summary>
    public void EpochStarted(SimNode node)
    {
        Totals.EpochsEntered++;
        if (EpochOf(node.Epoch).IndexOf(node.Identity) >= 0 && EpochOf(node.Epoch - 1).IndexOf(node.Identity) < 0) Totals.Joined++;
        if (EpochOf(node.Epoch).IndexOf(node.Identity) < 0 && EpochOf(node.Epoch - 1).IndexOf(node.Identity) >= 0) Totals.Left++;
        Observer?.EpochStarted(Time, node, node.Epoch);
    }
}
