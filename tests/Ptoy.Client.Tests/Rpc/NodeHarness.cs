using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Node.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Client.Tests.Rpc;

/// <summary>A real RPC server with methods made for these tests.</summary>
internal sealed class NodeHarness : IAsyncDisposable
{
    private NodeHarness(RpcServer server, RpcTopic<int> numbers, SigningKey node, TaskCompletionSource entered)
    {
        Server = server;
        Numbers = numbers;
        NodeKey = node.Public;
        Entered = entered;
    }

    public static Hash ChainId { get; } = Digest.Of("ptoy/test/v1", [1]);

    public RpcServer Server { get; }

    public RpcTopic<int> Numbers { get; }

    public PublicKey NodeKey { get; }

    /// <summary>Ends once the method <c>hang</c> has been entered.</summary>
    public TaskCompletionSource Entered { get; }

    public SigningKey Alice { get; } = new(Seed(7));

    public RpcSigner Signer => new(Alice, ChainId, NodeKey);

    public Uri Address => Server.Addresses[0];

    public static byte[] Seed(byte value) => [.. Enumerable.Repeat(value, SigningKey.SeedSize)];

    public static async Task<NodeHarness> StartAsync(Func<RpcServerOptions, RpcServerOptions>? change = null)
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var numbers = new RpcTopic<int>("numbers", "Numbers.", [new("least", RpcType.Integer, false, "")],
            (_, filter) => filter.OptionalNumber("least") is { } least ? n => n >= (int)least : _ => true);
        var options = new RpcServerOptions { Listen = ["http://127.0.0.1:0"] };
        var node = new SigningKey(Seed(1));
        RpcServer server = await RpcServer.StartAsync(change?.Invoke(options) ?? options, new RpcServices
        {
            Identity = new RpcIdentity(ChainId, node.Public),
            Methods = Methods(entered),
            Topics = [numbers],
        });
        return new NodeHarness(server, numbers, node, entered);
    }

    public async ValueTask DisposeAsync()
    {
        Alice.Dispose();
        await Server.DisposeAsync();
    }

    private static RpcMethod[] Methods(TaskCompletionSource entered) =>
    [
        new RpcMethod
        {
            Name = "echo", Summary = "Answers what it got.", Result = "The value.", Params = [new("value", RpcType.Any, true, "")],
            Handler = (_, p, _) => Task.FromResult<object?>(p.GetProperty("value")),
        },
        new RpcMethod
        {
            Name = "whoami", Summary = "Who signed.", Result = "An address.", RequiresAuth = true, Params = [new("text", RpcType.String, false, "")],
            Handler = (context, _, _) => Task.FromResult<object?>(new Who(context.Caller!.Address, context.Caller.OnBehalfOf)),
        },
        new RpcMethod
        {
            Name = "hang", Summary = "Answers only when cancelled.", Result = "Nothing.",
            Handler = async (_, _, cancellation) =>
            {
                entered.TrySetResult();
                await Task.Delay(Timeout.Infinite, cancellation);
                return null;
            },
        },
        new RpcMethod
        {
            Name = "size", Summary = "Counts bytes.", Result = "Four bytes.", RequiresAuth = true,
            BinaryHandler = (_, body, _) => Task.FromResult(BitConverter.GetBytes(body.Length)),
        },
    ];
}

internal sealed record Who(Address Address, Address? OnBehalfOf);
