using System.Text.Json;

namespace Ptoy.Services.Fhir;

/// <summary>One of a patient's names.</summary>
/// <param name="Given">Given names, in order.</param>
/// <param name="Family">Family name, possibly empty.</param>
/// <param name="Text">The whole name as displayed, without titles.</param>
public sealed record PersonName(IReadOnlyList<string> Given, string Family, string Text);

/// <summary>A number by which a system knows a person.</summary>
/// <param name="System">Namespace of the value; null when the resource names none.</param>
/// <param name="Value">The number.</param>
public sealed record PersonIdentifier(string? System, string Value);

/// <summary>What finds and proves a person: names, phone numbers, birth date, as one Patient resource says.</summary>
/// <param name="Names">At least none: an unnamed patient is never matched.</param>
/// <param name="Phones">As written, not normalised.</param>
/// <param name="BirthDate">FHIR date, possibly only a year or a month; null when absent.</param>
public sealed record PatientDemographics(IReadOnlyList<PersonName> Names, IReadOnlyList<string> Phones, string? BirthDate)
{
    /// <summary>Identifiers that have a value.</summary>
    public IReadOnlyList<PersonIdentifier> Identifiers { get; init; } = [];

    /// <summary>Reads a Patient resource's bytes. Throws <see cref="FormatException"/> without quoting content.</summary>
    public static PatientDemographics Read(ReadOnlyMemory<byte> patient)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(patient, new JsonDocumentOptions { MaxDepth = BundleSlicer.MaxDepth });
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || Text(root, "resourceType") != "Patient") throw new FormatException("not a Patient resource");
            return new PatientDemographics(
                [.. Items(root, "name").Where(n => Text(n, "use") != "old").Select(NameOf).Where(n => n.Text.Length > 0)],
                [.. Items(root, "telecom").Where(t => Text(t, "system") is "phone" or "sms").Select(t => Text(t, "value")).OfType<string>().Distinct()],
                Text(root, "birthDate"))
            {
                Identifiers = [.. Items(root, "identifier").Where(i => Text(i, "value") is { Length: > 0 })
                    .Select(i => new PersonIdentifier(Text(i, "system"), Text(i, "value")!))],
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("the Patient resource is not well-formed JSON");
        }
    }

    private static PersonName NameOf(JsonElement name)
    {
        string[] given = [.. Items(name, "given").Where(g => g.ValueKind == JsonValueKind.String).Select(g => g.GetString()!)];
        string family = Text(name, "family") ?? "";
        string joined = string.Join(' ', [.. given, family]).Trim();
        return new PersonName(given, family, joined.Length > 0 ? joined : Text(name, "text") ?? "");
    }

    private static IEnumerable<JsonElement> Items(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray() : [];

    private static string? Text(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;
}
