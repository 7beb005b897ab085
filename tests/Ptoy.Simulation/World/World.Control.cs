using Ptoy.Protocol.Consensus;

namespace Ptoy.Simulation;

/// <summary>The hand on the world that a script has.</summary>
internal sealed partial class World
{
    /// <summary>Messages of these kinds do not arrive, at all or at these identities.</summary>
    public List<(string Kind, int[]? At)> Dropped { get; } = [];

    /// <summary>Starts everything, without faults by chance.</summary>
    public void Open()
    {
        foreach (SimNode node in _nodes) node.Start();
        PlanFaults();
    }

    /// <summary>Lets so many units pass.</summary>
    public void RunFor(long units)
    {
        for (long left = units; left > 0; left -= EventQueue.MaxDelay)
        {
            int part = (int)Math.Min(left, EventQueue.MaxDelay);
            long until = Time + part;
            At(part, EventKind.Nothing, null);
            while (Time < until) Next();
        }
    }

    /// <summary>Who is on which side: each list is one side, who is in none of them is alone on a further one.</summary>
    public void Partition(IReadOnlyList<int[]> sides)
    {
        Array.Fill(_groups, sides.Count);
        for (int side = 0; side < sides.Count; side++)
        {
            foreach (int identity in sides[side])
            {
                foreach (SimNode copy in _copies[identity]) _groups[copy.Slot] = side;
            }
        }
        Totals.Partitions++;
    }

    public void EndPartition() => Array.Clear(_groups);

    /// <summary>The power goes at a node, and comes back when it is started.</summary>
    public static void CutPower(SimNode node)
    {
        node.HeldDown = true;
        if (node.Up) node.Crash();
    }

    public static void PowerOn(SimNode node) => StartAgain(node);

    private bool IsDropped(ConsensusEnvelope envelope, int to)
    {
        if (Dropped.Count == 0) return false;
        string kind = envelope.Message?.GetType().Name ?? "Votes";
        return Dropped.Exists(d => d.Kind == kind && (d.At is null || d.At.Contains(to)));
    }
}
