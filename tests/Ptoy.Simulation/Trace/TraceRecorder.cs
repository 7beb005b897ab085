using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Simulation.Trace;

/// <summary>
/// Turns a run into the actions of the model in <c>spec/</c>. What a replica signs is taken from its consensus log, at the moment when the
/// write is on disk: it cannot have been sent before, so a message comes later in the trace than everything it rests on.
/// </summary>
internal sealed class TraceRecorder(Scenario scenario, int mostActions, ulong mostHeights) : WorldObserver
{
    private static readonly Dictionary<PublicKey, int> Identities = Enumerable.Range(0, 255).ToDictionary(i => Keys.Of(i).NodeKey);

    private readonly List<TraceAction> _actions = [];
    private readonly Dictionary<Hash, int> _blocks = [];
    private readonly Dictionary<int, HashSet<(LogKey Key, ulong Epoch)>> _recorded = [];
    private readonly HashSet<int> _down = [];
    private readonly Dictionary<int, HashSet<ulong>> _planned = [];
    private readonly HashSet<(ulong Epoch, ulong View, ulong Height, int Block)> _proposed = [];
    private readonly HashSet<(ulong Epoch, ulong View, int Node)> _asked = [];
    private readonly SortedDictionary<ulong, int[]> _sets = [];
    private readonly SortedSet<int> _changes = [];
    private readonly Dictionary<ulong, int> _executed = [];
    private ulong _highest;
    private ulong _highestView;
    private bool _full;

    /// <summary>The world of the trace and its actions.</summary>
    public RecordedTrace Take() => new(
        scenario.Seed, [.. _sets.Values], [.. Enumerable.Range(0, scenario.Identities).Where(IsFaulty)], scenario.Window, [.. _changes],
        _highest, _highestView, [.. _actions]);

    public override void Started(long time, SimNode node)
    {
        NoteSet(node);
        _recorded.TryAdd(node.Slot, []);
        if (_down.Remove(node.Slot)) Add(node, "restart", [node.Identity]);
    }

    public override void Crashed(long time, SimNode node)
    {
        // A write that was under way may be there in whole or in part, though nothing of it was sent.
        foreach (LogKey key in node.Disk.Log.Keys.OrderBy(k => k.View).ThenBy(RankOf).ThenBy(k => k.Height).ToArray())
        {
            bool isNew = Record(node, key, node.Disk.Log[key]);
            // Torn between the prepared certificate and the commit vote that rests on it.
            bool torn = isNew && key.Kind == LogKind.Prepared && !node.Disk.Log.ContainsKey(key with { Kind = LogKind.Commit });
            if (torn) KeptPrepared(node, Read<PreparedCertificate>(node.Disk.Log[key]).Statement);
        }
        _down.Add(node.Slot);
        Add(node, "crash", [node.Identity]);
    }

    public override void Written(long time, SimNode node, Ready ready)
    {
        foreach (LogRecord record in ready.Persist)
        {
            if (record.Value is not null) Record(node, record.Key, record.Value);
        }
    }

    public override void Decided(long time, SimNode node, DecidedBlock decided) =>
        Add(node, "decide", [node.Identity, (int)decided.Block.Header.Height, IdOf(node, decided.Block.Header.Height, decided.BlockHash)],
            decided.Block.Header.Height);

    public override void Executed(long time, SimNode node, ExecutionStatement statement)
    {
        ulong height = statement.Height;
        TraceAction? decided = _actions.FindLast(a => a.Name == "decide" && a.Numbers[0] == node.Identity && a.Numbers[1] == (int)height);
        if (decided is null || scenario.RoleOf(node.Identity) != Role.Honest) return;
        _executed[height] = decided.Numbers[2];
        Add(node, "execute", [node.Identity, (int)height, decided.Numbers[2]], height);
    }

    public override void Stepped(long time, SimNode node, ReplicaInput? input)
    {
        // The change that ends the epoch was in the block at which the executed state first named the barrier.
        if (input is not Executed { Barrier: { } barrier } || _full) return;
        if (barrier >= node.Config.Window && _executed.TryGetValue(barrier - node.Config.Window, out int block)) _changes.Add(block);
    }

    public override void EpochStarted(long time, SimNode node, ulong epoch)
    {
        _planned.Remove(node.Slot);
        Add(node, "epoch", [node.Identity]);
    }

    /// <summary>Within one view: asked for, entered, prepared, committed.</summary>
    private static int RankOf(LogKey key) => key.Kind switch
    {
        LogKind.ViewChange => 0,
        LogKind.NewView => 1,
        LogKind.Prepare => 2,
        _ => 3,
    };

    /// <summary>False when it is known already, or of an epoch that is over.</summary>
    private bool Record(SimNode node, LogKey key, byte[] value)
    {
        ulong epoch = EpochOf(node, key, value);
        if (_full || epoch != node.Epoch || !_recorded[node.Slot].Add((key, epoch))) return false;
        switch (key.Kind)
        {
            case LogKind.Prepare: Prepared(node, Read<Prepare>(value)); break;
            case LogKind.Commit: Committed(node, Read<Commit>(value)); break;
            case LogKind.ViewChange: Asked(node, Read<ViewChange>(value)); break;
            case LogKind.NewView: Entered(node, Read<NewView>(value)); break;
            default: break;
        }
        return true;
    }

