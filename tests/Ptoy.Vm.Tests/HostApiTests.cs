using System.Text;
using NUnit.Framework;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Vm.Tests;

/// <summary>State, calls between contracts, events, and the other functions of the host.</summary>
internal sealed class HostApiTests
{
    private const string Store = """
        class Store {
          static views = ['get', 'sneak', 'who', 'nested'];
          set(key, value) { state.set(key, value); emit('set', {key}); return value; }
          setThenFail(key, value) { state.set(key, value); emit('set', {key}); fail('after writing'); }
          get(key) { return state.get(key); }
          sneak(key) { state.set(key, 1); }
          nested(key) { return call('Store', 'set', key, 1); }
          who() { return [ctx.caller, ctx.sender, ctx.self, ctx.owner, ctx.height, ctx.time, ctx.epoch, ctx.chainId.length, ctx.tx.length]; }
          remove(key) { state.delete(key); }
          _internal() { return 1; }
          again(n) { return n === 0 ? 'bottom' : call('Store', 'again', n - 1); }
        }
        """;

    private const string User = """
        class User {
          pass(key, value) { return call('Store', 'set', key, value); }
          swallow(key) {
            state.set('before', 1);
            try { call('Store', 'setThenFail', key, 1); } catch (e) { state.set('caught', e.message); }
            return state.get('caught');
          }
          through(key) { state.set('mine', 1); call('Store', 'setThenFail', key, 1); }
          look(method, key) { return view('Store', method, key); }
          who() { return call('Store', 'who'); }
          mutate() { const v = {n: 1}; const back = call('Store', 'set', 'v', v); back.n = 2; v.n = 3; return state.get('v') === null && view('Store', 'get', 'v').n; }
        }
        """;

    private static ContractHarness Harness() => ContractHarness.Of(("Store", Store), ("User", User));

    [Test]
    public void State_is_kept_per_instance()
    {
        ContractHarness harness = Harness();
        using SigningKey alice = ContractHarness.Account("alice");
        harness.Ok("", "Store", "set", "k", new { a = 1 });
        harness.Ok("", $"Store/{alice.Address}", "set", "k", 2);
        Assert.That(harness.Ask("", "Store", "get", "k").GetRawText(), Is.EqualTo("{\"a\":1}"));
        Assert.That(harness.Ask("", $"Store/{alice.Address}", "get", "k").GetRawText(), Is.EqualTo("2"));
        harness.Ok("", "Store", "remove", "k");
        Assert.That(harness.Ask("", "Store", "get", "k").GetRawText(), Is.EqualTo("null"));
    }

    [Test]
    public void The_context_says_who_calls_whom_and_when()
    {
        ContractHarness harness = Harness();
        (harness.Height, harness.TimeMs, harness.Epoch) = (7, 1234, 3);
        using SigningKey alice = ContractHarness.Account("alice");
        string id = $"Store/{alice.Address}";
        Assert.That(harness.Ok(alice.Address.ToString(), id, "who").GetRawText(), Is.EqualTo($"[\"{alice.Address}\",\"{alice.Address}\",\"{id}\",\"{alice.Address}\",7,1234,3,64,64]"));
        Assert.That(harness.Ok(alice.Address.ToString(), "User", "who").GetRawText(), Is.EqualTo($"[\"User\",\"{alice.Address}\",\"Store\",\"\",7,1234,3,64,64]"));
    }

    [Test]
    public void A_callee_that_throws_has_its_writes_and_events_undone()
    {
        ContractHarness harness = Harness();
        CallResult swallowed = harness.Call("", "User", "swallow", "k");
        Assert.That(swallowed.ResultJson, Is.EqualTo("\"after writing\""), swallowed.Error);
        Assert.That(swallowed.Events, Is.Empty);
        Assert.That(harness.State.Keys, Is.EquivalentTo(new[] { "User#before", "User#caught" }));
        CallResult through = harness.Call("", "User", "through", "k");
        Assert.That((through.Status, through.Error, through.Events.Count), Is.EqualTo((CallStatus.Failed, "after writing", 0)));
        Assert.That(harness.State.Keys, Does.Not.Contain("User#mine"));
    }

