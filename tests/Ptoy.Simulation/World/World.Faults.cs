using Ptoy.Consensus;

namespace Ptoy.Simulation;

/// <summary>What goes wrong, when, and how it ends.</summary>
internal sealed partial class World
{
    /// <summary>Units that a node which forgets stays away: what it had sent has arrived by then.</summary>
    private const int Absence = 300;

    private DoubleVotes? _doubleVotes;

    /// <summary>What to do with this write of this node; set by a search for crash points.</summary>
    public Func<SimNode, List<Ready>, WriteFate>? Fates { get; init; }

    public WriteFate FateOf(SimNode node, List<Ready> batch) => Fates?.Invoke(node, batch) ?? WriteFate.Done;

    private void PlanFaults()
    {
        if (_scenario.ChaosEvery > 0) At(_scenario.ChaosEvery, EventKind.Chaos, null);
        if (_adversaries.Any(a => a is not null)) At(Scenario.UnitsPerTick, EventKind.Misbehave, null);
        if (_scenario.Cast.Contains(Role.DoubleVoter)) _doubleVotes = new DoubleVotes(this);
        foreach (SimNode node in _nodes)
        {
            if (!RoleOf(node).IsForgetful() || _scenario.FaultUnits == 0) continue;
            int half = (int)_scenario.FaultUnits / 2;
            At(Random.Between(half / 4, half), EventKind.Forget, node, life: -1, number: 0);
            At(Random.Between(half + 50, 2 * half - 50), EventKind.Forget, node, life: -1, number: 1);
        }
    }

    private void ForgetEvent(SimNode node, long step)
    {
        if (step == 0)
        {
            node.BackUp();
            return;
        }
        node.HeldDown = true;
        node.Forget();
        At(Absence, EventKind.Restart, node, life: -1);
    }

    private void ChaosEvent()
    {
        if (_healed) return;
        Working = !Random.Chance(_scenario.Idle);
        bool all = Random.Chance(_scenario.AllCrashRate);
        foreach (SimNode node in _nodes)
        {
            if (node.Up && IsHonest(node) && (all || Random.Chance(_scenario.CrashRate))) node.Crash();
            else if (!node.Up && !node.HeldDown && Random.Chance(0.4)) node.Start();
        }
        if (Random.Chance(_scenario.PartitionRate))
        {
            for (int i = 0; i < _groups.Length; i++) _groups[i] = Random.Between(0, 1);
            Totals.Partitions++;
            if (Observer is not null) Say(null, $"partition {string.Join(' ', _groups)}");
        }
        else if (Random.Chance(0.25))
        {
            Array.Clear(_groups);
        }
        At(_scenario.ChaosEvery, EventKind.Chaos, null);
    }

    private void Misbehave()
    {
        if (_healed && !_scenario.Incorrigible) return;
        foreach (Adversary? adversary in _adversaries) adversary?.Tick();
        At(Scenario.UnitsPerTick, EventKind.Misbehave, null);
    }

    private void Heal()
    {
        _healed = true;
        Working = true;
        Array.Clear(_groups);
        Say(null, "healed");
        foreach (SimNode node in _nodes)
        {
            if (!node.Up && !node.HeldDown) node.Start();
        }
    }

    /// <summary>A correct node shows evidence: the accused must really have lied, or forgotten.</summary>
    public void Accused(SimNode node, Evidence evidence)
    {
        Totals.Accusations++;
        int identity = EpochOf(node.Epoch).Identities[evidence.Replica];
        Role role = _scenario.RoleOf(identity);
        bool could = role is Role.Equivocator or Role.DoubleVoter or Role.Twin or Role.Flooder or Role.WrongRoots or Role.BadProposer || (role.IsForgetful() && _copies[identity][0].Forgot);
        if (!could) throw new InvariantException($"evidence: {node.Name} accuses replica {evidence.Replica}, which is {role}");
        if (evidence.First.BlockHash == evidence.Second.BlockHash) throw new InvariantException($"evidence: {node.Name} shows two equal votes");
    }

    private static void StartAgain(SimNode node)
    {
        node.HeldDown = false;
        if (!node.Up) node.Start();
    }

    public SimNode NodeOf(int identity) => _copies[identity][0];
}
