using System.Text.Json;

namespace Ptoy.Services.Connector.Imaging;

/// <summary>A study as a DICOM server lists it (PS3.18, section 10.6).</summary>
/// <param name="Uid">Study instance UID.</param>
/// <param name="PatientId">As the DICOM server knows the patient; empty when it does not say.</param>
/// <param name="PatientName">As written; for staff's eyes.</param>
/// <param name="BirthDate">yyyy-MM-dd, or null.</param>
/// <param name="Started">yyyy-MM-dd, or null.</param>
/// <param name="Description">What was examined, or null.</param>
/// <param name="Instances">How many instances it has, as far as the server says.</param>
internal sealed record DicomStudy(string Uid, string PatientId, string PatientName, string? BirthDate, string? Started, string? Description, int Instances);

/// <summary>An instance of a study.</summary>
/// <param name="Series">Series instance UID.</param>
/// <param name="Uid">SOP instance UID.</param>
/// <param name="SopClass">SOP class UID.</param>
/// <param name="Modality">Such as CT; empty when the server does not say.</param>
/// <param name="SeriesNumber">0 when it has none.</param>
/// <param name="Number">0 when it has none.</param>
internal sealed record DicomInstance(string Series, string Uid, string SopClass, string Modality, int SeriesNumber, int Number);

/// <summary>Reads the DICOM JSON model (PS3.18, annex F): objects of <c>{"ggggeeee": {"vr", "Value": […]}}</c>.</summary>
internal static class DicomJson
{
    /// <summary>Studies of a QIDO-RS answer. Throws <see cref="FormatException"/> or <see cref="JsonException"/>.</summary>
    public static IReadOnlyList<DicomStudy> Studies(ReadOnlyMemory<byte> json) => Read(json, item => new DicomStudy(
        Uid(item, "0020000D"), Text(item, "00100020"), Text(item, "00100010"), Date(Text(item, "00100030")),
        // A FHIR dateTime with a time needs a zone, which DICOM seldom tells: the day is what is certain.
        Date(Text(item, "00080020")), Text(item, "00081030") is { Length: > 0 } d ? d : null, Number(item, "00201208")));

    /// <summary>Instances of a QIDO-RS answer.</summary>
    public static IReadOnlyList<DicomInstance> Instances(ReadOnlyMemory<byte> json) => Read(json, item => new DicomInstance(
        Uid(item, "0020000E"), Uid(item, "00080018"), Text(item, "00080016"), Text(item, "00080060"), Number(item, "00200011"), Number(item, "00200013")));

    /// <summary>True for the form of a UID (PS3.5, section 9): it becomes part of an address.</summary>
    public static bool IsUid(string text) => text.Length is > 0 and <= 64 && text.All(c => char.IsAsciiDigit(c) || c == '.');

    private static IReadOnlyList<T> Read<T>(ReadOnlyMemory<byte> json, Func<JsonElement, T> read)
    {
        if (json.IsEmpty) return [];
        using JsonDocument document = JsonDocument.Parse(json);
        if (document.RootElement.ValueKind != JsonValueKind.Array) throw new FormatException("the answer is not a list");
        return [.. document.RootElement.EnumerateArray().Select(read)];
    }

    private static string Uid(JsonElement item, string tag) =>
        Text(item, tag) is var uid && IsUid(uid) ? uid : throw new FormatException($"an entry has no usable UID ({tag})");

    private static string Text(JsonElement item, string tag)
    {
        if (item.ValueKind != JsonValueKind.Object || !item.TryGetProperty(tag, out JsonElement attribute) || attribute.ValueKind != JsonValueKind.Object) return "";
        if (!attribute.TryGetProperty("Value", out JsonElement values) || values.ValueKind != JsonValueKind.Array || values.GetArrayLength() == 0) return "";
        JsonElement first = values[0];
        if (first.ValueKind == JsonValueKind.Object && first.TryGetProperty("Alphabetic", out JsonElement name)) first = name;
        return first.ValueKind switch { JsonValueKind.String => first.GetString()!.Trim(), JsonValueKind.Number => first.GetRawText(), _ => "" };
    }

    private static int Number(JsonElement item, string tag) =>
        int.TryParse(Text(item, tag), System.Globalization.CultureInfo.InvariantCulture, out int number) && number >= 0 ? number : 0;

    /// <summary>DA (yyyyMMdd) as a FHIR date.</summary>
    private static string? Date(string da) => da.Length == 8 && da.All(char.IsAsciiDigit) ? $"{da[..4]}-{da[4..6]}-{da[6..]}" : null;
}
