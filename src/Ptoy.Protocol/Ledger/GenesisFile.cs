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
            var validators = ValidatorSet.Of(0, [.. Each(root, "validators", v =>
                new Validator(PublicKey.Parse(Text(v, "nodeKey")), Address.Parse(Text(v, "organisation"))))]);
            var genesis = new Genesis(
                Text(root, "name"),
                Number(root, "timeMs"),
                checked((uint)Number(root, "vmVersion")),
                validators,
                [.. Each(root, "contracts", c => new GenesisContract(Text(c, "class"), Text(c, "source")))],
                [.. Each(root, "calls", ParseCall)]);
            return genesis.Problem() is { } problem ? throw new FormatException($"genesis: {problem}") : genesis;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or OverflowException)
        {
            throw new FormatException($"genesis: not a genesis file: {e.Message}", e);
        }
    }

    private static GenesisCall ParseCall(JsonElement call)
    {
        string contract = Text(call, "contract");
        if (!ContractId.TryParse(contract, out ContractId? id)) throw new FormatException($"contract: '{contract}' is not a contract");
        // Re-serialised without spaces: the chain id does not depend on the file's layout.
        string arguments = JsonSerializer.Serialize(Member(call, "args", JsonValueKind.Array));
        return new GenesisCall(id!, Text(call, "method"), arguments);
    }

    /// <summary>The elements of an array, each error with its place in front.</summary>
    private static IEnumerable<T> Each<T>(JsonElement parent, string name, Func<JsonElement, T> read)
    {
        int index = 0;
        foreach (JsonElement element in Member(parent, name, JsonValueKind.Array).EnumerateArray())
        {
            T value;
            try
            {
                value = read(element);
            }
            catch (FormatException e)
            {
                throw new FormatException($"genesis: {name}[{index}]: {e.Message}", e);
            }
            yield return value;
            index++;
        }
    }

    private static string Text(JsonElement parent, string name) => Member(parent, name, JsonValueKind.String).GetString()!;

    private static ulong Number(JsonElement parent, string name) => Member(parent, name, JsonValueKind.Number).TryGetUInt64(out ulong number)
        ? number
        : throw new FormatException($"{name}: not a whole number of 0 or more");

    private static JsonElement Member(JsonElement parent, string name, JsonValueKind kind)
    {
        if (parent.ValueKind != JsonValueKind.Object) throw new FormatException("not an object");
        if (!parent.TryGetProperty(name, out JsonElement value)) throw new FormatException($"{name}: missing");
        return value.ValueKind == kind ? value : throw new FormatException($"{name}: {value.ValueKind}, not {kind}");
    }
}
