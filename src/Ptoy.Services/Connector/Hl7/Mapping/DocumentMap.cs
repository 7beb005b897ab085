using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>TXA with its OBX, and attached data of results, to DocumentReference.</summary>
internal static class DocumentMap
{
    private static readonly Dictionary<string, string> MediaTypes = new(StringComparer.OrdinalIgnoreCase)
    {
        ["PDF"] = "application/pdf", ["JPEG"] = "image/jpeg", ["JPG"] = "image/jpeg", ["PNG"] = "image/png", ["GIF"] = "image/gif",
            ["TIFF"] = "image/tiff",
        ["HTML"] = "text/html", ["XML"] = "text/xml", ["RTF"] = "text/rtf", ["PLAIN"] = "text/plain", ["TEXT"] = "text/plain",
            ["DICOM"] = "application/dicom",
        ["MSWORD"] = "application/msword", ["OCTET-STREAM"] = "application/octet-stream",
    };

    /// <summary>A document of an MDM or OUL message. Known by its unique number (TXA-12), else by its filler order.</summary>
    public static void Map(MapContext context, SegmentGroup group, Noted described)
    {
        Hl7Segment document = described.Segment;
        document.Ignore(1);
        string number = document[12][1].Text ?? "";
        string id = context.IdOf("DocumentReference", DataTypes.Entity(document[12]).ToString(), number.Length > 0 ? ""
            : $"{context.Patient.Text}/{document.Peek(15)[1].Text}/{document.Peek(4).Text}");
        FhirObject body = MapContext.Begin("DocumentReference", id).Add("masterIdentifier", DataTypes.Entity(document[12]));
        string? availability = document[19].Text, completion = document[17].Text;
        bool cancelled = context.Message.Event == "T11" || availability == "CA";
        body.Add("status", cancelled ? "entered-in-error" : availability == "OB" ? "superseded" : "current");
        body.Add("docStatus", completion switch { "AU" or "LA" or "DO" => "final", "DI" or "IN" or "IP" or "PA" => "preliminary",
            _ => null });
        body.Add("type", DataTypes.Concept($"{CodeSystems.Terminology}v2-0270", document[2][1].Text, document[2][2].Text))
            .Add("subject", context.Subject);
        if (context.Dates.Instant(document[7].Text ?? document[6].Text) is { } date) body.Add("date", date);
        foreach (FhirObject author in PeopleMap.Practitioners(context, document[9])) body.Append("author", author);
        body.Add("authenticator", PeopleMap.Practitioner(context, document[22]));
        if (document[13][1].HasValue)
        {
            string relation = context.Message.Event switch { "T05" or "T06" => "appends", "T09" or "T10" => "replaces", _ => "transforms" };
            body.Append("relatesTo", new FhirObject().Add("code", relation)
                .Add("target", new FhirObject().Add("identifier", DataTypes.Entity(document[13]))));
        }
        body.Add("description", document[25].Text);
        body.Append("securityLabel", DataTypes.Concept($"{CodeSystems.Terminology}v2-0272", document[18].Text));
        body.Add("content", Contents(context, group, document, described));
        var related = new FhirObject();
        if (context.Encounter is { } encounter) related.Append("encounter", encounter);
        related.Add("period", DataTypes.Period(context.Time(document, 4), null));
        foreach ((int field, string kind) in new[] { (14, "PLAC"), (15, "FILL") })
        {
            FhirObject order = new FhirObject().Add("identifier", DataTypes.Entity(document[field], kind));
            if (!order.IsEmpty) related.Append("related", order);
        }
        context.Put("DocumentReference", id, body.Add("context", related));
    }

