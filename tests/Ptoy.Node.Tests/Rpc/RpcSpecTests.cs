using System.Text.Json;
using NUnit.Framework;
using Ptoy.Node.Rpc;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Tests.Rpc;

/// <summary>The examples of the JSON-RPC 2.0 specification, section 7, with params by name, which is the only form here.</summary>
[TestFixture]
internal sealed class RpcSpecTests
{
    private RpcHarness _node = null!;

    [OneTimeSetUp]
    public async Task Start() => _node = await RpcHarness.StartAsync();

    [OneTimeTearDown]
    public async Task Stop() => await _node.DisposeAsync();

    [TestCase("""{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}""",
        """{"jsonrpc":"2.0","id":3,"result":19}""")]
    [TestCase("""{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 23, "subtrahend": 42}, "id": "four"}""",
        """{"jsonrpc":"2.0","id":"four","result":-19}""")]
    [TestCase("""{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 1, "subtrahend": 1}, "id": null}""",
        """{"jsonrpc":"2.0","id":null,"result":0}""")]
    public async Task A_call_is_answered_with_its_id(string request, string response)
    {
        (int status, string body) = await _node.PostAsync(request);
        Assert.That((status, body), Is.EqualTo((200, response)));
    }

    [TestCase("""{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 1, "subtrahend": 1}}""")]
    [TestCase("""{"jsonrpc": "2.0", "method": "foobar"}""")]
    [TestCase("""{"jsonrpc": "2.0", "method": "subtract", "params": [1, 2]}""")]
    [TestCase("""[{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 1, "subtrahend": 1}}, {"jsonrpc": "2.0", "method": "explode"}]""")]
    public async Task A_notification_is_not_answered_even_when_it_fails(string request)
    {
        (int status, string body) = await _node.PostAsync(request);
        Assert.That((status, body), Is.EqualTo((204, "")));
    }

    [TestCase("""{"jsonrpc": "2.0", "method": "foobar", "id": "1"}""", RpcErrors.MethodNotFound, "\"1\"")]
    [TestCase("""{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]""", RpcErrors.ParseError, "null")]
    [TestCase("""{"jsonrpc": "2.0", "method": 1, "params": "bar"}""", RpcErrors.InvalidRequest, "null")]
    [TestCase("""{"jsonrpc": "2.0", "method": "subtract", "params": "bar", "id": 1}""", RpcErrors.InvalidRequest, "1")]
    [TestCase("""{"jsonrpc": "1.0", "method": "subtract", "id": 1}""", RpcErrors.InvalidRequest, "1")]
    [TestCase("""{"jsonrpc": "2.0", "method": "subtract", "id": {}}""", RpcErrors.InvalidRequest, "null")]
    [TestCase("""{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}""", RpcErrors.InvalidParams, "1")]
    [TestCase("""[{"jsonrpc": "2.0", "method": "subtract", "params": {}, "id": "1"}, {"jsonrpc": "2.0", "method" """, RpcErrors.ParseError, "null")]
    [TestCase("[]", RpcErrors.InvalidRequest, "null")]
    [TestCase("1", RpcErrors.InvalidRequest, "null")]
    [TestCase("", RpcErrors.ParseError, "null")]
    public async Task What_is_wrong_has_the_code_of_the_specification(string request, int code, string id)
    {
        JsonElement response = await _node.JsonAsync(request);
        Assert.That(RpcHarness.Error(response).Code, Is.EqualTo(code));
        Assert.That(response.GetProperty("id").GetRawText(), Is.EqualTo(id));
        Assert.That(response.GetProperty("error").GetProperty("data").GetProperty("name").GetString(), Is.EqualTo(RpcErrors.NameOf(code)));
    }

    [Test]
    public async Task A_batch_of_things_that_are_no_requests_has_an_error_for_each()
    {
        JsonElement response = await _node.JsonAsync("[1,2,3]");
        Assert.That(response.EnumerateArray().Select(r => RpcHarness.Error(r).Code), Is.EqualTo(Enumerable.Repeat(RpcErrors.InvalidRequest, 3)));
    }

    [Test]
    public async Task A_mixed_batch_is_answered_in_order_without_its_notifications()
    {
        JsonElement response = await _node.JsonAsync("""
            [
              {"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": "2"},
              {"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 7, "subtrahend": 1}},
              {"foo": "boo"},
              {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
              {"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 9, "subtrahend": 1}, "id": "9"}
            ]
            """);
        Assert.That(
            response.EnumerateArray().Select(r => $"{r.GetProperty("id").GetRawText()} {(r.TryGetProperty("result", out JsonElement v) ? v.GetRawText() : RpcHarness.Error(r).Code.ToString())}"),
            Is.EqualTo(new[] { "\"2\" 19", "null -32600", "\"5\" -32601", "\"9\" 8" }));
    }

