using System.Text.Json;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>What a parameter looks like in JSON. The dispatcher checks it before a handler runs.</summary>
public enum RpcType
{
    /// <summary>Text.</summary>
    String,
    /// <summary>A whole number of 0 or more.</summary>
    Integer,
    /// <summary>true or false.</summary>
    Boolean,
    /// <summary>A JSON object.</summary>
    Object,
    /// <summary>A JSON array.</summary>
    Array,
    /// <summary>Any JSON value.</summary>
    Any,
    /// <summary>64 hexadecimal characters.</summary>
    Hash,
    /// <summary>A <c>ptoy1…</c> address.</summary>
    Address,
    /// <summary>A public key written <c>suite:hex</c>.</summary>
    PublicKey,
    /// <summary>Bytes as base64.</summary>
    Base64,
    /// <summary>An array of text.</summary>
    Strings,
}

/// <summary>One parameter of a method, or one member of its result.</summary>
public sealed record RpcParam(string Name, RpcType Type, bool Required, string Description);

/// <summary>One call of a batch that a <see cref="RpcMethod.BatchHandler"/> takes together with the others.</summary>
public sealed record RpcBatchCall(RpcContext Context, JsonElement Parameters);

/// <summary>
/// One line of the method table. Exactly one of <see cref="Handler"/> and <see cref="BinaryHandler"/> is set. A handler throws
/// <see cref="RpcException"/> to answer with an error of the table; anything else it throws is answered with −32603 and logged.
/// </summary>
public sealed record RpcMethod
{
    /// <summary>The name on the wire, never changed once published.</summary>
    public required string Name { get; init; }

    /// <summary>One sentence for the generated documentation.</summary>
    public required string Summary { get; init; }

    /// <summary>The parameters, all by name.</summary>
    public IReadOnlyList<RpcParam> Params { get; init; } = [];

    /// <summary>What the result is, for the generated documentation.</summary>
    public required string Result { get; init; }

    /// <summary>True when only signed requests are answered. A signature on any other method is verified too.</summary>
    public bool RequiresAuth { get; init; }

    /// <summary>Longest a call may take, when it differs from the server's limit.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>
    /// Answers one call. The parameters are a JSON object (empty when none were sent), valid until the returned task ends.
    /// The result is null, any value <see cref="RpcJson.Options"/> can write, a <see cref="JsonElement"/> or a <see cref="RawJson"/>.
    /// </summary>
    public Func<RpcContext, JsonElement, CancellationToken, Task<object?>>? Handler { get; init; }

    /// <summary>
    /// Answers all calls of this method in one batch together, when set: one result for each, in order. A result that is an
    /// <see cref="RpcException"/> becomes that call's error.
    /// </summary>
    public Func<IReadOnlyList<RpcBatchCall>, CancellationToken, Task<IReadOnlyList<object?>>>? BatchHandler { get; init; }

    /// <summary>Answers <c>POST /bin/{name}</c>: bytes in, bytes out. The input is valid until the returned task ends.</summary>
    public Func<RpcContext, ReadOnlyMemory<byte>, CancellationToken, Task<byte[]>>? BinaryHandler { get; init; }

    /// <summary>Largest body of a binary call in bytes, when it is below the server's limit.</summary>
    public int? MaxBodyBytes { get; init; }
}

/// <summary>A result that is UTF-8 JSON text already. Whoever makes one answers for its being well-formed.</summary>
public readonly record struct RawJson(ReadOnlyMemory<byte> Utf8);

/// <summary>The methods of a node, by name.</summary>
public sealed class RpcMethodTable
{
    private readonly Dictionary<string, RpcMethod> _methods = new(StringComparer.Ordinal);

    /// <summary>Throws <see cref="ArgumentException"/> when a method is ill-formed or a name is given twice.</summary>
    public RpcMethodTable(IEnumerable<RpcMethod> methods)
    {
        foreach (RpcMethod method in methods) Add(method);
    }

    /// <summary>All methods in the order of their names.</summary>
    public IReadOnlyList<RpcMethod> All => [.. _methods.Values.OrderBy(m => m.Name, StringComparer.Ordinal)];

    /// <summary>The method of that name, or null.</summary>
    public RpcMethod? Find(string name) => _methods.GetValueOrDefault(name);

    internal void Add(RpcMethod method)
    {
        if (method.Handler is null == method.BinaryHandler is null)
            throw new ArgumentException($"method {method.Name}: needs either a handler or a binary handler");
        if (method.BatchHandler is not null && method.Handler is null)
            throw new ArgumentException($"method {method.Name}: a batch handler needs a handler beside it");
        if (method.Params.Select(p => p.Name).Distinct().Count() != method.Params.Count)
            throw new ArgumentException($"method {method.Name}: a parameter is listed twice");
        if (!_methods.TryAdd(method.Name, method)) throw new ArgumentException($"method {method.Name} is in the table twice");
    }
}