    /// <summary>Data or a pointer in a result: a document of its own, which the observation is derived from.</summary>
    public static FhirObject? Attached(MapContext context, Hl7Segment result, Hl7Value value, string kind, string observationId)
    {
        FhirObject attachment = kind == "RP" ? Pointer(value) : Data(value);
        if (attachment.IsEmpty) return null;
        string id = context.IdOf("DocumentReference", "attached", observationId, value.Raw.Length > 4096 ? StableId.Of("data", value.Raw)
            : value.Raw);
        FhirObject body = MapContext.Begin("DocumentReference", id).Add("status", "current").Add("type", DataTypes.Concept(result[3]))
            .Add("subject", context.Subject);
        body.Append("content", new FhirObject().Add("attachment", attachment));
        if (context.Encounter is { } encounter) body.Add("context", new FhirObject().Append("encounter", encounter));
        return context.Put("DocumentReference", id, body);
    }

    private static IEnumerable<FhirObject> Contents(MapContext context, SegmentGroup group, Hl7Segment document, Noted described)
    {
        var contents = new List<FhirObject>();
        var lines = new List<string>();
        foreach (Hl7Segment part in context.Message.Type == "MDM" ? group.All("OBX") : [])
        {
            part.Ignore(1, 4, 11);
            string kind = (part[2].Text ?? "").ToUpperInvariant();
            string? title = part[3][2].Text ?? part[3][1].Text;
            foreach (Hl7Value value in part[5].Repetitions)
            {
                FhirObject attachment = kind switch { "ED" => Data(value), "RP" => Pointer(value), _ => new FhirObject() };
                if (!attachment.IsEmpty) contents.Add(new FhirObject().Add("attachment", attachment.Add("title", title)));
                else if (value.WholeText is { } text) lines.Add(text);
            }
        }
        lines.AddRange(described.Texts());
        if (lines.Count > 0) contents.Add(new FhirObject().Add("attachment", Text(string.Join('\n', lines))));
        if (contents.Count > 0) return contents;
        string form = document[3].Text switch { "TX" or "FT" or null => "text/plain", "IM" => "image/*", "AU" => "audio/*",
            _ => "application/octet-stream" };
        return [new FhirObject().Add("attachment", new FhirObject().Add("contentType", form).Add("title", document[16].Text))];
    }

    private static FhirObject Text(string text) => new FhirObject().Add("contentType", "text/plain; charset=utf-8")
        .Add("data", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>ED: source, type, subtype, encoding, data. Data that is not the base64 that it says is kept as text.</summary>
    private static FhirObject Data(Hl7Value value)
    {
        string? data = value[5].Text;
        if (data is null) return new FhirObject();
        FhirObject attachment = new FhirObject().Add("contentType", MediaType(value[2].Text, value[3].Text));
        if (string.Equals(value[4].Text, "Base64", StringComparison.OrdinalIgnoreCase))
        {
            string packed = string.Concat(data.Where(c => !char.IsWhiteSpace(c)));
            if (Convert.TryFromBase64String(packed, new byte[(packed.Length / 4 * 3) + 3], out _)) return attachment.Add("data", packed);
        }
        if (string.Equals(value[4].Text, "Hex", StringComparison.OrdinalIgnoreCase) && data.Length % 2 == 0
            && data.All(char.IsAsciiHexDigit))
            return attachment.Add("data", Convert.ToBase64String(Convert.FromHexString(data)));
        return attachment.Add("data", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(data)));
    }

    /// <summary>RP: pointer, application, type, subtype.</summary>
    private static FhirObject Pointer(Hl7Value value)
    {
        string? address = value[1].Text;
        if (address is null || address.Any(char.IsWhiteSpace)) return new FhirObject();
        return new FhirObject().Add("contentType", MediaType(value[3].Text, value[4].Text)).Add("url", address);
    }

    private static string? MediaType(string? kind, string? subtype)
    {
        if (subtype is null) return null;
        if (MediaTypes.TryGetValue(subtype, out string? known)) return known;
        string name = subtype.ToLowerInvariant().Replace(' ', '-');
        return kind?.ToUpperInvariant() switch { "IM" or "IMAGE" => $"image/{name}", "AU" or "AUDIO" => $"audio/{name}",
            "TX" or "FT" or "TEXT" => $"text/{name}", _ => $"application/{name}" };
    }
}