    [Test]
    public void A_view_writes_nothing_however_it_tries()
    {
        ContractHarness harness = Harness();
        Assert.That(harness.View("", "Store", "sneak", "k").Error, Is.EqualTo("read-only call"));
        Assert.That(harness.View("", "Store", "nested", "k").Error, Is.EqualTo("read-only call"));
        Assert.That(harness.View("", "Store", "set", "k", 1).Error, Is.EqualTo("Store.set is not a view"));
        Assert.That(harness.Refused("", "User", "look", "sneak", "k"), Is.EqualTo("read-only call"));
        Assert.That(harness.Refused("", "User", "look", "set", "k"), Is.EqualTo("Store.set is not a view"));
        Assert.That(harness.State, Is.Empty);
    }

    [Test]
    public void Values_pass_between_contracts_by_value() =>
        Assert.That(Harness().Ok("", "User", "mutate").GetRawText(), Is.EqualTo("1"));

    [Test]
    public void What_cannot_be_called_is_named()
    {
        ContractHarness harness = Harness();
        Assert.That(harness.Refused("", "Store", "_internal"), Is.EqualTo("Store._internal is internal to the contract"));
        Assert.That(harness.Refused("", "Store", "constructor"), Is.EqualTo("Store has no method 'constructor'"));
        Assert.That(harness.Refused("", "Store", "toString"), Is.EqualTo("Store has no method 'toString'"));
        Assert.That(harness.Refused("", "Nothing", "x"), Is.EqualTo("there is no contract class 'Nothing'"));
        Assert.That(harness.Run("", "Store", "get", false, "{}").Error, Is.EqualTo("the arguments must be a JSON array"));
        Assert.That(harness.Run("", "Store", "get", false, "[1").Error, Is.EqualTo("the arguments: not JSON: the text ends too early at character 2"));
        Assert.That(harness.Call("", "Store", "get", new object[33]).Error, Is.EqualTo("more than 32 arguments"));
    }

    [Test]
    public void Contracts_call_each_other_at_most_8_deep()
    {
        ContractHarness harness = Harness();
        Assert.That(harness.Ok("", "Store", "again", 7).GetString(), Is.EqualTo("bottom"));
        Assert.That(harness.Refused("", "Store", "again", 8), Is.EqualTo("contracts call each other deeper than 8"));
    }

    [TestCase("state.set('', 1)", "a state key has 1 to 128 characters")]
    [TestCase("state.set('k'.repeat(129), 1)", "a state key has 1 to 128 characters")]
    [TestCase("state.set('é', 1)", "a state key is printable ASCII")]
    [TestCase("state.get('a\\nb')", "a state key is printable ASCII")]
    [TestCase("state.get(5)", "a state key must be a string")]
    [TestCase("state.set('k')", "state.set('k'): no value; use state.delete to remove")]
    [TestCase("state.set('k', () => 1)", "state.set('k'): a function of this kind has no JSON form")]
    [TestCase("state.set('k', 0/0)", "state.set('k'): NaN has no JSON form")]
    [TestCase("state.set('k', 'x'.repeat(65535))", "state.set('k'): longer than 65536 characters of JSON")]
    [TestCase("state.set('k', new Map())", "state.set('k'): an object of this kind has no JSON form")]
    [TestCase("emit('a b', 1)", "an event's name is 1 to 64 letters and digits")]
    [TestCase("emit('e', 'x'.repeat(16384))", "event 'e': longer than 16384 characters of JSON")]
    [TestCase("for (let i = 0; i < 65; i++) emit('e', i)", "more than 64 events")]
    [TestCase("require(false)", "a requirement does not hold")]
    [TestCase("require(0, 'zero')", "zero")]
    [TestCase("fail()", "the contract failed")]
    [TestCase("throw new Error('e')", "e")]
    [TestCase("throw 'text'", "text")]
    [TestCase("throw {a: 1}", "the contract threw something without a message")]
    [TestCase("null.x", "Cannot read properties of null (reading 'x')")]
    [TestCase("call('Patient/nobody', 'x')", "a contract is named Class or Class/ptoy1…")]
    [TestCase("return 'x'.repeat(65535)", "the result: longer than 65536 characters of JSON")]
    [TestCase("verifySignature('1:00', '', 'x', '00')", "a signature domain is 1 to 64 ASCII characters")]
    public void A_wrong_use_is_named(string body, string error)
    {
        CallResult result = LanguageTests.Evaluate(body);
        Assert.That((result.Status, result.Error), Is.EqualTo((CallStatus.Failed, error)));
    }

