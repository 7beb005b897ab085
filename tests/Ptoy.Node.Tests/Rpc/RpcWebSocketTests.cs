using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Tests.Rpc;

[TestFixture]
internal sealed class RpcWebSocketTests
{
    private const string Call = """{"jsonrpc":"2.0","id":1,"method":"subtract","params":{"minuend":3,"subtrahend":1}}""";
    private const string Answer = """{"jsonrpc":"2.0","id":1,"result":2}""";

    [Test]
    public async Task Calls_batches_and_notifications_work_as_over_HTTP()
    {
        await using RpcHarness node = await RpcHarness.StartAsync();
        using ClientWebSocket socket = await node.ConnectAsync();
        await RpcHarness.SendAsync(socket, """{"jsonrpc":"2.0","method":"subtract","params":{"minuend":3,"subtrahend":1}}""");
        await RpcHarness.SendAsync(socket, Call);
        Assert.That(await RpcHarness.ReceiveAsync(socket), Is.EqualTo(Answer), "the notification before it has no answer");
        await RpcHarness.SendAsync(socket, $"[{Call},{Call}]");
        Assert.That(await RpcHarness.ReceiveAsync(socket), Is.EqualTo($"[{Answer},{Answer}]"));
    }

    [TestCase("hello")]
    [TestCase("{{{{")]
    [TestCase("\0\0\0")]
    public async Task Text_that_is_no_JSON_is_answered_and_the_connection_goes_on(string garbage)
    {
        await using RpcHarness node = await RpcHarness.StartAsync();
        using ClientWebSocket socket = await node.ConnectAsync();
        await RpcHarness.SendAsync(socket, garbage);
        JsonElement response = JsonDocument.Parse((await RpcHarness.ReceiveAsync(socket))!).RootElement;
        Assert.That(RpcHarness.Error(response).Code, Is.EqualTo(RpcErrors.ParseError));
        await RpcHarness.SendAsync(socket, Call);
        Assert.That(await RpcHarness.ReceiveAsync(socket), Is.EqualTo(Answer));
    }

    [Test]
    public async Task Binary_messages_close_the_connection_with_the_reason()
    {
        await using RpcHarness node = await RpcHarness.StartAsync();
        using ClientWebSocket socket = await node.ConnectAsync();
        await socket.SendAsync(new byte[] { 1, 2, 3 }, WebSocketMessageType.Binary, true, CancellationToken.None);
        Assert.That(await RpcHarness.ReceiveAsync(socket), Is.Null);
        Assert.That(socket.CloseStatus, Is.EqualTo(WebSocketCloseStatus.InvalidMessageType));
    }

    [Test]
    public async Task A_message_above_the_limit_closes_the_connection_with_the_reason()
    {
        await using RpcHarness node = await RpcHarness.StartAsync(o => o with { MaxBodyBytes = 1000 });
        using ClientWebSocket socket = await node.ConnectAsync();
        await RpcHarness.SendAsync(socket, new string(' ', 1001));
        Assert.That(await RpcHarness.ReceiveAsync(socket), Is.Null);
        Assert.That(socket.CloseStatus, Is.EqualTo(WebSocketCloseStatus.MessageTooBig));
    }

    [Test]
    public async Task Bytes_that_are_no_WebSocket_frames_end_that_connection_only()
    {
        await using RpcHarness node = await RpcHarness.StartAsync();
        using var tcp = new System.Net.Sockets.TcpClient();
        await tcp.ConnectAsync(node.Address.Host, node.Address.Port);
        Stream stream = tcp.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"));
        await stream.WriteAsync(Enumerable.Repeat((byte)0xFF, 4096).ToArray());
        var buffer = new byte[4096];
        try
        {
            while (await stream.ReadAsync(buffer) > 0) Assert.That(buffer, Is.Not.Empty);
        }
        catch (IOException)
        {
            Assert.That(tcp.Client, Is.Not.Null, "a reset is an end too");
        }
        Assert.That((await node.PostAsync(Call)).Body, Is.EqualTo(Answer));
    }

    [Test]
    public async Task A_subscription_brings_what_its_filter_wants_until_it_is_ended()
    {
        await using RpcHarness node = await RpcHarness.StartAsync();
        using ClientWebSocket socket = await node.ConnectAsync();
        await RpcHarness.SendAsync(socket, """{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"topic":"news","filter":{"prefix":"a"}}}""");
        string id = JsonDocument.Parse((await RpcHarness.ReceiveAsync(socket))!).RootElement.GetProperty("result").GetString()!;
        node.Topic.Publish("b1");
        node.Topic.Publish("a1");
        Assert.That(
            await RpcHarness.ReceiveAsync(socket),
            Is.EqualTo($$$"""{"jsonrpc":"2.0","method":"subscription","params":{"subscription":"{{{id}}}","result":"a1"}}"""));
        await RpcHarness.SendAsync(socket, $$$"""{"jsonrpc":"2.0","id":2,"method":"unsubscribe","params":{"subscription":"{{{id}}}"}}""");
        Assert.That(await RpcHarness.ReceiveAsync(socket), Is.EqualTo("""{"jsonrpc":"2.0","id":2,"result":true}"""));
        Assert.That(node.Topic.Subscribers, Is.Zero);
    }

