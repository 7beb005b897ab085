namespace Ptoy.EndToEnd.Chaos;

/// <summary>The service as its clients see it: whether writes flow, and whether a node ended that nobody ended.</summary>
internal sealed class Service(Members members, AckLog acks)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private readonly List<string> _fallen = [];

    /// <summary>Nodes that ended although nobody ended them.</summary>
    public IReadOnlyList<string> Fallen => _fallen;

    /// <summary>Waits until so many more writes are certified. Throws <see cref="TimeoutException"/>.</summary>
    public async Task FlowAsync(int writes, CancellationToken cancellation)
    {
        int target = acks.CertifiedCount + writes;
        long deadline = AckLog.Now + (long)Patience.TotalMilliseconds;
        while (acks.CertifiedCount < target)
        {
            if (AckLog.Now > deadline) throw new TimeoutException($"only {acks.CertifiedCount - target + writes} of {writes} writes "
                + $"were certified in {Patience.TotalSeconds} s");
            await Pace.PauseAsync(TimeSpan.FromMilliseconds(20), cancellation).ConfigureAwait(false);
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>
    /// Waits until these nodes have certified what the others had. Throws <see cref="TimeoutException"/> with the end of the log of one
    /// that has not.
    /// </summary>
    public async Task CaughtUpAsync(IEnumerable<int> nodes)
    {
        foreach (int node in nodes) await members.CaughtUpAsync(node, Patience).ConfigureAwait(false);
    }

    /// <summary>
    /// Between faults nobody may be down; who is gets reported and started again, so that the next fault means what it says.
    /// </summary>
    public async Task RaiseFallenAsync()
    {
        foreach (Member member in members.All.Where(m => !members.IsUp(m.Index)))
        {
            _fallen.Add($"node{member.Index + 1}");
            Console.WriteLine($"node{member.Index + 1} ended by itself:\n{members.LogOf(member.Index)}");
            members.Start(member.Index);
            await members.CaughtUpAsync(member.Index, Patience).ConfigureAwait(false);
        }
    }
}
