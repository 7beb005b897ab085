using System.Globalization;
using System.Text.Json;
using Ptoy.Services.Analytics.Reading;
using Ptoy.Services.Analytics.Units;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Monitoring;

/// <summary>How a target of a goal stands.</summary>
public enum GoalState
{
    /// <summary>Not due, and not met yet.</summary>
    Open,

    /// <summary>The latest value meets it.</summary>
    Met,

    /// <summary>Due, and the latest value does not meet it.</summary>
    Missed,

    /// <summary>Due, and nothing was measured since the goal began.</summary>
    NoData,

    /// <summary>The goal does not say what to measure, or in a unit that does not convert: only a person can judge it.</summary>
    NotMeasurable,
}

/// <summary>One target of a goal.</summary>
/// <param name="RecordId">The goal's record.</param>
/// <param name="Code">LOINC code to measure; empty where there is none.</param>
/// <param name="State">How it stands.</param>
/// <param name="Target">The target as text, for the patient's own eyes.</param>
/// <param name="Value">Latest value, in the target's unit.</param>
/// <param name="ValueRecordId">Its record.</param>
/// <param name="Compartment">Compartment of the goal.</param>
public sealed record GoalProgress(string RecordId, string Code, GoalState State, string Target, decimal? Value, string? ValueRecordId, string Compartment);

/// <summary>Judges FHIR Goals by what was measured since they began.</summary>
internal static class Goals
{
    private static readonly HashSet<string> Live = ["active", "accepted", "planned"];

    /// <summary>Every target of every live goal. Measurements are in order of time.</summary>
    public static IReadOnlyList<GoalProgress> Of(RecordView view, IReadOnlyList<Measurement> measurements, DateTimeOffset now)
    {
        var all = new List<GoalProgress>();
        foreach (FhirRecord record in view.Of("Goal"))
        {
            using JsonDocument? document = FhirJson.Open(record.Bytes);
            if (document is null || !Live.Contains(document.RootElement.Text("lifecycleStatus") ?? "")) continue;
            JsonElement root = document.RootElement;
            DateTimeOffset? start = root.Time("startDate");
            bool hasTarget = false;
            foreach (JsonElement target in root.Items("target"))
            {
                hasTarget = true;
                all.Add(Judge(record, target, start, measurements, now));
            }
            if (!hasTarget) all.Add(new GoalProgress(record.RecordId, "", GoalState.NotMeasurable, FhirJson.NameOf(root.Member("description")) ?? "", null, null, record.Compartment));
        }
        return all;
    }

    private static GoalProgress Judge(FhirRecord record, JsonElement target, DateTimeOffset? start, IReadOnlyList<Measurement> measurements, DateTimeOffset now)
    {
        string code = target.Codings("measure").FirstOrDefault(c => c.System == Coding.Loinc).Code ?? "";
        Bounds? bounds = BoundsOf(target);
        if (code.Length == 0 || bounds is null) return new GoalProgress(record.RecordId, code, GoalState.NotMeasurable, bounds?.Text ?? "", null, null, record.Compartment);
        DateTimeOffset? due = target.Time("dueDate")?.AddDays(1)
            ?? (start is { } begin && MedicationReader.DaysOf(target.Member("dueDuration")) is { } days and > 0 and < 36_525 ? begin.AddDays((double)days) : null);
        bool isDue = due <= now;
        Measurement? latest = measurements.LastOrDefault(m => m.Code == code && m.Comparator.Length == 0 && (start is null || m.Time >= start) && m.Time <= now);
        if (latest is null) return new GoalProgress(record.RecordId, code, isDue ? GoalState.NoData : GoalState.Open, bounds.Text, null, null, record.Compartment);
        decimal? value = latest.Unit == bounds.Unit ? latest.Value : UnitConverter.Convert(latest.Value, latest.Unit, bounds.Unit);
        GoalState state = value is not { } v ? GoalState.NotMeasurable : bounds.Includes(v) ? GoalState.Met : isDue ? GoalState.Missed : GoalState.Open;
        return new GoalProgress(record.RecordId, code, state, bounds.Text, value, latest.RecordId, record.Compartment);
    }

    private static Bounds? BoundsOf(JsonElement target)
    {
        if (target.Member("detailRange") is { } range)
        {
            (decimal? low, decimal? high) = (range.Member("low").Number("value"), range.Member("high").Number("value"));
            return low is null && high is null ? null : new Bounds(low, high, false, ObservationReader.UnitOf(range.Member("low") ?? range.Member("high")).Unit);
        }
        JsonElement? quantity = target.Member("detailQuantity");
        if ((quantity.Number("value") ?? target.Number("detailInteger")) is not { } value) return null;
        string unit = ObservationReader.UnitOf(quantity).Unit;
        return quantity.Text("comparator") switch
        {
            "<" => new Bounds(null, value, true, unit), "<=" => new Bounds(null, value, false, unit),
            ">" => new Bounds(value, null, true, unit), ">=" => new Bounds(value, null, false, unit),
            null => new Bounds(value, value, false, unit), _ => null,
        };
    }

    private sealed record Bounds(decimal? Low, decimal? High, bool IsStrict, string Unit)
    {
        public string Text => Low == High ? Number(Low) : (Low, High) switch
        {
            (null, _) => $"{(IsStrict ? "<" : "<=")} {Number(High)}", (_, null) => $"{(IsStrict ? ">" : ">=")} {Number(Low)}", _ => $"{Number(Low)} to {Number(High)}",
        };

        public bool Includes(decimal value) => IsStrict ? !(value <= Low) && !(value >= High) : !(value < Low) && !(value > High);

        private string Number(decimal? value) => string.Create(CultureInfo.InvariantCulture, $"{value} {Unit}");
    }
}