    [TestCase("""{"topic":"olds"}""", RpcErrors.InvalidParams, "topic: not one of news")]
    [TestCase("""{"topic":"news","filter":{"suffix":"a"}}""", RpcErrors.InvalidParams, "filter.suffix: not a parameter of news")]
    [TestCase("""{"topic":"news","filter":{"prefix":1}}""", RpcErrors.InvalidParams, "filter.prefix: not text")]
    public async Task A_wrong_subscription_is_refused_naming_what(string parameters, int code, string message)
    {
        await using RpcHarness node = await RpcHarness.StartAsync();
        using ClientWebSocket socket = await node.ConnectAsync();
        await RpcHarness.SendAsync(socket, $$"""{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{{parameters}}}""");
        JsonElement response = JsonDocument.Parse((await RpcHarness.ReceiveAsync(socket))!).RootElement;
        Assert.That(RpcHarness.Error(response), Is.EqualTo((code, message)));
    }

    [Test]
    public async Task Subscriptions_need_a_WebSocket_and_are_bounded()
    {
        await using RpcHarness node = await RpcHarness.StartAsync(o => o with { MaxSubscriptions = 1 });
        const string Subscribe = """{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"topic":"news"}}""";
        Assert.That((await node.ErrorAsync(Subscribe)).Code, Is.EqualTo(RpcErrors.WrongTransport));
        using ClientWebSocket socket = await node.ConnectAsync();
        await RpcHarness.SendAsync(socket, Subscribe);
        await RpcHarness.ReceiveAsync(socket);
        await RpcHarness.SendAsync(socket, Subscribe);
        JsonElement response = JsonDocument.Parse((await RpcHarness.ReceiveAsync(socket))!).RootElement;
        Assert.That(RpcHarness.Error(response).Code, Is.EqualTo(RpcErrors.TooManySubscriptions));
    }

    [Test]
    public async Task A_consumer_that_does_not_read_is_cut_off_with_an_error_as_the_last_word()
    {
        await using RpcHarness node = await RpcHarness.StartAsync(o => o with { MaxQueuedNotifications = 8, SendTimeout = TimeSpan.FromMinutes(5) });
        using ClientWebSocket slow = await node.ConnectAsync();
        using ClientWebSocket quick = await node.ConnectAsync();
        await RpcHarness.SendAsync(slow, """{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"topic":"news"}}""");
        await RpcHarness.ReceiveAsync(slow);
        string item = new('x', 64 * 1024);
        while (node.Topic.Subscribers > 0) node.Topic.Publish(item);
        string? last = null;
        while (await RpcHarness.ReceiveAsync(slow) is { } message) last = message;
        JsonElement parameters = JsonDocument.Parse(last!).RootElement.GetProperty("params");
        Assert.That(parameters.GetProperty("error").GetProperty("code").GetInt32(), Is.EqualTo(RpcErrors.SlowConsumer));
        Assert.That(slow.CloseStatus, Is.EqualTo(WebSocketCloseStatus.PolicyViolation));
        await RpcHarness.SendAsync(quick, Call);
        Assert.That(await RpcHarness.ReceiveAsync(quick), Is.EqualTo(Answer));
    }

    [Test]
    public async Task A_client_that_leaves_takes_its_subscriptions_with_it()
    {
        await using RpcHarness node = await RpcHarness.StartAsync();
        using ClientWebSocket socket = await node.ConnectAsync();
        await RpcHarness.SendAsync(socket, """{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"topic":"news"}}""");
        await RpcHarness.ReceiveAsync(socket);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
        Assert.That(node.Topic.Subscribers, Is.Zero);
    }

    [Test]
    public async Task A_stopping_server_says_so_to_its_clients()
    {
        await using RpcHarness node = await RpcHarness.StartAsync();
        using ClientWebSocket socket = await node.ConnectAsync();
        await RpcHarness.SendAsync(socket, Call);
        await RpcHarness.ReceiveAsync(socket);
        Task stopping = node.Server.StopAsync();
        Assert.That(await RpcHarness.ReceiveAsync(socket), Is.Null);
        Assert.That(socket.CloseStatus, Is.EqualTo(WebSocketCloseStatus.EndpointUnavailable));
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
        await stopping;
    }

    [Test]
    public async Task A_page_of_a_foreign_origin_may_not_connect()
    {
        await using RpcHarness node = await RpcHarness.StartAsync(o => o with { CorsOrigins = ["https://app.example"] });
        Assert.That(async () => await node.ConnectAsync("https://evil.example"), Throws.TypeOf<WebSocketException>());
        using ClientWebSocket allowed = await node.ConnectAsync("https://app.example");
        Assert.That(allowed.State, Is.EqualTo(WebSocketState.Open));
    }
}
