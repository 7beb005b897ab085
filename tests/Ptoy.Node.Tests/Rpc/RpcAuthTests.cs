using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Ptoy.Node.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.Node.Tests.Rpc;

[TestFixture]
internal sealed class RpcAuthTests
{
    private RpcHarness _node = null!;

    [SetUp]
    public async Task Start() => _node = await RpcHarness.StartAsync();

    [TearDown]
    public async Task Stop() => await _node.DisposeAsync();

    [Test]
    public async Task A_signed_request_is_answered_and_leaves_a_proof_that_anybody_can_check()
    {
        Address organisation = new(Digest.Of("ptoy/test/v1", [9]));
        JsonElement result = (await _node.JsonAsync(_node.Signed("whoami", """{"note":  "spaces kept"}""", onBehalfOf: organisation))).GetProperty("result");
        Assert.That(result.GetProperty("address").GetString(), Is.EqualTo(_node.Alice.Address.ToString()));
        Assert.That(result.GetProperty("onBehalfOf").GetString(), Is.EqualTo(organisation.ToString()));
        RequestProof proof = Codec.Decode<RequestProof>(result.GetProperty("proof").GetBytesFromBase64(), RequestProof.MaxBytes);
        Assert.That(proof.Verify(), Is.True);
        Assert.That(proof.Text, Does.StartWith($"{RpcHarness.ChainId}|{_node.NodeKey}|whoami|").And.EndsWith(organisation.ToString()));
        Assert.That((proof with { Text = proof.Text + "x" }).Verify(), Is.False);
    }

    [Test]
    public async Task An_unsigned_request_is_refused_where_identity_is_needed()
    {
        (int Code, string Message) error = await _node.ErrorAsync("""{"jsonrpc":"2.0","id":1,"method":"whoami","params":{}}""");
        Assert.That(error, Is.EqualTo((RpcErrors.NotAuthorised, "whoami needs a signed request")));
    }

    [TestCase("""{"note":"other"}""")]
    [TestCase("""{ "note":"mine"}""")]
    public async Task A_signature_over_other_params_is_refused_to_the_byte(string sent)
    {
        (int code, string message) = await _node.ErrorAsync(_node.Signed("whoami", """{"note":"mine"}""", sentParameters: sent));
        Assert.That(code, Is.EqualTo(RpcErrors.BadSignature));
        Assert.That(message, Does.StartWith("auth.signature: "));
    }

    [Test]
    public async Task A_bad_signature_is_refused_on_methods_that_need_none_too()
    {
        string request = _node.Signed("subtract", """{"minuend":1,"subtrahend":1}""", sentParameters: """{"minuend":2,"subtrahend":1}""");
        Assert.That((await _node.ErrorAsync(request)).Code, Is.EqualTo(RpcErrors.BadSignature));
    }

    [Test]
    public async Task A_request_for_another_node_is_refused()
    {
        using var other = new SigningKey(RpcHarness.Seed(2));
        (int code, string message) = await _node.ErrorAsync(_node.Signed("whoami", "{}", node: other.Public));
        Assert.That(code, Is.EqualTo(RpcErrors.WrongNode));
        Assert.That(message, Does.Contain(_node.NodeKey.ToString()));
    }

    [Test]
    public async Task A_request_sent_twice_is_refused_the_second_time()
    {
        string request = _node.Signed("whoami", "{}");
        Assert.That((await _node.JsonAsync(request)).TryGetProperty("result", out _), Is.True);
        Assert.That((await _node.ErrorAsync(request)).Code, Is.EqualTo(RpcErrors.Replayed));
        Assert.That((await _node.JsonAsync(_node.Signed("whoami", "{}", nonce: "ffffffffffffffff"))).TryGetProperty("result", out _), Is.True);
    }

    [Test]
    public async Task A_batch_that_repeats_one_signed_call_has_it_answered_once()
    {
        string request = _node.Signed("whoami", "{}");
        JsonElement responses = await _node.JsonAsync($"[{request},{request}]");
        Assert.That(responses[0].TryGetProperty("result", out _), Is.True);
        Assert.That(RpcHarness.Error(responses[1]).Code, Is.EqualTo(RpcErrors.Replayed));
    }

