using System.Text.Json;
using Ptoy.Node.Rpc;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Methods;

/// <summary>Shorthand for the method tables.</summary>
internal static class Describe
{
    public static RpcParam Required(string name, RpcType type, string description) => new(name, type, true, description);

    public static RpcParam Optional(string name, RpcType type, string description) => new(name, type, false, description);

    /// <summary>The parameters as a record; a parameter of the wrong form is named.</summary>
    public static T Read<T>(JsonElement parameters)
    {
        try
        {
            return parameters.Deserialize<T>(RpcJson.Options) ?? throw RpcException.Parameter("params", "missing");
        }
        catch (JsonException e)
        {
            throw RpcException.Parameter(e.Path is { Length: > 2 } path ? path[2..] : "params", "not of the expected form");
        }
    }

    public static Task<object?> Done(object? result) => Task.FromResult(result);
}
