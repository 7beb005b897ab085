using System.Text.Json;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Analytics.Reading;

/// <summary>
/// Diaries of the patient's own device: QuestionnaireResponses whose items name a LOINC code in their linkId, as the forms of LOINC do
/// (<c>/55757-9/44250-9</c>, or the code alone, or <c>http://loinc.org|72514-3</c>).
/// </summary>
internal static class DiaryReader
{
    private const int MaxDepth = 16;
    private const int MaxItems = 2_000;

    public static IReadOnlyList<Measurement> Read(FhirRecord record, JsonElement root, Action<string> leftOut)
    {
        var found = new List<Measurement>();
        if (root.Text("status") is not ("completed" or "amended"))
        {
            leftOut(LeftOut.Status);
            return found;
        }
        if (root.Time("authored") is not { } time)
        {
            leftOut(LeftOut.NoTime);
            return found;
        }
        ReadItems(record, root, time, found, 0);
        if (found.Count == 0) leftOut(LeftOut.NotNumeric);
        return found;
    }

    /// <summary>The LOINC code that a linkId ends with; null when it ends with none.</summary>
    public static string? CodeOf(string? linkId)
    {
        if (linkId is null) return null;
        string last = linkId[(linkId.LastIndexOfAny(['/', '|']) + 1)..];
        int dash = last.IndexOf('-');
        return dash is >= 1 and <= 7 && last.Length == dash + 2 && last.Where((_, i) => i != dash).All(char.IsAsciiDigit) ? last : null;
    }

    private static void ReadItems(FhirRecord record, JsonElement parent, DateTimeOffset time, List<Measurement> found, int depth)
    {
        if (depth > MaxDepth) return;
        foreach (JsonElement item in parent.Items("item"))
        {
            if (found.Count >= MaxItems) return;
            if (CodeOf(item.Text("linkId")) is { } code)
            {
                foreach (JsonElement answer in item.Items("answer"))
                {
                    JsonElement? quantity = answer.Member("valueQuantity");
                    decimal? value = quantity.Number("value") ?? answer.Number("valueDecimal") ?? answer.Number("valueInteger");
                    if (value is not { } number) continue;
                    (string unit, bool isUcum) = ObservationReader.UnitOf(quantity);
                    found.Add(new Measurement(
                        code, item.Text("text"), number, unit, isUcum, quantity.Text("comparator") ?? "", time, null, null, false, record.Compartment,
                        record.RecordId, record.Author));
                }
            }
            ReadItems(record, item, time, found, depth + 1);
            foreach (JsonElement answer in item.Items("answer")) ReadItems(record, answer, time, found, depth + 1);
        }
    }
}
