using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Ptoy.Services.Tests.Connector.Fhir;

/// <summary>A transaction of the test server: all entries or none, conditional creates and updates, references within and conditional ones.</summary>
internal sealed class FhirTransaction(FhirShelf shelf, Func<JsonObject, bool> refuses)
{
    private static int _lastId;

    /// <summary>The answer; null when an entry cannot be taken, and then nothing was.</summary>
    public string? Run(JsonObject bundle)
    {
        JsonObject[] entries = [.. bundle["entry"]!.AsArray().Select(e => e!.AsObject())];
        var addresses = new Dictionary<string, string>(StringComparer.Ordinal);
        var places = new List<(JsonObject Resource, string Type, string Id, bool Write, bool Created)>();
        foreach (JsonObject entry in entries)
        {
            JsonObject resource = entry["resource"]!.AsObject();
            string type = resource["resourceType"]!.GetValue<string>(), method = entry["request"]!["method"]!.GetValue<string>();
            string query = method == "POST" ? entry["request"]!["ifNoneExist"]!.GetValue<string>() : entry["request"]!["url"]!.GetValue<string>().Split('?')[1];
            IReadOnlyList<Shelved> known = Find(type, query);
            if (known.Count > 1 || refuses(resource)) return null;
            string id = known.Count == 1 ? known[0].Id : "ehr-" + Interlocked.Increment(ref _lastId).ToString(CultureInfo.InvariantCulture);
            addresses[entry["fullUrl"]!.GetValue<string>()] = $"{type}/{id}";
            places.Add((resource, type, id, method == "PUT" || known.Count == 0, known.Count == 0));
        }
        foreach (var place in places)
        {
            if (!Resolve(place.Resource, addresses)) return null;
        }
        var answer = new JsonArray();
        foreach (var (resource, type, id, write, created) in places)
        {
            resource["id"] = id;
            if (write) shelf.Put(type, id, Encoding.UTF8.GetBytes(resource.ToJsonString()));
            answer.Add(new JsonObject { ["response"] = new JsonObject { ["status"] = created ? "201 Created" : "200 OK", ["location"] = $"{type}/{id}" } });
        }
        return new JsonObject { ["resourceType"] = "Bundle", ["type"] = "transaction-response", ["entry"] = answer }.ToJsonString();
    }

    private bool Resolve(JsonNode? node, Dictionary<string, string> addresses)
    {
        if (node is JsonArray list) return list.All(i => Resolve(i, addresses));
        if (node is not JsonObject parent) return true;
        if (parent["reference"] is JsonValue value && value.TryGetValue(out string? reference))
        {
            if (addresses.TryGetValue(reference, out string? address)) parent["reference"] = address;
            else if (reference.Split('?') is [var type, var query])
            {
                IReadOnlyList<Shelved> found = Find(type, query);
                if (found.Count != 1) return false;
                parent["reference"] = found[0].Address;
            }
            else if (!reference.StartsWith('#') && reference.Split('/') is not [_, _]) return false;
        }
        return parent.Select(m => m.Value).ToArray().All(child => Resolve(child, addresses));
    }

    private IReadOnlyList<Shelved> Find(string type, string query)
    {
        string[] parts = query.Split('=');
        return shelf.Search(type, [(parts[0], parts[1])], sorts: true);
    }
}
