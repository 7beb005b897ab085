using NUnit.Framework;
using Ptoy.Node.Transport;

namespace Ptoy.Node.Tests.Transport;

/// <summary>Sessions get new keys while they are used, and nobody notices: nothing is lost, nothing comes twice or out of order.</summary>
public class RenewalTests
{
    [Test]
    public async Task AVoteSessionAgreesOnNewKeysUnderWay()
    {
        (TestNode a, TestNode b) = await TestNode.PairAsync(TestNode.Options with
        {
            VoteRenewAfter = TimeSpan.FromMilliseconds(20), DeadAfter = TimeSpan.FromSeconds(2), RekeyAfter = 50, VoteQueueLength = 1 << 16,
        });
        await using TestNode dialler = a, listener = b;
        int sent = 0;
        await TestNode.UntilAsync(() =>
        {
            for (int i = 0; i < 20; i++, sent++)
            {
                dialler.Transport.SendVote(listener.Id, BitConverter.GetBytes(sent));
                listener.Transport.SendVote(dialler.Id, BitConverter.GetBytes(sent), VoteLane.Proposal);
            }
            return dialler.Counters(listener).VoteRenewals >= 3 && listener.Counters(dialler).VoteRenewals >= 3;
        });
        for (int i = 0; i < sent; i++)
        {
            Assert.That(BitConverter.ToInt32(await listener.VoteAsync()), Is.EqualTo(i));
            Assert.That(BitConverter.ToInt32(await dialler.VoteAsync()), Is.EqualTo(i));
        }
        Assert.That(dialler.Counters(listener).VoteConnects, Is.EqualTo(1), "it is the same session");
        Assert.That((dialler.Downs, listener.Downs), Is.EqualTo((0, 0)));
        Assert.That(dialler.Counters(listener).PacketsRefused + listener.Counters(dialler).PacketsRefused, Is.Zero);
    }

    [TestCase(true, Description = "after so many bytes")]
    [TestCase(false, Description = "after some time")]
    public async Task ABulkConnectionHandsOverToTheNextWithoutLoss(bool bytes)
    {
        TransportOptions options = bytes ? TestNode.Options with { BulkRenewAfterBytes = 300_000 } : TestNode.Options with { BulkRenewAfter = TimeSpan.FromMilliseconds(60) };
        (TestNode a, TestNode b) = await TestNode.PairAsync(options);
        await using TestNode dialler = a, listener = b;
        var answers = new List<Task<byte[]>>();
        int sent = 0;
        while (dialler.Counters(listener).BulkRenewals < 3 || listener.Counters(dialler).BulkRenewals < 3)
        {
            Assert.That(await dialler.Transport.SendBulkAsync(listener.Id, 1, Message(sent), CancellationToken.None), Is.True);
            Assert.That(await listener.Transport.SendBulkAsync(dialler.Id, 1, Message(sent), CancellationToken.None), Is.True);
            answers.Add(dialler.Transport.RequestAsync(listener.Id, 2, BitConverter.GetBytes(sent)));
            answers.Add(listener.Transport.RequestAsync(dialler.Id, 2, BitConverter.GetBytes(sent)));
            sent++;
            // As many under way as will do, whatever the machine is doing beside.
            if (sent % 16 == 0) await Task.WhenAll(answers);
        }
        for (int i = 0; i < sent; i++)
        {
            Assert.That(BitConverter.ToInt32((await listener.BulkAsync()).Payload), Is.EqualTo(i));
            Assert.That(BitConverter.ToInt32((await dialler.BulkAsync()).Payload), Is.EqualTo(i));
        }
        byte[][] all = await Task.WhenAll(answers).WaitAsync(TestNode.Patience);
        Assert.That(all.Select(x => BitConverter.ToInt32(x)), Is.EqualTo(Enumerable.Range(0, 2 * sent).Select(i => i / 2)));
        Assert.That((dialler.Downs, listener.Downs), Is.EqualTo((0, 0)), "nobody was told that the peer was gone");
    }

    [Test]
    public async Task ARequestOutlivesTheConnectionThatItWasAskedOn()
    {
        (TestNode a, TestNode b) = await TestNode.PairAsync(TestNode.Options with { BulkRenewAfterBytes = 200_000 });
        await using TestNode dialler = a, listener = b;
        var answer = new TaskCompletionSource<byte[]>();
        listener.Answer = (_, kind, payload, _) => kind == 9 ? answer.Task : Task.FromResult(payload.ToArray());
        Task<byte[]> asked = dialler.Transport.RequestAsync(listener.Id, 9, default);
        while (dialler.Counters(listener).BulkRenewals < 2) await dialler.Transport.RequestAsync(listener.Id, 1, new byte[50_000]);
        Assert.That(asked.IsCompleted, Is.False);
        answer.SetResult([3]);
        Assert.That(await asked.WaitAsync(TestNode.Patience), Is.EqualTo(new byte[] { 3 }));
    }

    /// <summary>A small message that says its number.</summary>
    private static byte[] Message(int number)
    {
        var message = new byte[5_000];
        BitConverter.TryWriteBytes(message, number);
        return message;
    }
}
