using System.Text.Json;
using System.Text.Json.Nodes;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Ledger;

/// <summary>Genesis as people read and exchange it: JSON. Two files that say the same have the same chain id, whatever their spacing.</summary>
public static class GenesisFile
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Indented JSON.</summary>
    public static string Write(Genesis genesis)
    {
        var root = new JsonObject
        {
            ["name"] = genesis.Name,
            ["timeMs"] = genesis.TimeMs,
            ["vmVersion"] = genesis.VmVersion,
            ["validators"] = new JsonArray([.. genesis.Validators.Members.Select(m => (JsonNode)new JsonObject
            {
                ["nodeKey"] = m.NodeKey.ToString(),
                ["organisation"] = m.Organisation.ToString(),
            })]),
            ["contracts"] = new JsonArray([.. genesis.Contracts.Select(c => (JsonNode)new JsonObject { ["class"] = c.Class, ["source"] = c.Source })]),
            ["calls"] = new JsonArray([.. genesis.Calls.Select(c => (JsonNode)new JsonObject
            {
                ["contract"] = c.Contract.ToString(),
                ["method"] = c.Method,
                ["args"] = JsonNode.Parse(c.Arguments),
            })]),
        };
        return root.ToJsonString(Indented) + "\n";
    }

    /// <summary>Parses <see cref="Write"/>'s form. Throws <see cref="FormatException"/> naming what is wrong.</summary>
    public static Genesis Parse(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement root = document.RootElement;
            var validators = new ValidatorSet(0, [.. root.GetProperty("validators").EnumerateArray().Select(v =>
                new Validator(PublicKey.Parse(v.GetProperty("nodeKey").GetString()!), Address.Parse(v.GetProperty("organisation").GetString()!)))]);
            var genesis = new Genesis(
                root.GetProperty("name").GetString()!,
                root.GetProperty("timeMs").GetUInt64(),
                root.GetProperty("vmVersion").GetUInt32(),
                validators,
                [.. root.GetProperty("contracts").EnumerateArray().Select(c => new GenesisContract(c.GetProperty("class").GetString()!, c.GetProperty("source").GetString()!))],
                [.. root.GetProperty("calls").EnumerateArray().Select(ParseCall)]);
            return genesis.Problem() is { } problem ? throw new FormatException($"genesis: {problem}") : genesis;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or ArgumentNullException)
        {
            throw new FormatException($"genesis: not a genesis file: {e.Message}", e);
        }
    }

    private static GenesisCall ParseCall(JsonElement call)
    {
        string contract = call.GetProperty("contract").GetString()!;
        if (!ContractId.TryParse(contract, out ContractId? id)) throw new FormatException($"genesis: '{contract}' is not a contract");
        // Re-serialised without spaces: the chain id does not depend on the file's layout.
        string arguments = JsonSerializer.Serialize(call.GetProperty("args"));
        return new GenesisCall(id!, call.GetProperty("method").GetString()!, arguments);
    }
}
