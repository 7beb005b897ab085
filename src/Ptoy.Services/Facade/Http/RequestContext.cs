using System.Text;
using Ptoy.Services.Facade.Index;
using Ptoy.Services.Facade.Smart;

namespace Ptoy.Services.Facade.Http;

/// <summary>One FHIR request with the token that it came with.</summary>
internal sealed record RequestContext(HttpContext Http, FacadeCore Core, SmartGrant Grant, CancellationToken Cancellation)
{
    private const int MaxForm = 64 * 1024;

    /// <summary>True when unknown parameters are to be refused.</summary>
    public bool IsStrict => Http.Request.Headers["Prefer"].Any(p => p?.Contains("handling=strict",
        StringComparison.OrdinalIgnoreCase) == true);

    /// <summary>The query's parameters in order, decoded.</summary>
    public List<(string Name, string Value)> Query() => Pairs(Http.Request.QueryString.Value?.TrimStart('?') ?? "");

    /// <summary>The query's parameters and those of a form body.</summary>
    public async Task<List<(string Name, string Value)>> FormAsync()
    {
        List<(string, string)> all = Query();
        string type = Http.Request.ContentType ?? "";
        if (!type.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase))
            throw new FhirException(415, "not-supported", "_search takes application/x-www-form-urlencoded");
        byte[] body = await BodyAsync(Http, MaxForm, Cancellation);
        all.AddRange(Pairs(Encoding.UTF8.GetString(body)));
        return all;
    }

    /// <summary>The body, up to a bound.</summary>
    public static async Task<byte[]> BodyAsync(HttpContext http, int most, CancellationToken cancellation)
    {
        if (http.Request.ContentLength > most) throw new FhirException(413, "too-long", $"the body is larger than {most} bytes");
        using var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await http.Request.Body.ReadAsync(buffer, cancellation)) > 0)
        {
            if (body.Length + read > most) throw new FhirException(413, "too-long", $"the body is larger than {most} bytes");
            body.Write(buffer, 0, read);
        }
        return body.ToArray();
    }

    public static List<(string Name, string Value)> Pairs(string text)
    {
        var pairs = new List<(string, string)>();
        foreach (string part in text.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            pairs.Add(equals < 0 ? (Decode(part), "") : (Decode(part[..equals]), Decode(part[(equals + 1)..])));
        }
        return pairs;
    }

    private static string Decode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));

    /// <summary>The document's bytes with this server's meta. Null when they are gone meanwhile.</summary>
    public byte[]? Resource(Hit hit)
    {
        ref readonly ShelfDocument document = ref hit.Document;
        return Core.Bytes.Read(hit.Shelf.Patient, document.RecordId) is { } bytes
            ? ResourceMeta.Apply(bytes, VersionOf(document), new DateTimeOffset(document.UpdatedTicks, TimeSpan.Zero)) : null;
    }

    /// <summary>A version's id: the first digits of its record's, so it is the same at every hospital.</summary>
    public static string VersionOf(in ShelfDocument document) => document.RecordId.Length > 16 ? document.RecordId[..16]
        : document.RecordId;

    public static string ETag(in ShelfDocument document) => $"W/\"{VersionOf(document)}\"";

    /// <summary>Reports parameters that were not applied: refused when the client asked for strictness.</summary>
    public void Refuse(IReadOnlyList<string> notApplied)
    {
        if (notApplied.Count > 0 && IsStrict)
            throw FhirException.NotSupported($"not known or not supported: {string.Join(", ", notApplied.Take(10).Select(Printable))} (Prefer: handling=strict)");
    }

    public static string Printable(string name) => new([.. name.Take(64).Select(c => c is > ' ' and <= '~' ? c : '?')]);
}
