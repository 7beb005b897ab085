using NUnit.Framework;
using Ptoy.Consensus;
using Ptoy.Node.Consensus;

namespace Ptoy.Node.Tests.Cluster;

/// <summary>What waits for the consensus thread.</summary>
internal sealed class DriverInboxTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private const int Long = 30_000;

    [Test]
    public void Inputs_come_out_in_the_order_they_went_in_and_at_most_so_many()
    {
        var inbox = new DriverInbox(10);
        for (ulong i = 0; i < 5; i++) inbox.Add(new Suspect(i), CancellationToken.None);
        Assert.That(Taken(inbox, 3, 0), Is.EqualTo(new ulong[] { 0, 1, 2 }));
        Assert.That(Taken(inbox, 3, Long), Is.EqualTo(new ulong[] { 3, 4 }));
        Assert.That(Taken(inbox, 3, 0), Is.Empty);
    }

    [Test]
    public async Task A_sleeping_reader_is_woken_by_an_input_and_by_a_call()
    {
        var inbox = new DriverInbox(10);
        Task<ulong[]> reader = Task.Run(() => Taken(inbox, 5, Long));
        inbox.Add(new Suspect(7), CancellationToken.None);
        Assert.That(await reader.WaitAsync(Patience), Is.EqualTo(new ulong[] { 7 }));
        reader = Task.Run(() => Taken(inbox, 5, Long));
        inbox.Wake();
        Assert.That(await reader.WaitAsync(Patience), Is.Empty);
    }

    [Test]
    public void A_wake_before_the_wait_is_not_lost()
    {
        var inbox = new DriverInbox(10);
        inbox.Wake();
        inbox.Wake();
        Assert.That(Taken(inbox, 5, int.MaxValue), Is.Empty);
    }

    [Test]
    public async Task Who_adds_to_a_full_inbox_waits_for_room()
    {
        var inbox = new DriverInbox(2);
        inbox.Add(new Suspect(1), CancellationToken.None);
        inbox.Add(new Suspect(2), CancellationToken.None);
        Task writer = Task.Run(() => inbox.Add(new Suspect(3), CancellationToken.None));
        Assert.That(Taken(inbox, 1, 0), Is.EqualTo(new ulong[] { 1 }));
        await writer.WaitAsync(Patience);
        Assert.That(Taken(inbox, 5, 0), Is.EqualTo(new ulong[] { 2, 3 }));
    }

    [Test]
    public void Who_waits_for_room_gives_up_when_all_is_stopped()
    {
        var inbox = new DriverInbox(1);
        inbox.Add(new Suspect(1), CancellationToken.None);
        using var stop = new CancellationTokenSource();
        Task writer = Task.Run(() => inbox.Add(new Suspect(2), stop.Token));
        stop.Cancel();
        Assert.That(async () => await writer.WaitAsync(Patience), Throws.InstanceOf<OperationCanceledException>());
    }

    private static ulong[] Taken(DriverInbox inbox, int most, int waitMs)
    {
        var taken = new List<ReplicaInput>();
        inbox.Take(taken, most, waitMs);
        return [.. taken.Select(i => ((Suspect)i).View)];
    }
}
