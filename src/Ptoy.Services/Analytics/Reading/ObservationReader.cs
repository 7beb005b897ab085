using System.Text.Json;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Analytics.Reading;

/// <summary>Why a record gave no number.</summary>
internal static class LeftOut
{
    public const string NotReadable = "not readable";
    public const string Status = "status says that it does not count";
    public const string NoTime = "no time of measurement";
    public const string NoLoinc = "no LOINC code";
    public const string NotNumeric = "not a number";
}

/// <summary>Reads the numbers of Observations, components included, and of the diaries that are QuestionnaireResponses.</summary>
internal static class ObservationReader
{
    private const string InterpretationSystem = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
    private static readonly HashSet<string> Counting = ["final", "amended", "corrected", "preliminary"];

    /// <summary>The numbers of one record; what gives none is told to <paramref name="leftOut"/> with the reason.</summary>
    public static IReadOnlyList<Measurement> Read(FhirRecord record, int? age, Action<string> leftOut)
    {
        using JsonDocument? document = FhirJson.Open(record.Bytes);
        if (document is null)
        {
            leftOut(LeftOut.NotReadable);
            return [];
        }
        JsonElement root = document.RootElement;
        if (record.Type == "QuestionnaireResponse") return DiaryReader.Read(record, root, leftOut);
        string? reason = null;
        List<Measurement> found = [];
        string status = root.Text("status") ?? "";
        if (!Counting.Contains(status)) reason = LeftOut.Status;
        else if (TimeOf(root) is not { } time) reason = LeftOut.NoTime;
        else
        {
            var context = new Context(record, time, status == "preliminary", age);
            reason = ReadValue(root, context, found);
            foreach (JsonElement component in root.Items("component")) ReadValue(component, context, found);
            if (found.Count > 0) reason = null;
        }
        if (reason is not null) leftOut(reason);
        return found;
    }

    private static string? ReadValue(JsonElement element, Context context, List<Measurement> found)
    {
        if (element.Codings("code").FirstOrDefault(c => c.System == Coding.Loinc) is not { Code: { Length: > 0 } code } loinc) return LeftOut.NoLoinc;
        JsonElement? quantity = element.Member("valueQuantity");
        decimal? value = quantity.Number("value") ?? element.Number("valueInteger");
        if (value is not { } number) return LeftOut.NotNumeric;
        (string unit, bool isUcum) = UnitOf(quantity);
        found.Add(new Measurement(
            code, loinc.Display ?? FhirJson.NameOf(element.Member("code")), number, unit, isUcum, quantity.Text("comparator") ?? "", context.Time,
            RangeOf(element, context.Age, unit), FlagOf(element), context.IsProvisional, context.Record.Compartment, context.Record.RecordId, context.Record.Author));
        return null;
    }

    /// <summary>The UCUM code where the quantity has one, else the text of its unit. A mere number has the unit 1.</summary>
    public static (string Unit, bool IsUcum) UnitOf(JsonElement? quantity)
    {
        if (quantity.Text("system") == Units.UnitConverter.System && quantity.Text("code") is { Length: > 0 } code) return (code, true);
        return quantity.Text("unit") is { Length: > 0 } text ? (text, false) : ("1", true);
    }

    public static DateTimeOffset? TimeOf(JsonElement root) =>
        root.Time("effectiveDateTime") ?? root.Time("effectiveInstant") ?? root.Member("effectivePeriod").Time("start")
        ?? root.Member("effectivePeriod").Time("end") ?? FirstEvent(root) ?? root.Time("issued");

    private static DateTimeOffset? FirstEvent(JsonElement root) =>
        root.Member("effectiveTiming").Items("event").Select(e => e.ValueKind == JsonValueKind.String ? FhirJson.TimeOf(e.GetString()) : null).FirstOrDefault();

    // The one range that is meant for everybody, or for this age: where several are left (by sex, by phase), none is chosen.
    private static RangeBounds? RangeOf(JsonElement element, int? age, string unit)
    {
        RangeBounds? found = null;
        foreach (JsonElement range in element.Items("referenceRange"))
        {
            if (range.Member("type") is { } type && !FhirJson.CodingsOf(type).Any(c => c.Code == "normal")) continue;
            if (range.Items("appliesTo").Any() || !IncludesAge(range, age)) continue;
            JsonElement? low = range.Member("low"), high = range.Member("high");
            if (low.Number("value") is null && high.Number("value") is null) continue;
            if (found is not null) return null;
            string own = UnitOf(low ?? high).Unit;
            found = new RangeBounds(low.Number("value"), high.Number("value"), own == "1" ? unit : own);
        }
        return found;
    }

    private static bool IncludesAge(JsonElement range, int? age)
    {
        if (range.Member("age") is not { } ages) return true;
        if (age is not { } years) return false;
        // Ages in other units than years are for infants, about whom this table of one age for each year says nothing.
        if (ages.Member("low") is { } low && (low.Text("code") is not (null or "a") || years < low.Number("value"))) return false;
        return ages.Member("high") is not { } high || (high.Text("code") is null or "a" && years <= high.Number("value"));
    }

    private static string? FlagOf(JsonElement element)
    {
        foreach (JsonElement interpretation in element.Items("interpretation"))
        {
            foreach (Coding coding in FhirJson.CodingsOf(interpretation))
            {
                if (coding.System is not (InterpretationSystem or "")) continue;
                if (coding.Code is "H" or "HH" or "HU" or ">") return "high";
                if (coding.Code is "L" or "LL" or "LU" or "<") return "low";
                if (coding.Code is "N") return "normal";
            }
        }
        return null;
    }

    private sealed record Context(FhirRecord Record, DateTimeOffset Time, bool IsProvisional, int? Age);
}
