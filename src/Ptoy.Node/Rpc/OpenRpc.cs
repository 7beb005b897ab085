using System.Text.Json.Nodes;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>The OpenRPC 1.3 document that <c>rpc.discover</c> answers with, made from the method table.</summary>
internal static class OpenRpc
{
    public static JsonObject Document(RpcMethodTable methods, IEnumerable<RpcTopic> topics) => new()
    {
        ["openrpc"] = "1.3.2",
        ["info"] = new JsonObject
        {
            ["title"] = "PTOYMatrix node",
            ["version"] = typeof(OpenRpc).Assembly.GetName().Version?.ToString(3) ?? "0",
            ["license"] = new JsonObject { ["name"] = "Apache-2.0" },
        },
        ["methods"] = new JsonArray([.. methods.All.Select(Method)]),
        ["components"] = new JsonObject { ["errors"] = Errors() },
        ["x-topics"] = new JsonArray([.. topics.OrderBy(t => t.Name, StringComparer.Ordinal).Select(Topic)]),
    };

    private static JsonNode Method(RpcMethod method)
    {
        var json = new JsonObject
        {
            ["name"] = method.Name,
            ["summary"] = method.Summary,
            ["paramStructure"] = "by-name",
            ["params"] = new JsonArray([.. method.Params.Select(Param)]),
            ["result"] = new JsonObject { ["name"] = "result", ["description"] = method.Result, ["schema"] = new JsonObject() },
            ["x-signed"] = method.RequiresAuth,
        };
        if (method.BinaryHandler is not null) json["x-binary"] = $"POST /bin/{method.Name}";
        return json;
    }

    private static JsonNode Topic(RpcTopic topic) => new JsonObject
    {
        ["name"] = topic.Name,
        ["summary"] = topic.Summary,
        ["filter"] = new JsonArray([.. topic.Filter.Select(Param)]),
        ["x-signed"] = topic.RequiresAuth,
    };

    private static JsonNode Param(RpcParam parameter) => new JsonObject
    {
        ["name"] = parameter.Name,
        ["description"] = parameter.Description,
        ["required"] = parameter.Required,
        ["schema"] = Schema(parameter.Type),
    };

    private static JsonObject Errors()
    {
        var errors = new JsonObject();
        foreach (RpcErrorInfo error in RpcErrors.All) errors[error.Name] = new JsonObject { ["code"] = error.Code, ["message"] = error.Meaning };
        return errors;
    }

    private static JsonObject Schema(RpcType type) => type switch
    {
        RpcType.String => new JsonObject { ["type"] = "string" },
        RpcType.Integer => new JsonObject { ["type"] = "integer", ["minimum"] = 0 },
        RpcType.Boolean => new JsonObject { ["type"] = "boolean" },
        RpcType.Object => new JsonObject { ["type"] = "object" },
        RpcType.Array => new JsonObject { ["type"] = "array" },
        RpcType.Strings => new JsonObject { ["type"] = "array", ["items"] = new JsonObject { ["type"] = "string" } },
        RpcType.Hash => new JsonObject { ["type"] = "string", ["pattern"] = "^[0-9a-fA-F]{64}$", ["title"] = "Hash" },
        RpcType.Address => new JsonObject { ["type"] = "string", ["pattern"] = "^ptoy1[0-9a-z]+$", ["title"] = "Address" },
        RpcType.PublicKey => new JsonObject { ["type"] = "string", ["pattern"] = "^[12]:[0-9a-fA-F]{64}$", ["title"] = "PublicKey" },
        RpcType.Base64 => new JsonObject { ["type"] = "string", ["contentEncoding"] = "base64", ["title"] = "Base64" },
        _ => [],
    };
}
