using System.Text.Json;
using Ptoy.Services.Analytics.Reading;
using Ptoy.Services.Analytics.Units;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Monitoring;

/// <summary>What was ordered of one nutrient, and what was recorded.</summary>
/// <param name="RecordId">The NutritionOrder's record.</param>
/// <param name="Nutrient"><c>system|code</c>, or energy.</param>
/// <param name="PerDay">Ordered for a day, in <paramref name="Unit"/>.</param>
/// <param name="Unit">The order's unit.</param>
/// <param name="MeanPerDay">Mean of the days with entries, of the last seven.</param>
/// <param name="Days">How many days these are.</param>
/// <param name="IsOff">Off by more than is allowed.</param>
/// <param name="Compartment">Compartment of the order.</param>
/// <param name="RecordIds">Order and entries.</param>
internal sealed record NutrientProgress(
    string RecordId, string Nutrient, decimal PerDay, string Unit, decimal MeanPerDay, int Days, bool IsOff, string Compartment, IReadOnlyList<string> RecordIds);

/// <summary>
/// Compares NutritionOrders with Observations of intake. Entries of one day add up; the mean is taken over days that have entries, since a day without
/// any is a day on which nobody wrote, not one without food. Today does not count: it is not over.
/// </summary>
internal static class Nutrition
{
    private const int WindowDays = 7;

    /// <summary>Every nutrient of every active order that has entries.</summary>
    public static IReadOnlyList<NutrientProgress> Of(RecordView view, DateTimeOffset now, MonitorOptions options)
    {
        (string Nutrient, decimal Amount, string Unit, FhirRecord Record)[] orders = [.. view.Of("NutritionOrder").SelectMany(Read)];
        if (orders.Length == 0) return [];
        Entry[] entries = [.. view.Of("Observation").SelectMany(ReadEntry)];
        int today = DayOf(now);
        var found = new List<NutrientProgress>();
        foreach ((string nutrient, decimal amount, string unit, FhirRecord record) in orders)
        {
            NutrientRule rule = options.Nutrients.FirstOrDefault(r => r.Nutrient == nutrient) ?? new NutrientRule(nutrient, [], IsCeiling: false);
            var days = new Dictionary<int, decimal>();
            var ids = new List<string> { record.RecordId };
            foreach (Entry entry in entries)
            {
                if (entry.Day >= today || entry.Day < today - WindowDays || !entry.Codes.Any(c => c == nutrient || rule.Codes.Contains(c))) continue;
                if (UnitConverter.Convert(entry.Value, entry.Unit, unit) is not { } value) continue;
                days[entry.Day] = days.GetValueOrDefault(entry.Day) + value;
                ids.Add(entry.RecordId);
            }
            if (days.Count < options.NutritionMinDays) continue;
            decimal mean = days.Values.Sum() / days.Count, slack = amount * options.NutritionTolerance;
            bool isOff = rule.IsCeiling ? mean > amount : mean > amount + slack || mean < amount - slack;
            found.Add(new NutrientProgress(record.RecordId, nutrient, amount, unit, mean, days.Count, isOff, record.Compartment, ids));
        }
        return found;
    }

    private static IEnumerable<(string, decimal, string, FhirRecord)> Read(FhirRecord record)
    {
        using JsonDocument? document = FhirJson.Open(record.Bytes);
        if (document is null || document.RootElement.Text("status") != "active") return [];
        var found = new List<(string, decimal, string, FhirRecord)>();
        foreach (JsonElement nutrient in document.RootElement.Member("oralDiet").Items("nutrient"))
        {
            Coding modifier = nutrient.Codings("modifier").FirstOrDefault();
            Add(modifier.Code is { Length: > 0 } ? modifier.ToString() : "", nutrient.Member("amount"));
        }
        // Energy of enteral feeding is told by volume and density: what a day's feed holds.
        JsonElement? feeding = document.RootElement.Member("enteralFormula");
        if (feeding.Member("maxVolumeToDeliver").Number("value") is { } volume && feeding.Member("caloricDensity").Number("value") is { } density
            && feeding.Member("maxVolumeToDeliver").Text("code") == "mL" && feeding.Member("caloricDensity").Text("code") is "cal/mL" or "kcal/mL")
            found.Add(("energy", volume * density, "kcal", record));
        return found;

        void Add(string code, JsonElement? amount)
        {
            if (code.Length > 0 && amount.Number("value") is { } value && value > 0) found.Add((code, value, ObservationReader.UnitOf(amount).Unit, record));
        }
    }

    private static IEnumerable<Entry> ReadEntry(FhirRecord record)
    {
        using JsonDocument? document = FhirJson.Open(record.Bytes);
        if (document is null) return [];
        JsonElement root = document.RootElement;
        if (root.Text("status") is not ("final" or "amended" or "corrected" or "preliminary") || ObservationReader.TimeOf(root) is not { } time) return [];
        JsonElement? quantity = root.Member("valueQuantity");
        if (quantity.Number("value") is not { } value || value < 0) return [];
        return [new Entry([.. root.Codings("code").Select(c => c.ToString())], value, ObservationReader.UnitOf(quantity).Unit, DayOf(time), record.RecordId)];
    }

    private static int DayOf(DateTimeOffset time) => Analytics.Cohort.PatientFacts.DayOf(time);

    private sealed record Entry(string[] Codes, decimal Value, string Unit, int Day, string RecordId);
}
