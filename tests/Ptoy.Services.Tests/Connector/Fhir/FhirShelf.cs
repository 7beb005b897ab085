using System.Globalization;
using System.Text;
using System.Text.Json;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Tests.Connector.Fhir;

/// <summary>One resource of the test server: the bytes that it answers with, and when it was changed.</summary>
internal sealed record Shelved(string Type, string Id, byte[] Bytes, DateTimeOffset Changed, long Order, ResourceHead Head)
{
    public string Address => $"{Type}/{Id}";
}

/// <summary>
/// What the test server holds. It stamps <c>meta.versionId</c> and <c>meta.lastUpdated</c> into a resource's text, as servers do, and leaves every
/// other byte alone.
/// </summary>
internal sealed class FhirShelf
{
    private readonly Dictionary<string, Shelved> _resources = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _versions = [];
    private readonly Lock _lock = new();
    private long _order;

    /// <summary>The server's clock; each write takes a tick of <see cref="Step"/>.</summary>
    public DateTimeOffset Now { get; private set; } = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    /// <summary>Zero: everything that is written now has the same instant.</summary>
    public TimeSpan Step { get; set; } = TimeSpan.FromMilliseconds(1);

    public IReadOnlyList<Shelved> All
    {
        get { lock (_lock) return [.. _resources.Values]; }
    }

    public void Advance(TimeSpan by) => Now += by;

    public Shelved? Find(string type, string id)
    {
        lock (_lock) return _resources.GetValueOrDefault($"{type}/{id}");
    }

    public void Load(byte[] bundle)
    {
        SlicedBundle sliced = BundleSlicer.Slice(bundle);
        foreach (BundleSlice slice in sliced.Slices) Put(slice.ResourceType, slice.Id!, sliced.BytesOf(slice));
    }

    public Shelved Put(string type, string id, ReadOnlyMemory<byte> resource)
    {
        lock (_lock)
        {
            string address = $"{type}/{id}";
            int version = _versions[address] = _versions.GetValueOrDefault(address) + 1;
            Now += Step;
            byte[] stamped = Stamp(resource, version, Now);
            return _resources[address] = new Shelved(type, id, stamped, Now, ++_order, ResourceScan.Read(stamped));
        }
    }

    /// <summary>Changes a resource as an EHR's user would: it moves to the end of the list by change.</summary>
    public void Touch(Shelved resource, string note)
    {
        string text = Encoding.UTF8.GetString(resource.Bytes);
        int end = text.LastIndexOf('}');
        Put(resource.Type, resource.Id, Encoding.UTF8.GetBytes($"{text[..end]},\"_note\":{JsonSerializer.Serialize(note)}}}"));
    }

    /// <summary>Those of a type that fit, by the parameters that the server knows.</summary>
    public IReadOnlyList<Shelved> Search(string type, IEnumerable<(string Name, string Value)> parameters, bool sorts)
    {
        IEnumerable<Shelved> found = All.Where(r => r.Type == type);
        bool sorted = false;
        foreach ((string name, string value) in parameters)
        {
            if (name == "_lastUpdated") found = found.Where(r => Fits(r.Changed, value));
            else if (name == "_sort") sorted = value == "_lastUpdated";
            else if (name is "identifier" or "_tag") found = found.Where(r => Carries(r, name, value));
        }
        // Without sorting a server has some order of its own, which changes do not respect.
        return sorted && sorts
            ? [.. found.OrderBy(r => r.Changed).ThenBy(r => r.Order)]
            : [.. found.OrderBy(r => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(r.Id))), StringComparer.Ordinal)];
    }

    /// <summary>A patient, what is about them, and what that refers to.</summary>
    public IReadOnlyList<Shelved> Everything(string patient)
    {
        var found = new Dictionary<string, Shelved>(StringComparer.Ordinal);
        var next = new Queue<Shelved>(All.Where(r => r.Address == $"Patient/{patient}" || r.Head.About.Any(a => a == $"urn:uuid:{patient}" || a == $"Patient/{patient}")));
        while (next.TryDequeue(out Shelved? resource))
        {
            if (!found.TryAdd(resource.Address, resource)) continue;
            foreach (string reference in resource.Head.References)
            {
                FhirReference? to = FhirReference.Parse(reference);
                Shelved? other = to is null ? null : All.FirstOrDefault(r => r.Id == to.Id && (to.Type is null || to.Type == r.Type));
                if (other is { Head.About.Count: 0 } and not { Type: "Patient" }) next.Enqueue(other);
            }
        }
        return [.. found.Values.OrderBy(r => r.Changed).ThenBy(r => r.Order)];
    }

    private static bool Fits(DateTimeOffset changed, string filter)
    {
        DateTimeOffset instant = DateTimeOffset.Parse(filter[2..], CultureInfo.InvariantCulture);
        return filter[..2] switch
        {
            "ge" => changed >= instant, "gt" => changed > instant, "le" => changed <= instant, "lt" => changed < instant,
            _ => throw new FormatException("the test server knows ge, gt, le and lt"),
        };
    }

    private static bool Carries(Shelved resource, string name, string token)
    {
        string[] parts = token.Split('|');
        using JsonDocument document = JsonDocument.Parse(resource.Bytes);
        JsonElement root = document.RootElement;
        if (name == "_tag") return root.TryGetProperty("meta", out JsonElement meta) && Has(meta, "tag", parts[0], "code", parts[1]);
        return Has(root, "identifier", parts[0], "value", parts[1]);
    }

    private static bool Has(JsonElement parent, string list, string system, string member, string value) =>
        parent.TryGetProperty(list, out JsonElement items) && items.ValueKind == JsonValueKind.Array
        && items.EnumerateArray().Any(i => i.TryGetProperty("system", out JsonElement s) && s.GetString() == system && i.TryGetProperty(member, out JsonElement v) && v.GetString() == value);

    private static byte[] Stamp(ReadOnlyMemory<byte> resource, int version, DateTimeOffset now)
    {
        string instant = now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        string stamp = $"\"versionId\":\"{version}\",\"lastUpdated\":\"{instant}\"";
        (int start, int end, bool empty) = MetaOf(resource.Span);
        if (start < 0) return [.. Encoding.UTF8.GetBytes($"{{\"meta\":{{{stamp}}},"), .. resource.Span[(resource.Span.IndexOf((byte)'{') + 1)..]];
        string meta = Encoding.UTF8.GetString(resource.Span[start..end]);
        meta = System.Text.RegularExpressions.Regex.Replace(meta, "\"(versionId|lastUpdated)\"\\s*:\\s*\"[^\"]*\"\\s*,?", "");
        meta = $"{{{stamp}{(empty || meta.Trim('{', '}', ' ', '\n', '\r', '\t').Length == 0 ? "" : ",")}{meta[1..]}";
        return [.. resource.Span[..start], .. Encoding.UTF8.GetBytes(meta), .. resource.Span[end..]];
    }

    private static (int Start, int End, bool Empty) MetaOf(ReadOnlySpan<byte> resource)
    {
        var reader = new Utf8JsonReader(resource);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool meta = reader.ValueTextEquals("meta"u8);
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (meta) return (start, (int)reader.BytesConsumed, reader.BytesConsumed - start <= 2);
        }
        return (-1, -1, true);
    }
}
