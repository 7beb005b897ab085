using System.Text.Json;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Analytics.Reading;

/// <summary>Reads when a medicine was ordered or taken.</summary>
internal static class MedicationReader
{
    private static readonly HashSet<string> Void = ["entered-in-error", "cancelled", "draft", "not-taken", "intended", "unknown"];

    /// <summary>The period of a MedicationRequest or MedicationStatement, or why there is none.</summary>
    public static MedicationPeriod? Read(FhirRecord record, Action<string> leftOut)
    {
        using JsonDocument? document = FhirJson.Open(record.Bytes);
        if (document is null)
        {
            leftOut(LeftOut.NotReadable);
            return null;
        }
        JsonElement root = document.RootElement;
        string status = root.Text("status") ?? "";
        if (Void.Contains(status))
        {
            leftOut(LeftOut.Status);
            return null;
        }
        (DateTimeOffset? from, DateTimeOffset? to) = record.Type == "MedicationStatement" ? Taken(root) : Ordered(root);
        if (from is not { } start)
        {
            leftOut(LeftOut.NoTime);
            return null;
        }
        (string code, string name) = MedicineOf(root);
        return new MedicationPeriod(
            code, name, start, to >= start ? to : null, to is null && status == "active", record.Type, record.Compartment, record.RecordId);
    }

    /// <summary>Code and name of the medicine that a resource is about; a reference is its own name.</summary>
    public static (string Code, string Name) MedicineOf(JsonElement root)
    {
        JsonElement? concept = root.Member("medicationCodeableConcept");
        Coding first = FhirJson.CodingsOf(concept).FirstOrDefault();
        string code = first.Code is { Length: > 0 } ? first.ToString() : root.Member("medicationReference").Text("reference") ?? "";
        return (code, FhirJson.NameOf(concept) ?? root.Member("medicationReference").Text("display") ?? "");
    }

    /// <summary>Days that a FHIR Duration in UCUM means; null for another unit.</summary>
    public static decimal? DaysOf(JsonElement? duration)
    {
        if (duration.Number("value") is not { } value) return null;
        string unit = duration.Text("code") ?? duration.Text("unit") ?? "d";
        return unit switch
        {
            "d" or "day" or "days" => value,
            "wk" or "week" or "weeks" => value * 7,
            // UCUM: mo is the mean Julian month, a the mean Julian year.
            "mo" or "month" or "months" => value * 30.4375m,
            "a" or "year" or "years" => value * 365.25m,
            "h" => value / 24,
            _ => null,
        };
    }

    private static (DateTimeOffset? From, DateTimeOffset? To) Taken(JsonElement root)
    {
        JsonElement? period = root.Member("effectivePeriod");
        return (period.Time("start") ?? root.Time("effectiveDateTime") ?? root.Time("dateAsserted"), period.Time("end"));
    }

    private static (DateTimeOffset? From, DateTimeOffset? To) Ordered(JsonElement root)
    {
        JsonElement? dispense = root.Member("dispenseRequest");
        JsonElement? validity = dispense.Member("validityPeriod");
        JsonElement? bounds = root.Items("dosageInstruction").Select(d => d.Member("timing").Member("repeat").Member("boundsPeriod")).FirstOrDefault(b => b is not null);
        DateTimeOffset? from = bounds.Time("start") ?? validity.Time("start") ?? root.Time("authoredOn");
        if (bounds.Time("end") is { } end) return (from, end);
        if (from is { } start && DaysOf(dispense.Member("expectedSupplyDuration")) is { } days and > 0 and < 36_525)
        {
            decimal fills = 1 + Math.Clamp(dispense.Number("numberOfRepeatsAllowed") ?? 0, 0, 100);
            return (from, start.AddDays((double)(days * fills)));
        }
        return (from, validity.Time("end"));
    }
}