    [TestCase(-1)]
    [TestCase(6 * 60_000)]
    public async Task An_expiry_in_the_past_or_too_far_ahead_is_refused(int offsetMs)
    {
        long expiry = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() + offsetMs;
        (int code, string message) = await _node.ErrorAsync(_node.Signed("whoami", "{}", expiryMs: expiry));
        Assert.That(code, Is.EqualTo(RpcErrors.Expired));
        Assert.That(message, Does.StartWith("auth.expiry: "));
    }

    [TestCase("""{}""", "auth.key: missing or not text")]
    [TestCase("""[]""", "auth: not an object")]
    [TestCase("""{"key":"1:zz"}""", "auth.key: not an Ed25519 key written 1:hex")]
    [TestCase("""{"keys":"1:zz"}""", "auth: has a member that is not known")]
    public async Task An_ill_formed_auth_is_refused_naming_the_member(string auth, string message)
    {
        (int Code, string Message) error =
            await _node.ErrorAsync($$"""{"jsonrpc":"2.0","id":1,"method":"whoami","params":{},"auth":{{auth}}}""");
        Assert.That(error, Is.EqualTo((RpcErrors.InvalidRequest, message)));
    }

    [Test]
    public async Task Every_single_character_of_auth_matters()
    {
        RpcAuth auth = SignedRequest.Sign(
            _node.Alice, RpcHarness.ChainId, _node.NodeKey, "whoami", "{}"u8, "00112233445566778899aabbccddeeff",
            DateTimeOffset.UtcNow.AddMinutes(1).ToUnixTimeMilliseconds(), null);
        string json = auth.ToJson();
        for (int i = 0; i < json.Length; i += 7)
        {
            char replacement = json[i] == '1' ? '2' : '1';
            string spoilt = json[..i] + replacement + json[(i + 1)..];
            (int _, string body) = await _node.PostAsync($$"""{"jsonrpc":"2.0","id":1,"method":"whoami","params":{},"auth":{{spoilt}}}""");
            Assert.That(body, Does.Contain("\"error\""), $"character {i}");
        }
    }

    [Test]
    public async Task A_binary_call_is_signed_over_its_body()
    {
        byte[] body = Encoding.UTF8.GetBytes("abc");
        long expiry = DateTimeOffset.UtcNow.AddMinutes(1).ToUnixTimeMilliseconds();
        RpcAuth auth = SignedRequest.Sign(_node.Alice, RpcHarness.ChainId, _node.NodeKey, "reverse", body, "00112233445566778899aabbccddeeff", expiry, null);
        Assert.That((await _node.BinaryAsync("/bin/reverse", body, null)).Status, Is.EqualTo(401));
        (int status, byte[] refusal) = await _node.BinaryAsync("/bin/reverse", "abd"u8.ToArray(), auth);
        Assert.That(status, Is.EqualTo(401));
        Assert.That(RpcHarness.Error(JsonDocument.Parse(refusal).RootElement).Code, Is.EqualTo(RpcErrors.BadSignature));
        Assert.That(await _node.BinaryAsync("/bin/reverse", body, auth), Is.EqualTo((200, "cba"u8.ToArray())).Using<(int, byte[])>((a, b) => a.Item1 == b.Item1 && a.Item2.SequenceEqual(b.Item2)));
        Assert.That((await _node.BinaryAsync("/bin/reverse", body, auth)).Status, Is.EqualTo(401), "replayed");
        Assert.That((await _node.BinaryAsync("/bin/subtract", body, auth)).Status, Is.EqualTo(404));
    }

    [Test]
    public void The_nonce_memory_refuses_rather_than_forgets()
    {
        var nonces = new NonceCache(2);
        Address alice = new(Digest.Of("ptoy/test/v1", [1])), bob = new(Digest.Of("ptoy/test/v1", [2]));
        nonces.Add(alice, "a", expiryMs: 10, nowMs: 0);
        nonces.Add(bob, "a", expiryMs: 20, nowMs: 0);
        Assert.That(Assert.Throws<RpcException>(() => nonces.Add(alice, "b", 30, nowMs: 10))!.Code, Is.EqualTo(RpcErrors.Busy));
        Assert.That(Assert.Throws<RpcException>(() => nonces.Add(alice, "a", 30, nowMs: 10))!.Code, Is.EqualTo(RpcErrors.Replayed));
        nonces.Add(alice, "b", 30, nowMs: 11);
        Assert.That(nonces.Count, Is.EqualTo(2));
    }
}