    [Test]
    public void An_error_has_at_most_512_characters() =>
        Assert.That(LanguageTests.Evaluate("fail('x'.repeat(1000))").Error, Has.Length.EqualTo(Receipt.MaxError).And.EndsWith("…"));

    [Test]
    public void Events_come_in_order_with_their_data()
    {
        CallResult result = LanguageTests.Evaluate("emit('a', {n: 1}); emit('b')");
        Assert.That(result.Events.Select(e => (e.Contract.Class, e.Name, e.Data)), Is.EqualTo(new[] { ("Probe", "a", "{\"n\":1}"), ("Probe", "b", "null") }));
    }

    [Test]
    public void Hashes_and_signatures_are_those_of_the_protocol()
    {
        using SigningKey key = ContractHarness.Account("signer");
        string signature = Convert.ToHexStringLower(key.Sign("test/domain", Encoding.UTF8.GetBytes("text é")).Bytes);
        Assert.That(LanguageTests.Evaluate("return sha256('abc')").ResultJson, Is.EqualTo("\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""));
        string verify(string domain, string text) =>
            LanguageTests.Evaluate("return verifySignature(...args)", global::System.Text.Json.JsonSerializer.Serialize(new[] { key.Public.ToString(), domain, text, signature })).ResultJson;
        Assert.That((verify("test/domain", "text é"), verify("test/other", "text é"), verify("test/domain", "text e")), Is.EqualTo(("true", "false", "false")));
        Assert.That(LanguageTests.Evaluate("return verifySignature('junk', 'd', 't', 'junk')").ResultJson, Is.EqualTo("false"));
        string verifyHex(string text) => LanguageTests.Evaluate(
            "return verifySignatureHex(...args)", global::System.Text.Json.JsonSerializer.Serialize(new[] { key.Public.ToString(), "test/domain", text, signature })).ResultJson;
        Assert.That((verifyHex("7465787420c3a9"), verifyHex("7465787420c3"), verifyHex("text é")), Is.EqualTo(("true", "false", "false")));
        Assert.That(LanguageTests.Evaluate("return [accountOf(args[0]), isAccount(accountOf(args[0])), isAccount('ptoy1x'), isAccount(5)]", $"[\"{key.Public}\"]").ResultJson,
            Is.EqualTo($"[\"{key.Address}\",true,false,false]"));
        string sealing = "2:" + new string('a', 64);
        Assert.That(LanguageTests.Evaluate("return keyIdOf(args[0])", $"[\"{sealing}\"]").ResultJson, Is.EqualTo($"\"{KeyId.Of(PublicKey.Parse(sealing))}\""));
        Assert.That(LanguageTests.Evaluate("return keyIdOf(args[0])", $"[\"{key.Public}\"]").Error, Is.EqualTo("not a sealing key"));
    }

    [TestCase("'00ff', 4", "true")]
    [TestCase("'00fF', 4", "false", Description = "upper case")]
    [TestCase("'00fg', 4", "false")]
    [TestCase("' 0ff', 4", "false")]
    [TestCase("'00ff', 3", "false", Description = "another length")]
    [TestCase("'', 0", "false")]
    [TestCase("5, 1", "false", Description = "not text")]
    [TestCase("'00ff'", "false", Description = "no length")]
    public void Hexadecimal_text_is_told_from_other_text(string arguments, string expected) =>
        Assert.That(LanguageTests.Evaluate($"return isHex({arguments})", "[]").ResultJson, Is.EqualTo(expected));

    [Test]
    public void What_the_state_throws_is_the_nodes_fault_and_comes_through()
    {
        ContractHarness harness = Harness();
        var broken = new StateOverlay((_, _) => throw new IOException("disk gone"));
        var request = new CallRequest { Contract = ContractId.Single("Store"), Method = "get", ArgumentsJson = "[\"k\"]" };
        Assert.That(() => harness.Vm.Execute(request, broken), Throws.TypeOf<IOException>().With.Message.EqualTo("disk gone"));
    }
}