    [Test]
    public async Task A_member_named_twice_is_refused_since_two_readers_could_differ()
    {
        (int code, _) = await _node.ErrorAsync("""{"jsonrpc":"2.0","id":1,"method":"subtract","params":{"minuend":1,"subtrahend":1},"params":{}}""");
        Assert.That(code, Is.EqualTo(RpcErrors.ParseError));
    }

    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"\ud800"}""")]
    [TestCase("""{"jsonrpc":"2.0","id":"\udc00","method":"subtract"}""")]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"subtract","params":{"\ud800x":1}}""")]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"whoami","params":{"note":"\ud800"},"auth":{"key":"\ud800"}}""")]
    public async Task Text_that_is_not_Unicode_is_refused_before_anybody_reads_it(string request)
    {
        (int code, string message) = await _node.ErrorAsync(request);
        Assert.That(code, Is.EqualTo(RpcErrors.ParseError));
        Assert.That(message, Does.EndWith("with text that is not Unicode"));
    }

    [Test]
    public async Task Nesting_beyond_the_limit_is_refused()
    {
        string deep = new string('[', 5000) + new string(']', 5000);
        (int code, _) = await _node.ErrorAsync($$$"""{"jsonrpc":"2.0","id":1,"method":"subtract","params":{"minuend":{{{deep}}}}}""");
        Assert.That(code, Is.EqualTo(RpcErrors.ParseError));
    }

    [TestCase("subtract", """{"minuend": 1}""", "subtrahend: missing")]
    [TestCase("subtract", """{"minuend": "1", "subtrahend": 1}""", "minuend: not a whole number of 0 or more")]
    [TestCase("subtract", """{"minuend": -1, "subtrahend": 1}""", "minuend: not a whole number of 0 or more")]
    [TestCase("subtract", """{"minuend": 1.5, "subtrahend": 1}""", "minuend: not a whole number of 0 or more")]
    [TestCase("subtract", """{"minuend": 1, "subtrahend": 1, "base": 10}""", "base: not a parameter of subtract")]
    [TestCase("account", """{"account": "ptoy1qqqq"}""", "account: not a ptoy1… address")]
    [TestCase("account", """{"account": null}""", "account: not a ptoy1… address")]
    public async Task A_wrong_parameter_is_named(string method, string parameters, string message)
    {
        (int Code, string Message) error = await _node.ErrorAsync($$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}","params":{{parameters}}}""");
        Assert.That(error, Is.EqualTo((RpcErrors.InvalidParams, message)));
    }

    [TestCase("""{"contract":"Token","method":"balanceOf","args":[],"minHeight":"x"}""", "minHeight: not of the expected form")]
    [TestCase("""{"contract":"Token","method":null,"args":[]}""", "method: not of the expected form")]
    public void A_wrong_member_of_a_parameter_record_is_named(string parameters, string message)
    {
        JsonElement json = JsonDocument.Parse(parameters).RootElement;
        Assert.That(() => json.As<ContractViewParams>(), Throws.TypeOf<RpcException>().With.Message.EqualTo(message));
    }

    [Test]
    public void A_member_that_may_be_null_may_be_absent_and_any_other_may_not()
    {
        Assert.That(JsonDocument.Parse("""{"account":"ptoy1x"}""").RootElement.As<AccountNonceParams>().Account, Is.EqualTo("ptoy1x"));
        Assert.That(JsonDocument.Parse("""{"entries":[],"node":"1:00"}""").RootElement.As<AuditListResult>().Next, Is.Null);
        Assert.That(() => JsonDocument.Parse("{}").RootElement.As<AccountNonceParams>(), Throws.TypeOf<RpcException>());
    }

    [Test]
    public async Task Discovery_describes_methods_topics_and_every_error()
    {
        JsonElement document = (await _node.JsonAsync("""{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}""")).GetProperty("result");
        string[] names = [.. document.GetProperty("methods").EnumerateArray().Select(m => m.GetProperty("name").GetString()!)];
        Assert.That(document.GetProperty("openrpc").GetString(), Does.StartWith("1.3"));
        Assert.That(names, Is.SupersetOf(new[] { "subtract", "whoami", "rpc.discover", "subscribe", "unsubscribe" }));
        Assert.That(document.GetProperty("components").GetProperty("errors").EnumerateObject().Count(), Is.EqualTo(RpcErrors.All.Count));
        Assert.That(document.GetProperty("x-topics")[0].GetProperty("name").GetString(), Is.EqualTo("news"));
    }

    [Test]
    public void The_error_table_gives_no_code_or_name_twice()
    {
        Assert.That(RpcErrors.All.Select(e => e.Code), Is.Unique);
        Assert.That(RpcErrors.All.Select(e => e.Name), Is.Unique);
        Assert.That(
            RpcErrors.All.Where(e => e.Code > -32600 || e.Code < -32700).Select(e => e.Code), Is.All.InRange(-32099, -32000));
        int[] constants = [.. typeof(RpcErrors).GetFields().Where(f => f.IsLiteral).Select(f => (int)f.GetRawConstantValue()!)];
        Assert.That(RpcErrors.All.Select(e => e.Code), Is.EquivalentTo(constants));
    }
}
