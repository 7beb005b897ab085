using System.Text.Json;
using NUnit.Framework;
using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Tests.Rpc;

[TestFixture(false)]
[TestFixture(true)]
internal sealed class RpcClientTests(bool webSocket)
{
    private NodeHarness _node = null!;
    private RpcClient _client = null!;

    [SetUp]
    public async Task Start()
    {
        _node = await NodeHarness.StartAsync();
        _client = webSocket ? await RpcClient.ConnectAsync(_node.Address) : RpcClient.Http(_node.Address);
    }

    [TearDown]
    public async Task Stop()
    {
        await _client.DisposeAsync();
        await _node.DisposeAsync();
    }

    [Test]
    public async Task A_value_goes_there_and_back_whatever_characters_it_has()
    {
        string text = "\"\\ \u0000 ü 中 \U0001F600 </script>";
        Assert.That(await _client.CallAsync<string>("echo", new { value = text }), Is.EqualTo(text));
        Hash hash = Digest.Of("ptoy/test/v1", [3]);
        Assert.That(await _client.CallAsync<Hash>("echo", new { value = hash }), Is.EqualTo(hash));
    }

    [Test]
    public async Task An_error_arrives_with_its_code_and_message()
    {
        RpcException error = (await Assert.ThrowsAsync<RpcException>(async () => await _client.CallAsync("echo", new { other = 1 })))!;
        Assert.That((error.Code, error.Message), Is.EqualTo((RpcErrors.InvalidParams, "value: missing")));
        Assert.That(((JsonElement)error.Details!).GetProperty("name").GetString(), Is.EqualTo("InvalidParams"));
    }

    [Test]
    public async Task A_signed_call_is_accepted_by_the_node_it_is_for_only()
    {
        Address organisation = new(Digest.Of("ptoy/test/v1", [9]));
        Who who = await _client.CallAsync<Who>("whoami", new { text = "ä" }, _node.Signer.ActingFor(organisation));
        Assert.That(who, Is.EqualTo(new Who(_node.Alice.Address, organisation)));
        Assert.That((await _client.CallAsync<Who>("whoami", null, _node.Signer)).OnBehalfOf, Is.Null);
        using var other = new SigningKey(NodeHarness.Seed(3));
        RpcException error = (await Assert.ThrowsAsync<RpcException>(async () => await _client.CallAsync("whoami", null, _node.Signer.For(other.Public))))!;
        Assert.That(error.Code, Is.EqualTo(RpcErrors.WrongNode));
    }

    [Test]
    public async Task A_batch_is_answered_in_order_with_each_outcome()
    {
        RpcRequest[] requests = [.. Enumerable.Range(0, 50).Select(i => i == 7 ? new RpcRequest("none") : new RpcRequest("echo", new { value = i }))];
        IReadOnlyList<RpcReply> replies = await _client.BatchAsync(requests);
        Assert.That(replies.Select((r, i) => i == 7 ? r.Error!.Code : r.Value<int>()), Is.EqualTo(Enumerable.Range(0, 50).Select(i => i == 7 ? RpcErrors.MethodNotFound : i)));
        Assert.That(async () => await _client.BatchAsync([.. requests, requests[0]]), Throws.ArgumentException);
    }

    [Test]
    public async Task Many_callers_at_once_each_get_their_own_answer()
    {
        int[] answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => _client.CallAsync<int>("echo", new { value = i })));
        Assert.That(answers, Is.EqualTo(Enumerable.Range(0, 200)));
    }

    [Test]
    public async Task A_notification_does_not_wait()
    {
        await _client.NotifyAsync("echo", new { value = 1 });
        Assert.That(await _client.CallAsync<int>("echo", new { value = 2 }), Is.EqualTo(2));
    }

    [Test]
    public async Task A_call_can_be_given_up_without_harm_to_the_next()
    {
        using var cancel = new CancellationTokenSource();
        Task<JsonElement> hanging = _client.CallAsync("hang", cancellation: cancel.Token);
        await _node.Entered.Task;
        await cancel.CancelAsync();
        Assert.That(async () => await hanging, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await _client.CallAsync<int>("echo", new { value = 2 }), Is.EqualTo(2));
    }

    [Test]
    public async Task An_answer_that_does_not_come_in_time_is_a_timeout_that_names_the_method()
    {
        var options = new RpcClientOptions { CallTimeout = TimeSpan.FromMilliseconds(1) };
        await using RpcClient hasty = webSocket ? await RpcClient.ConnectAsync(_node.Address, options) : RpcClient.Http(_node.Address, options);
        Assert.That(async () => await hasty.CallAsync("hang"), Throws.TypeOf<TimeoutException>().With.Message.StartsWith("hang: no answer"));
    }

    [Test]
    public async Task A_node_that_is_gone_is_a_connection_error()
    {
        await _node.Server.StopAsync();
        Assert.That(async () => await _client.CallAsync("echo", new { value = 1 }), Throws.TypeOf<RpcConnectionException>());
    }
}

[TestFixture]
internal sealed class RpcBinaryClientTests
{
    [Test]
    public async Task Large_bytes_go_as_they_are_and_are_signed()
    {
        await using NodeHarness node = await NodeHarness.StartAsync();
        await using RpcHttpClient client = RpcClient.Http(node.Address);
        byte[] answer = await client.CallBinaryAsync("size", new byte[3_000_000], node.Signer);
        Assert.That(BitConverter.ToInt32(answer), Is.EqualTo(3_000_000));
        RpcException error = (await Assert.ThrowsAsync<RpcException>(async () => await client.CallBinaryAsync("size", new byte[1])))!;
        Assert.That(error.Code, Is.EqualTo(RpcErrors.NotAuthorised));
    }
}
