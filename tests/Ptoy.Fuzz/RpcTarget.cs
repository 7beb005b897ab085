using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Node.Rpc;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Tests.Wire;

namespace Ptoy.Fuzz;

/// <summary>The JSON-RPC dispatcher, in this process: every message has an answer that is JSON-RPC, and none is "internal error".</summary>
internal static class RpcTarget
{
    public static FuzzTarget Dispatcher()
    {
        var options = new RpcServerOptions { CallsPerSecond = 1_000_000, SignedCallsPerSecond = 1_000_000 };
        var identity = new RpcIdentity(Samples.ChainId, Samples.Bob.Public);
        var methods = new RpcMethodTable([Method("whoami", true), Method("open", false)]);
        var dispatcher = new RpcDispatcher(
            methods, new RpcAuthenticator(identity, new NonceCache(1000), TimeProvider.System), options, new RpcMetrics(), TimeProvider.System, NullLogger.Instance);
        RpcAuth auth = SignedRequest.Sign(
            Samples.Alice, identity.ChainId, identity.NodeKey, "whoami", "{}"u8, "00112233445566778899aabbccddeeff", DateTimeOffset.UtcNow.AddMinutes(4).ToUnixTimeMilliseconds(), null);
        string call = """{"jsonrpc":"2.0","id":1,"method":"open","params":{"text":"a","number":5,"flag":true,"list":["b"],"any":{}}}""";
        IReadOnlyList<byte[]> seeds = Targets.Utf8(
            call, $"[{call},{call}]", """{"jsonrpc":"2.0","id":"x","method":"open"}""", $$"""{"jsonrpc":"2.0","id":1,"method":"whoami","params":{},"auth":{{auth.ToJson()}}}""");
        return new FuzzTarget("rpc.dispatcher", seeds, bytes => Accepted(dispatcher, bytes));
    }

    private static RpcMethod Method(string name, bool signed) => new()
    {
        Name = name, Summary = "Takes one of each.", Result = "Nothing.", RequiresAuth = signed,
        Params =
        [
            new("text", RpcType.String, false, ""), new("number", RpcType.Integer, false, ""), new("flag", RpcType.Boolean, false, ""),
            new("list", RpcType.Strings, false, ""), new("any", RpcType.Any, false, ""), new("hash", RpcType.Hash, false, ""),
            new("address", RpcType.Address, false, ""), new("key", RpcType.PublicKey, false, ""), new("bytes", RpcType.Base64, false, ""),
        ],
        Handler = (_, p, _) => Task.FromResult<object?>(new
        {
            text = p.OptionalText("text"), number = p.OptionalNumber("number"), flag = p.Flag("flag"), list = p.Texts("list", 10), hash = p.OptionalHash("hash"),
            address = p.OptionalAddress("address"), bytes = p.Find("bytes") is null ? null : p.Bytes("bytes", 100),
        }),
    };

    private static bool Accepted(RpcDispatcher dispatcher, byte[] bytes)
    {
        var request = new PooledBuffer(1 << 20);
        request.Write(bytes);
        using var output = new PooledBuffer(1 << 20);
        dispatcher.DispatchAsync(request, new RpcPeer(IPAddress.Loopback, null), output, CancellationToken.None).GetAwaiter().GetResult();
        if (output.Length == 0) return true; // Notifications only.
        using JsonDocument answer = JsonDocument.Parse(output.Memory);
        JsonElement[] answers = answer.RootElement.ValueKind == JsonValueKind.Array ? [.. answer.RootElement.EnumerateArray()] : [answer.RootElement];
        foreach (JsonElement one in answers)
        {
            Targets.Require(one.GetProperty("jsonrpc").ValueEquals("2.0") && one.TryGetProperty("id", out _), "an answer that is not JSON-RPC");
            if (one.TryGetProperty("error", out JsonElement error))
                Targets.Require(error.GetProperty("code").GetInt32() != RpcErrors.InternalError, "answered with an internal error");
        }
        return answers.All(a => a.TryGetProperty("result", out _));
    }
}
