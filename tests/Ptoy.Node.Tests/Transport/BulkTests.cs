using NUnit.Framework;
using Ptoy.Node.Transport;

namespace Ptoy.Node.Tests.Transport;

/// <summary>What only the bulk carrier does: requests and large messages.</summary>
public class BulkTests
{
    private TestNode _a = null!, _b = null!;

    [SetUp]
    public async Task ConnectAsync() => (_a, _b) = await TestNode.PairAsync();

    [TearDown]
    public async Task DisconnectAsync()
    {
        await _a.DisposeAsync();
        await _b.DisposeAsync();
    }

    [Test]
    public async Task ARequestIsAnsweredEitherWay()
    {
        Assert.That(await _a.Transport.RequestAsync(_b.Id, 5, new byte[] { 1, 2, 3 }), Is.EqualTo(new byte[] { 1, 2, 3 }));
        Assert.That(await _b.Transport.RequestAsync(_a.Id, 5, default), Is.Empty);
    }

    [Test]
    public async Task ManyRequestsAtOnceEachGetTheirOwnAnswer()
    {
        byte[][] answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(i =>
            _a.Transport.RequestAsync(_b.Id, 1, BitConverter.GetBytes(i))));
        Assert.That(answers.Select(a => BitConverter.ToInt32(a)), Is.EqualTo(Enumerable.Range(0, 60)));
    }

    [Test]
    public async Task AFailingHandlerBecomesAnErrorWithItsMessage()
    {
        _b.Answer = (_, _, _, _) => throw new InvalidOperationException("height 7 is not held here");
        RemoteRequestException error = (await Assert.ThrowsAsync<RemoteRequestException>(() => _a.Transport.RequestAsync(_b.Id, 5, default)))!;
        Assert.That(error.Message, Is.EqualTo("height 7 is not held here"));
    }

    [Test]
    public async Task TheLargestMessageArrivesWhole()
    {
        var payload = new byte[ITransport.MaxMessageSize];
        new Random(3).NextBytes(payload);
        Assert.That(_a.Transport.SendBulk(_b.Id, 9, payload), Is.True);
        (_, ushort kind, byte[] received) = await _b.BulkAsync();
        Assert.That(kind, Is.EqualTo(9));
        Assert.That(received.AsSpan().SequenceEqual(payload), Is.True);
    }

    [Test]
    public async Task ASmallMessageOvertakesALargeOne()
    {
        Assert.That(_a.Transport.SendBulk(_b.Id, 1, new byte[ITransport.MaxMessageSize]), Is.True);
        Assert.That(_a.Transport.SendBulk(_b.Id, 2, new byte[10]), Is.True);
        Assert.That((await _b.BulkAsync()).Kind, Is.EqualTo(2));
        Assert.That((await _b.BulkAsync()).Payload, Has.Length.EqualTo(ITransport.MaxMessageSize));
    }

    [Test]
    public async Task CancellingReachesTheHandler()
    {
        var started = new TaskCompletionSource();
        var stopped = new TaskCompletionSource();
        _b.Answer = async (_, _, _, cancellation) =>
        {
            await using CancellationTokenRegistration _ = cancellation.Register(() => stopped.TrySetResult());
            started.SetResult();
            await stopped.Task;
            return [];
        };
        using var cancel = new CancellationTokenSource();
        Task<byte[]> asked = _a.Transport.RequestAsync(_b.Id, 1, default, cancel.Token);
        await started.Task.WaitAsync(TestNode.Patience);
        await cancel.CancelAsync();
        await Assert.ThatAsync(async () => await asked, Throws.InstanceOf<OperationCanceledException>());
        await stopped.Task.WaitAsync(TestNode.Patience);
    }

    [Test]
    public async Task AHandlerMayAskBackWhileAMessageIsHandled()
    {
        var hold = new TaskCompletionSource();
        _b.HoldBulk = hold.Task;
        Assert.That(_a.Transport.SendBulk(_b.Id, 1, new byte[10]), Is.True);
        Assert.That(await _b.Transport.RequestAsync(_a.Id, 2, new byte[] { 4 }), Is.EqualTo(new byte[] { 4 }));
        hold.SetResult();
        await _b.BulkAsync();
    }

    [Test]
    public async Task ARequestToALostPeerFailsAtOnce()
    {
        var never = new TaskCompletionSource<byte[]>();
        var started = new TaskCompletionSource();
        _b.Answer = (_, _, _, _) => { started.SetResult(); return never.Task; };
        Task<byte[]> asked = _a.Transport.RequestAsync(_b.Id, 1, default);
        await started.Task.WaitAsync(TestNode.Patience);
        await _b.Transport.DisposeAsync();
        await Assert.ThatAsync(async () => await asked.WaitAsync(TestNode.Patience), Throws.TypeOf<TransportException>().With.Message.Contains("was lost"));
        await _a.DownAsync(_b);
        await Assert.ThatAsync(() => _a.Transport.RequestAsync(_b.Id, 1, default), Throws.TypeOf<TransportException>().With.Message.Contains("is not connected"));
    }
}