    /// <summary>Heights never repeat, so of votes the height tells the epoch; views begin anew.</summary>
    private static ulong EpochOf(SimNode node, LogKey key, byte[] value) => key.Kind switch
    {
        LogKind.ViewChange => Read<ViewChange>(value).Statement.Epoch,
        LogKind.NewView => Read<NewView>(value).Statement.Epoch,
        LogKind.Prepared => Read<PreparedCertificate>(value).Statement.Epoch,
        _ => key.Height > (node.Replica?.EpochBase ?? 0) ? node.Epoch : 0,
    };

    private static T Read<T>(byte[] value) where T : class, IWire => Codec.Decode<T>(value, ConsensusEnvelope.MaxBytes);

    private void Prepared(SimNode node, Prepare vote)
    {
        int block = IdOf(node, vote.Height, vote.BlockHash);
        ulong epoch = node.Config.Validators.Epoch;
        bool planned = _planned.GetValueOrDefault(node.Slot)?.Contains(vote.Height) == true;
        int primary = IdentityOf(node, node.Config.Validators.PrimaryOf(vote.View));
        bool fresh = !planned && (primary == node.Identity || IsFaulty(primary)) && !IsFaulty(node.Identity)
            && _proposed.Add((epoch, vote.View, vote.Height, block));
        // What a faulty primary proposed to whom is not in any log; that a correct replica voted for it shows that it did.
        if (fresh) AddAlways("propose", [primary, (int)epoch, (int)vote.View, (int)vote.Height, block], vote.Height);
        if (!fresh || primary != node.Identity) Add(node, "prepare", [node.Identity, (int)vote.View, (int)vote.Height, block], vote.Height);
    }

    private void Committed(SimNode node, Commit vote) =>
        Add(node, "commit", [node.Identity, (int)vote.View, (int)vote.Height, IdOf(node, vote.Height, vote.BlockHash)], vote.Height);

    private void KeptPrepared(SimNode node, VoteStatement prepared) =>
        Add(node, "prepared", [node.Identity, (int)prepared.View, (int)prepared.Height, IdOf(node, prepared.Height, prepared.BlockHash)], prepared.Height);

    private void Asked(SimNode node, ViewChange message)
    {
        ViewChangeStatement statement = message.Statement;
        int asker = IdentityOf(node, statement.Replica);
        if (!_asked.Add((statement.Epoch, statement.View, asker))) return;
        _highestView = Math.Max(_highestView, statement.View);
        ulong checkpoint = Math.Max(statement.CheckpointHeight, node.Replica?.EpochBase ?? 0);
        int[] prepared = [.. statement.Prepared.SelectMany(p =>
            new[] { (int)p.Statement.Height, (int)p.Statement.View, IdOf(node, p.Statement.Height, p.Statement.BlockHash) })];
        AddAlways("ask", [asker, (int)statement.Epoch, (int)statement.View, (int)checkpoint, .. prepared]);
    }

    private void Entered(SimNode node, NewView message)
    {
        NewViewStatement statement = message.Statement;
        bool opens = statement.ViewChanges.Any(c => IdentityOf(node, c.Statement.Replica) == node.Identity)
            && IdentityOf(node, node.Config.Validators.PrimaryOf(statement.View)) == node.Identity;
        ulong start = Math.Max(statement.ViewChanges.Max(c => c.Statement.CheckpointHeight), node.Replica?.EpochBase ?? 0);
        int[] head = [node.Identity, (int)statement.Epoch, (int)statement.View];
        int[] plan = [(int)start, .. statement.Proposals.SelectMany(p => new[] { (int)p.Height, IdOf(node, p.Height, p.BlockHash) })];
        _planned[node.Slot] = [.. statement.Proposals.Select(p => p.Height)];
        if (!opens)
        {
            Add(node, "enter", [.. head, .. plan]);
            return;
        }
        // The own view change is not in the log any more when both were in one write.
        foreach (ViewChange change in statement.ViewChanges.Where(c => IdentityOf(node, c.Statement.Replica) == node.Identity)) Asked(node, change);
        int[] askers = [.. statement.ViewChanges.Select(c => IdentityOf(node, c.Statement.Replica))];
        AddAlways("open", [.. head, askers.Length, .. askers, .. plan]);
    }

    private void NoteSet(SimNode node)
    {
        ValidatorSet set = node.Config.Validators;
        if (set.Order.Length != set.Count) throw new InvalidOperationException("the model has no members without a turn as primary");
        _sets[set.Epoch] = [.. set.Order.Select(i => Identities[set.Members[i].NodeKey])];
    }

    private bool IsFaulty(int identity) => scenario.RoleOf(identity) != Role.Honest;

    private static int IdentityOf(SimNode node, int replica) => Identities[node.Config.Validators.Members[replica].NodeKey];

    private int IdOf(SimNode node, ulong height, Hash hash)
    {
        if (_blocks.TryGetValue(hash, out int id)) return id;
        bool filler = hash == Block.Null(node.Config.ChainId, node.Config.Validators.Epoch, height).ComputeHash();
        return _blocks[hash] = filler ? 0 : _blocks.Count + 1;
    }

    private void Add(SimNode node, string name, int[] numbers, ulong height = 0)
    {
        if (!IsFaulty(node.Identity)) AddAlways(name, numbers, height);
    }

    private void AddAlways(string name, int[] numbers, ulong height = 0)
    {
        _full |= _actions.Count >= mostActions || height > mostHeights;
        if (_full) return;
        _highest = Math.Max(_highest, height);
        _actions.Add(new TraceAction(name, numbers));
    }
}
