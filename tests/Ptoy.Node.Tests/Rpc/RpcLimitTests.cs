using System.Text.Json;
using NUnit.Framework;
using Ptoy.Node.Rpc;
using Ptoy.Protocol.Rpc;
using Ptoy.Storage;

namespace Ptoy.Node.Tests.Rpc;

[TestFixture]
internal sealed class RpcLimitTests
{
    private const string Call = """{"jsonrpc":"2.0","id":1,"method":"subtract","params":{"minuend":3,"subtrahend":1}}""";

    [Test]
    public async Task A_batch_above_the_limit_is_refused_whole()
    {
        await using RpcHarness node = await RpcHarness.StartAsync();
        JsonElement fifty = await node.JsonAsync($"[{string.Join(',', Enumerable.Repeat(Call, 50))}]");
        (int Code, string Message) error = await node.ErrorAsync($"[{string.Join(',', Enumerable.Repeat(Call, 51))}]");
        Assert.That(fifty.GetArrayLength(), Is.EqualTo(50));
        Assert.That(error, Is.EqualTo((RpcErrors.TooLarge, "a batch of 51 calls, more than 50")));
    }

    [Test]
    public async Task A_body_above_the_limit_is_refused_whether_or_not_it_announces_its_length()
    {
        await using RpcHarness node = await RpcHarness.StartAsync(o => o with { MaxBodyBytes = 1000 });
        (int status, string body) = await node.PostAsync(Call + new string(' ', 1000));
        using var chunked = new HttpRequestMessage(HttpMethod.Post, node.Address) { Content = new StringContent(Call + new string(' ', 1000)) };
        chunked.Content.Headers.ContentType = new("application/json");
        chunked.Headers.TransferEncodingChunked = true;
        using HttpResponseMessage second = await node.SendAsync(chunked);
        Assert.That(status, Is.EqualTo(413));
        Assert.That(RpcHarness.Error(JsonDocument.Parse(body).RootElement), Is.EqualTo((RpcErrors.TooLarge, "the body is larger than 1000 bytes")));
        Assert.That((int)second.StatusCode, Is.EqualTo(413));
        Assert.That((await node.PostAsync(Call + new string(' ', 1000 - Call.Length))).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task A_binary_body_above_its_methods_limit_is_refused()
    {
        await using RpcHarness node = await RpcHarness.StartAsync();
        RpcAuth auth = SignedRequest.Sign(
            node.Alice, RpcHarness.ChainId, node.NodeKey, "reverse", new byte[1001], "00112233445566778899aabbccddeeff",
            DateTimeOffset.UtcNow.AddMinutes(1).ToUnixTimeMilliseconds(), null);
        Assert.That((await node.BinaryAsync("/bin/reverse", new byte[1001], auth)).Status, Is.EqualTo(413));
    }

    [Test]
    public async Task A_result_above_the_limit_becomes_an_error_and_leaves_the_others_of_its_batch()
    {
        await using RpcHarness node = await RpcHarness.StartAsync(o => o with { MaxResponseBytes = 50_000 });
        JsonElement responses = await node.JsonAsync($$"""[{"jsonrpc":"2.0","id":1,"method":"huge"},{{Call}}]""");
        Assert.That(RpcHarness.Error(responses[0]).Code, Is.EqualTo(RpcErrors.TooLarge));
        Assert.That(responses[1].GetProperty("result").GetInt32(), Is.EqualTo(2));
    }

    [Test]
    public async Task More_calls_than_the_rate_allows_are_refused_until_time_has_passed()
    {
        var time = new ManualTime();
        await using RpcHarness node = await RpcHarness.StartAsync(o => o with { CallsPerSecond = 2, BurstSeconds = 1 }, time: time);
        JsonElement allowed = await node.JsonAsync($"[{Call},{Call}]");
        (int code, string message) = await node.ErrorAsync(Call);
        time.Advance(TimeSpan.FromSeconds(0.5));
        JsonElement later = await node.JsonAsync(Call);
        Assert.That(allowed.EnumerateArray().All(r => r.TryGetProperty("result", out _)), Is.True);
        Assert.That(code, Is.EqualTo(RpcErrors.RateLimited));
        Assert.That(message, Does.Contain("2 calls a second"));
        Assert.That(later.TryGetProperty("result", out _), Is.True);
    }

    [Test]
    public async Task Requests_beyond_the_concurrent_limit_are_told_that_the_node_is_busy()
    {
        var entered = new TaskCompletionSource();
        var release = new TaskCompletionSource<object?>();
        var wait = new RpcMethod
        {
            Name = "wait", Summary = "Waits.", Result = "Nothing.",
            Handler = (_, _, _) =>
            {
                entered.SetResult();
                return release.Task;
            },
        };
        await using RpcHarness node = await RpcHarness.StartAsync(o => o with { MaxConcurrentRequests = 1 }, [wait]);
        Task<JsonElement> first = node.JsonAsync("""{"jsonrpc":"2.0","id":1,"method":"wait"}""");
        await entered.Task;
        (int code, _) = await node.ErrorAsync(Call);
        release.SetResult("done");
        Assert.That((await first).GetProperty("result").GetString(), Is.EqualTo("done"));
        Assert.That(code, Is.EqualTo(RpcErrors.Busy));
        Assert.That((await node.JsonAsync(Call)).TryGetProperty("result", out _), Is.True);
    }

    [Test]
    public async Task A_call_beyond_its_time_is_answered_and_its_place_kept_until_it_really_ends()
    {
        var release = new TaskCompletionSource<object?>();
        var entered = new TaskCompletionSource();
        var stubborn = new RpcMethod
        {
            Name = "stubborn", Summary = "Ignores its deadline.", Result = "Nothing.", Timeout = TimeSpan.FromMinutes(1),
            Handler = (_, _, _) =>
            {
                entered.SetResult();
                return release.Task;
            },
        };
        var time = new ManualTime();
        await using RpcHarness node = await RpcHarness.StartAsync(o => o with { MaxConcurrentRequests = 1 }, [stubborn], time);
        Task<(int Code, string Message)> call = node.ErrorAsync("""{"jsonrpc":"2.0","id":1,"method":"stubborn"}""");
        await entered.Task;
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.That(await call, Is.EqualTo((RpcErrors.TimedOut, "stubborn took longer than 60 s")));
        Assert.That((await node.ErrorAsync(Call)).Code, Is.EqualTo(RpcErrors.Busy));
        release.SetResult(null);
        Assert.That((await node.JsonAsync(Call)).TryGetProperty("result", out _), Is.True);
    }

    [Test]
    public async Task A_failing_handler_is_answered_with_a_reference_that_only_the_log_explains()
    {
        await using RpcHarness node = await RpcHarness.StartAsync();
        foreach (string method in new[] { "explode", "unwritable" })
        {
            (int status, string body) = await node.PostAsync($$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}"}""");
            JsonElement error = JsonDocument.Parse(body).RootElement.GetProperty("error");
            Assert.That(status, Is.EqualTo(200));
            Assert.That(error.GetProperty("code").GetInt32(), Is.EqualTo(RpcErrors.InternalError));
            Assert.That(body, Does.Not.Contain("secret").And.Not.Contain(" at ").And.Not.Contain("Exception"));
            Assert.That(node.Logs.Text, Does.Contain(error.GetProperty("data").GetProperty("details").GetProperty("reference").GetString()));
        }
        Assert.That(node.Logs.Text, Does.Contain("the secret inside"));
    }

    [Test]
    public async Task A_full_disk_is_said_to_be_one_and_does_not_tell_paths()
    {
        var store = new RpcMethod
        {
            Name = "store", Summary = "Finds the disk full.", Result = "Nothing.",
            Handler = (_, _, _) => throw new StoreException(StoreProblem.DiskFull, "disk full: /var/lib/ptoy/store. Free space"),
        };
        await using RpcHarness node = await RpcHarness.StartAsync(methods: [store]);
        (int Code, string Message) error = await node.ErrorAsync("""{"jsonrpc":"2.0","id":1,"method":"store"}""");
        Assert.That(error, Is.EqualTo((RpcErrors.StorageFull, "the node's disk is full; its operator has to free space. Try another node")));
        Assert.That(node.Logs.Text, Does.Contain("disk full: /var/lib/ptoy/store"));
    }

    [Test]
    public async Task Calls_of_one_method_in_a_batch_reach_its_batch_handler_together()
    {
        var sizes = new List<int>();
        var submit = new RpcMethod
        {
            Name = "submit", Summary = "Takes numbers.", Result = "Its double.", Params = [new("n", RpcType.Integer, true, "")],
            Handler = (_, p, _) => Task.FromResult<object?>(p.Number("n") * 2),
            BatchHandler = (calls, _) =>
            {
                sizes.Add(calls.Count);
                return Task.FromResult<IReadOnlyList<object?>>(
                    [.. calls.Select(c => c.Parameters.Number("n") == 2 ? new RpcException(RpcErrors.NonceGap, "gap") : (object?)(c.Parameters.Number("n") * 2))]);
            },
        };
        await using RpcHarness node = await RpcHarness.StartAsync(methods: [submit]);
        string Numbered(int n) => $$$"""{"jsonrpc":"2.0","id":{{{n}}},"method":"submit","params":{"n":{{{n}}}}}""";
        JsonElement responses = await node.JsonAsync($"[{Numbered(1)},{Call},{Numbered(2)},{Numbered(3)}]");
        Assert.That(sizes, Is.EqualTo(new[] { 3 }));
        Assert.That(responses[0].GetProperty("result").GetInt32(), Is.EqualTo(2));
        Assert.That(responses[1].GetProperty("result").GetInt32(), Is.EqualTo(2));
        Assert.That(RpcHarness.Error(responses[2]), Is.EqualTo((RpcErrors.NonceGap, "gap")));
        Assert.That(responses[3].GetProperty("result").GetInt32(), Is.EqualTo(6));
        Assert.That((await node.JsonAsync(Numbered(4))).GetProperty("result").GetInt32(), Is.EqualTo(8));
    }

    [Test]
    public void Rates_forget_only_clients_that_lose_nothing_by_it()
    {
        var time = new ManualTime();
        var rates = new ClientRates(1, 1, capacity: 1, time);
        rates.Take("a", 1);
        Assert.That(Assert.Throws<RpcException>(() => rates.Take("b", 1))!.Code, Is.EqualTo(RpcErrors.Busy));
        time.Advance(TimeSpan.FromSeconds(1));
        rates.Take("b", 1);
        Assert.That(Assert.Throws<RpcException>(() => rates.Take("b", 1))!.Code, Is.EqualTo(RpcErrors.RateLimited));
    }
}
