using System.Text.Json;
using Ptoy.Services.Analytics.Reading;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Monitoring;

/// <summary>One supply of a medicine.</summary>
/// <param name="Day">Day number on which it was handed over.</param>
/// <param name="Days">Days that it lasts.</param>
internal sealed record Supply(int Day, int Days);

/// <summary>How much of a prescription's time was covered.</summary>
/// <param name="Medicine"><c>system|code</c>.</param>
/// <param name="Covered">Days covered.</param>
/// <param name="Days">Days looked at.</param>
/// <param name="Basis">dispensed or taken: what it rests on.</param>
/// <param name="Compartment">Compartment of the prescription.</param>
/// <param name="RecordIds">Prescription, and what it rests on.</param>
internal sealed record Coverage(string Medicine, int Covered, int Days, string Basis, string Compartment, IReadOnlyList<string> RecordIds)
{
    /// <summary>Proportion of days covered.</summary>
    public decimal Proportion => Days == 0 ? 1 : (decimal)Covered / Days;
}

/// <summary>
/// Proportion of days covered, as the Pharmacy Quality Alliance defines it: of the days from the first supply to the end of the window, those on which the
/// patient has the medicine; a supply that comes before the one before is used up begins after it. A day that the diary says was skipped is not
/// covered. Where no supply is known, days on which intake was recorded count instead. A prescription with neither is not judged.
/// </summary>
internal static class Adherence
{
    /// <summary>Day numbers from first supply to <paramref name="end"/> (inclusive) that are covered.</summary>
    public static HashSet<int> Covered(IEnumerable<Supply> supplies, int begin, int end)
    {
        var covered = new HashSet<int>();
        int free = int.MinValue;
        foreach (Supply supply in supplies.Where(s => s.Days > 0).OrderBy(s => s.Day))
        {
            int from = Math.Max(supply.Day, free);
            free = from + supply.Days;
            for (int day = Math.Max(from, begin); day < free && day <= end; day++) covered.Add(day);
        }
        return covered;
    }

    /// <summary>Every active prescription that can be judged at a time.</summary>
    public static IReadOnlyList<Coverage> Of(RecordView view, DateTimeOffset now, MonitorOptions options)
    {
        int today = DayOf(now), begin = today - options.AdherenceWindowDays + 1;
        Intake[] intakes = [.. view.Of("MedicationDispense", "MedicationAdministration", "MedicationStatement").Select(ReadIntake).OfType<Intake>()];
        var found = new SortedDictionary<string, Coverage>(StringComparer.Ordinal);
        foreach (FhirRecord record in view.Of("MedicationRequest"))
        {
            using JsonDocument? document = FhirJson.Open(record.Bytes);
            if (document is null || document.RootElement.Text("status") != "active") continue;
            (string code, _) = MedicationReader.MedicineOf(document.RootElement);
            MedicationPeriod? period = MedicationReader.Read(record, _ => { });
            if (code.Length == 0 || period is null || found.ContainsKey(code)) continue;
            Intake[] own = [.. intakes.Where(i => i.Medicine == code || (i.Prescription is { } p && (p == record.Id || p.EndsWith("/" + record.Id, StringComparison.Ordinal))))];
            // Up to yesterday: today's dose may still come.
            int last = Math.Min(today - 1, period.To is { } to ? DayOf(to) - 1 : today - 1);
            if (Judge(code, record, own, Math.Max(begin, DayOf(period.From)), last, PerDay(document.RootElement)) is { } coverage && coverage.Days >= options.AdherenceMinDays)
                found[code] = coverage;
        }
        return [.. found.Values];
    }

    private static Coverage? Judge(string code, FhirRecord record, Intake[] own, int begin, int last, decimal perDay)
    {
        Supply[] supplies = [.. own.Where(i => i.Supply is not null).Select(i => i.Supply!)];
        HashSet<int> skipped = [.. own.Where(i => i.IsSkipped).Select(i => i.Day)];
        string[] ids = [record.RecordId, .. own.Select(i => i.RecordId)];
        if (supplies.Length > 0)
        {
            // From the first supply in the window, or from its beginning when one before still lasts.
            int first = Math.Max(begin, supplies.Min(s => s.Day));
            if (last < first) return null;
            return new Coverage(code, Covered(supplies, first, last).Except(skipped).Count(), last - first + 1, "dispensed", record.Compartment, ids);
        }
        var taken = own.Where(i => i.IsTaken && i.Day >= begin && i.Day <= last).GroupBy(i => i.Day).ToDictionary(g => g.Key, g => g.Count());
        if (taken.Count == 0 && skipped.Count == 0) return null;
        int from = Math.Max(begin, taken.Keys.Concat(skipped).Min());
        if (last < from) return null;
        return new Coverage(code, taken.Count(t => t.Key >= from && t.Value >= perDay && !skipped.Contains(t.Key)), last - from + 1, "taken", record.Compartment, ids);
    }

    // Doses a day that the prescription orders; 1 where it does not say. A medicine for every other day asks for one on the days it is taken.
    private static decimal PerDay(JsonElement request)
    {
        JsonElement? repeat = request.Items("dosageInstruction").Select(d => d.Member("timing").Member("repeat")).FirstOrDefault(r => r is not null);
        if (repeat.Number("frequency") is not { } frequency || repeat.Number("period") is not { } period || period <= 0) return 1;
        decimal days = repeat.Text("periodUnit") switch { "h" => period / 24, "d" => period, "wk" => period * 7, _ => period };
        return days <= 0 ? 1 : Math.Max(1, Math.Floor(frequency / days));
    }

    private static Intake? ReadIntake(FhirRecord record)
    {
        using JsonDocument? document = FhirJson.Open(record.Bytes);
        if (document is null) return null;
        JsonElement root = document.RootElement;
        string medicine = MedicationReader.MedicineOf(root).Code, status = root.Text("status") ?? "";
        string? prescription = root.Items("authorizingPrescription").Select(p => p.Text("reference")).FirstOrDefault() ?? root.Member("request").Text("reference")
            ?? root.Items("basedOn").Select(p => p.Text("reference")).FirstOrDefault();
        if (record.Type == "MedicationDispense")
        {
            DateTimeOffset? handed = root.Time("whenHandedOver") ?? root.Time("whenPrepared");
            if (status != "completed" || handed is not { } when || MedicationReader.DaysOf(root.Member("daysSupply")) is not { } days || days is < 1 or > 366) return null;
            return new Intake(medicine, prescription, DayOf(when), new Supply(DayOf(when), (int)days), false, false, record.RecordId);
        }
        DateTimeOffset? at = root.Time("effectiveDateTime") ?? root.Member("effectivePeriod").Time("start");
        if (at is not { } time) return null;
        // A statement with a period is about a course, not about one dose.
        bool isDose = record.Type == "MedicationAdministration" || root.Member("effectivePeriod") is null;
        bool isSkipped = status is "not-done" or "not-taken", isTaken = status == "completed" && isDose;
        return isSkipped || isTaken ? new Intake(medicine, prescription, DayOf(time), null, isTaken, isSkipped, record.RecordId) : null;
    }

    private static int DayOf(DateTimeOffset time) => Analytics.Cohort.PatientFacts.DayOf(time);

    private sealed record Intake(string Medicine, string? Prescription, int Day, Supply? Supply, bool IsTaken, bool IsSkipped, string RecordId);
}
