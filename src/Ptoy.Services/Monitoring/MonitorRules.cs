using System.Globalization;
using Ptoy.Services.Analytics.Patient;
using Ptoy.Services.Analytics.Reading;
using Ptoy.Services.Analytics.Units;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Monitoring;

/// <summary>How a patient stands against goals, and what is to be noticed. Kept sealed; the findings' kinds alone ever leave.</summary>
/// <param name="Goals">Every target of every live goal.</param>
/// <param name="Findings">What is to be noticed, in the order of kind and key.</param>
public sealed record MonitorReport(IReadOnlyList<GoalProgress> Goals, IReadOnlyList<Finding> Findings);

/// <summary>Looks over one patient's records at one moment. Pure: records, rules and time decide everything.</summary>
public static class MonitorRules
{
    /// <summary>All findings at a moment.</summary>
    /// <param name="records">What the patient lets this account read.</param>
    /// <param name="options">What is watched.</param>
    /// <param name="now">The moment; what is dated later is not looked at.</param>
    /// <param name="self">This account, whose own records do not count.</param>
    public static MonitorReport Look(PatientRecords records, MonitorOptions options, DateTimeOffset now, string? self = null)
    {
        RecordView view = RecordView.Of(records.Records, self);
        if (view.Person.IsDeceased) return new MonitorReport([], []);
        Measurement[] measurements = [.. view.Of("Observation", "QuestionnaireResponse").SelectMany(r => ObservationReader.Read(r, null, _ => { }))
            .Where(m => m.Time <= now).OrderBy(m => m.Time).ThenBy(m => m.RecordId, StringComparer.Ordinal)];
        IReadOnlyList<GoalProgress> goals = Goals.Of(view, measurements, now);
        Finding[] findings =
        [
            .. options.Thresholds.Select(r => Crossed(r, measurements, now)).OfType<Finding>(),
            .. options.Trends.Select(r => Moving(r, measurements, now)).OfType<Finding>(),
            .. options.Expected.Select(r => Missing(r, measurements, now)).OfType<Finding>(),
            .. goals.Select(OfGoal).OfType<Finding>(),
            .. Adherence.Of(view, now, options).Where(c => c.Proportion < options.AdherenceAtLeast).Select(OfCoverage),
            .. Nutrition.Of(view, now, options).Where(n => n.IsOff).Select(OfNutrient),
        ];
        return new MonitorReport(goals, [.. findings.DistinctBy(f => (f.Kind, f.Key)).OrderBy(f => f.Kind).ThenBy(f => f.Key, StringComparer.Ordinal)]);
    }

    private static Finding? Crossed(ThresholdRule rule, Measurement[] measurements, DateTimeOffset now)
    {
        (Measurement M, decimal Value)[] last = [.. In(measurements, rule.Code, rule.Unit).TakeLast(rule.Consecutive)];
        if (last.Length < rule.Consecutive || now - last[^1].M.Time > TimeSpan.FromDays(rule.MaxAgeDays)) return null;
        bool isAbove = last.All(v => v.Value > rule.Above), isBelow = last.All(v => v.Value < rule.Below);
        if (!isAbove && !isBelow) return null;
        string bound = isAbove ? $"above {rule.Above}" : $"below {rule.Below}";
        string key = string.Create(CultureInfo.InvariantCulture, $"{rule.Code}|{bound} {rule.Unit}");
        string text = string.Create(CultureInfo.InvariantCulture, $"{last[^1].M.Display ?? rule.Code}: {last[^1].Value} {rule.Unit}, {bound}");
        return new Finding(FindingKind.Threshold, key, rule.IsUrgent, last[^1].M.Compartment, [.. last.Select(v => v.M.RecordId)], text);
    }

    private static Finding? Moving(TrendRule rule, Measurement[] measurements, DateTimeOffset now)
    {
        const double DaysPerMonth = 30, DaysPerYear = 365.25;
        (Measurement M, decimal Value)[] window = [.. In(measurements, rule.Code, rule.Unit).Where(v => now - v.M.Time <= TimeSpan.FromDays(rule.WindowDays))];
        SeriesPoint[] points = [.. window.Select(v => new SeriesPoint(v.M.Time, v.Value, v.M.RecordId))];
        if (PatientSeries.TrendOf(points) is not { Low: { } low, High: { } high }) return null;
        double bound = (double)rule.ChangePer30Days * DaysPerYear / DaysPerMonth;
        // The whole interval has to lie beyond the bound: a trend that might be nothing wakes nobody.
        if (rule.IsRising ? !(low > bound) : !(high < -bound)) return null;
        string way = rule.IsRising ? "rising" : "falling";
        return new Finding(FindingKind.Trend, $"{rule.Code}|{way}", false, window[^1].M.Compartment, [.. window.Select(v => v.M.RecordId)], $"{window[^1].M.Display ?? rule.Code}: {way}");
    }

    private static Finding? Missing(ExpectedRule rule, Measurement[] measurements, DateTimeOffset now)
    {
        Measurement? last = measurements.LastOrDefault(m => m.Code == rule.Code);
        return last is null || now - last.Time <= TimeSpan.FromDays(rule.EveryDays) ? null
            : new Finding(FindingKind.NoData, $"expected|{rule.Code}", false, last.Compartment, [last.RecordId], $"{last.Display ?? rule.Code}: nothing for {rule.EveryDays} days");
    }

    private static Finding? OfGoal(GoalProgress goal)
    {
        FindingKind? kind = goal.State switch
        {
            GoalState.Missed => FindingKind.GoalMissed, GoalState.Met => FindingKind.GoalMet, GoalState.NoData => FindingKind.NoData, _ => null,
        };
        string[] ids = goal.ValueRecordId is { } value ? [goal.RecordId, value] : [goal.RecordId];
        return kind is { } k ? new Finding(k, $"goal|{goal.RecordId}|{goal.Code}", false, goal.Compartment, ids, $"{goal.Code}: {goal.Target}") : null;
    }

    private static Finding OfCoverage(Coverage c) => new(
        FindingKind.Adherence, $"adherence|{c.Medicine}", false, c.Compartment, c.RecordIds,
        string.Create(CultureInfo.InvariantCulture, $"{c.Medicine}: {c.Covered} of {c.Days} days covered ({c.Basis})"));

    private static Finding OfNutrient(NutrientProgress n) => new(
        FindingKind.Nutrition, $"nutrition|{n.Nutrient}", false, n.Compartment, n.RecordIds,
        string.Create(CultureInfo.InvariantCulture, $"{n.Nutrient}: {n.MeanPerDay:0.##} {n.Unit} a day, ordered {n.PerDay}"));

    // Values of a code in a unit; bounds such as "> 500" count as the number: a meter that shows "high" must not be overlooked.
    private static IEnumerable<(Measurement M, decimal Value)> In(Measurement[] measurements, string code, string unit)
    {
        foreach (Measurement m in measurements)
        {
            if (m.Code != code) continue;
            if ((m.Unit == unit ? m.Value : m.IsUcum ? UnitConverter.Convert(m.Value, m.Unit, unit) : null) is { } value) yield return (m, value);
        }
    }
}
