using NUnit.Framework;
using Ptoy.Client.Rpc;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Tests.Rpc;

[TestFixture]
internal sealed class RpcSubscriptionTests
{
    [Test]
    public async Task Notifications_arrive_in_order_and_through_the_filter()
    {
        await using NodeHarness node = await NodeHarness.StartAsync();
        await using RpcWebSocketClient client = await RpcClient.ConnectAsync(node.Address);
        await using RpcSubscription<int> all = await client.SubscribeAsync<int>("numbers");
        await using RpcSubscription<int> large = await client.SubscribeAsync<int>("numbers", new { least = 500 });
        for (int i = 0; i < 1000; i++) node.Numbers.Publish(i);
        Assert.That(await TakeAsync(all, 1000), Is.EqualTo(Enumerable.Range(0, 1000)));
        Assert.That(await TakeAsync(large, 500), Is.EqualTo(Enumerable.Range(500, 500)));
    }

    [Test]
    public async Task Disposal_ends_the_subscription_at_the_node()
    {
        await using NodeHarness node = await NodeHarness.StartAsync();
        await using RpcWebSocketClient client = await RpcClient.ConnectAsync(node.Address);
        RpcSubscription<int> numbers = await client.SubscribeAsync<int>("numbers");
        Assert.That(node.Numbers.Subscribers, Is.EqualTo(1));
        await numbers.DisposeAsync();
        Assert.That(node.Numbers.Subscribers, Is.Zero);
    }

    [Test]
    public async Task A_wrong_topic_is_refused_at_once()
    {
        await using NodeHarness node = await NodeHarness.StartAsync();
        await using RpcWebSocketClient client = await RpcClient.ConnectAsync(node.Address);
        RpcException error = (await Assert.ThrowsAsync<RpcException>(async () => await client.SubscribeAsync<int>("weather")))!;
        Assert.That(error.Message, Is.EqualTo("topic: not one of numbers"));
    }

    [Test]
    public async Task A_lost_connection_ends_the_enumeration_with_the_reason()
    {
        await using NodeHarness node = await NodeHarness.StartAsync();
        await using RpcWebSocketClient client = await RpcClient.ConnectAsync(node.Address);
        await using RpcSubscription<int> numbers = await client.SubscribeAsync<int>("numbers");
        node.Numbers.Publish(1);
        await node.Server.StopAsync();
        await using IAsyncEnumerator<int> items = numbers.GetAsyncEnumerator();
        Assert.That(await items.MoveNextAsync(), Is.True, "what had arrived is still read");
        Assert.That(async () => await items.MoveNextAsync(), Throws.TypeOf<RpcConnectionException>());
        Assert.That(client.IsOpen, Is.False);
    }

    [Test]
    public async Task With_a_reconnect_policy_a_subscription_survives_a_restart_of_its_node()
    {
        NodeHarness first = await NodeHarness.StartAsync();
        int port = first.Address.Port;
        await using RpcWebSocketClient client = await RpcClient.ConnectAsync(
            first.Address, new RpcClientOptions { Reconnect = new RpcReconnect(1000, TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(50)) });
        await using RpcSubscription<int> numbers = await client.SubscribeAsync<int>("numbers");
        await using IAsyncEnumerator<int> items = numbers.GetAsyncEnumerator();
        first.Numbers.Publish(1);
        Assert.That(await items.MoveNextAsync(), Is.True);
        ValueTask<bool> next = items.MoveNextAsync();
        await first.DisposeAsync();
        await using NodeHarness second = await NodeHarness.StartAsync(o => o with { Listen = [$"http://127.0.0.1:{port}"] });
        Assert.That(await client.CallAsync<int>("echo", new { value = 5 }), Is.EqualTo(5));
        while (second.Numbers.Subscribers == 0) await Task.Yield();
        second.Numbers.Publish(2);
        Assert.That(await next, Is.True);
        Assert.That(items.Current, Is.EqualTo(2));
        Assert.That(numbers.Reconnects, Is.EqualTo(1));
    }

    [Test]
    public async Task A_reader_that_falls_behind_on_the_clients_side_gets_an_error_not_a_gap()
    {
        await using NodeHarness node = await NodeHarness.StartAsync();
        await using RpcWebSocketClient client = await RpcClient.ConnectAsync(node.Address, new RpcClientOptions { MaxQueuedNotifications = 4 });
        await using RpcSubscription<int> numbers = await client.SubscribeAsync<int>("numbers");
        for (int i = 0; i < 5; i++) node.Numbers.Publish(i);
        Assert.That(await client.CallAsync<int>("echo", new { value = 1 }), Is.EqualTo(1), "answered after the notifications before it");
        await using IAsyncEnumerator<int> items = numbers.GetAsyncEnumerator();
        for (int i = 0; i < 4; i++) Assert.That(await items.MoveNextAsync(), Is.True);
        RpcException error = (await Assert.ThrowsAsync<RpcException>(async () => await items.MoveNextAsync()))!;
        Assert.That(error.Code, Is.EqualTo(RpcErrors.SlowConsumer));
    }

    private static async Task<List<int>> TakeAsync(RpcSubscription<int> numbers, int count)
    {
        var taken = new List<int>();
        await foreach (int number in numbers)
        {
            taken.Add(number);
            if (taken.Count == count) break;
        }
        return taken;
    }
}
