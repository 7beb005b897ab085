using Ptoy.Services.Analytics.Reading;
using Ptoy.Services.Analytics.Units;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Analytics.Patient;

/// <summary>Puts the numbers of one patient's records into series. Pure: the same records give the same result.</summary>
public static class PatientSeries
{
    /// <summary>Fewest values for a trend.</summary>
    public const int MinTrendPoints = 5;

    private const int MinGapPoints = 4;
    private const double GapFactor = 3;
    private const double DaysPerYear = 365.25;
    private static readonly TimeSpan ShortestGap = TimeSpan.FromDays(30);
    private static readonly string[] Numbers = ["Observation", "QuestionnaireResponse"];
    private static readonly string[] Medicines = ["MedicationRequest", "MedicationStatement"];

    /// <summary>All series of a patient.</summary>
    /// <param name="records">What the patient lets this account read.</param>
    /// <param name="self">This account: its own records are results, and left out.</param>
    public static SeriesResult Analyse(PatientRecords records, string? self = null)
    {
        RecordView view = RecordView.Of(records.Records, self);
        var leftOut = new SortedDictionary<(string What, string Why), int>();
        var measurements = new List<Measurement>();
        foreach (FhirRecord record in view.Of(Numbers))
            measurements.AddRange(ObservationReader.Read(record, view.Person.AgeAt(record.Time), why => Count(leftOut, record.Type, why)));
        MedicationSpan[] spans = [.. view.Of(Medicines)
            .Select(r => MedicationReader.Read(r, why => Count(leftOut, r.Type, why))).OfType<MedicationPeriod>()
            .OrderBy(m => m.From).ThenBy(m => m.RecordId, StringComparer.Ordinal)
            .Select(m => new MedicationSpan(m.Code, m.Name, m.From, m.To, m.IsOngoing, m.Source, m.Compartment, m.RecordId))];
        string patient = records.Patient.ToString();
        Series[] series = [.. measurements.GroupBy(m => (m.Code, m.Compartment)).OrderBy(g => g.Key.Code, StringComparer.Ordinal)
            .ThenBy(g => g.Key.Compartment, StringComparer.Ordinal).SelectMany(g => OfCode(g.Key.Code, g.Key.Compartment, [.. g], view.Person, patient))];
        return new SeriesResult(series, spans, [.. leftOut.Select(l => new LeftOutCount(l.Key.What, l.Key.Why, l.Value))]);
    }

    private static void Count(SortedDictionary<(string, string), int> counts, string what, string why) =>
        counts[(what, why)] = counts.GetValueOrDefault((what, why)) + 1;

    private static IEnumerable<Series> OfCode(string code, string compartment, List<Measurement> all, Person person, string patient)
    {
        string main = UsualRanges.UnitOf(code) ?? MostFrequent(all);
        var within = new List<(Measurement Measurement, decimal Value)>();
        var apart = new SortedDictionary<string, List<(Measurement, decimal)>>(StringComparer.Ordinal);
        foreach (Measurement m in all)
        {
            if (m.Unit == main) within.Add((m, m.Value));
            else if (m.IsUcum && UnitConverter.Convert(m.Value, m.Unit, main) is { } converted) within.Add((m, converted));
            else if (apart.TryGetValue(m.Unit, out List<(Measurement, decimal)>? others)) others.Add((m, m.Value));
            else apart[m.Unit] = [(m, m.Value)];
        }
        if (within.Count > 0) yield return Build(code, main, compartment, within, person, patient, null);
        foreach ((string unit, List<(Measurement Measurement, decimal Value)> values) in apart)
        {
            string note = values[0].Measurement.IsUcum ? $"does not convert to {main}" : $"the unit is not given in UCUM, so it cannot be converted to {main}";
            yield return Build(code, unit, compartment, values, person, patient, note);
        }
    }

    private static string MostFrequent(List<Measurement> all) =>
        all.GroupBy(m => m.Unit).OrderByDescending(g => g.Any(m => m.IsUcum)).ThenByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal).First().Key;

    private static Series Build(
        string code, string unit, string compartment, List<(Measurement Measurement, decimal Value)> values, Person person, string patient, string? note)
    {
        SeriesPoint[] points = [.. values.Select(v => PointOf(v.Measurement, v.Value, unit, person, patient))
            .OrderBy(p => p.Time).ThenBy(p => p.RecordId, StringComparer.Ordinal)];
        string? name = values.Select(v => v.Measurement.Display).FirstOrDefault(d => d is not null);
        UsualRange? range = UsualRanges.Of(code, unit, person.Sex, person.AgeAt(points[^1].Time));
        return new Series(code, name, unit, compartment, range, points, TrendOf(points), GapsOf(points), note);
    }

    private static SeriesPoint PointOf(Measurement m, decimal value, string unit, Person person, string patient)
    {
        UsualRange? own = OwnRange(m, unit);
        Mark? mark = m.Flag switch { "high" => Mark.High, "low" => Mark.Low, "normal" => Mark.Within, _ => null };
        string? by = mark is null ? null : "laboratory";
        // A range of its own that cannot be converted still means that the table's is not this method's.
        if (mark is null && (m.Range is null ? UsualRanges.Of(m.Code, unit, person.Sex, person.AgeAt(m.Time)) : own) is { } range)
        {
            mark = MarkOf(value, m.Comparator, range);
            by = mark is null ? null : m.Range is null ? "table" : "observation";
        }
        return new SeriesPoint(
            m.Time, value, m.RecordId, own?.Low, own?.High, mark, by, m.Comparator.Length > 0 ? m.Comparator : null, m.IsProvisional, m.Author == patient);
    }

    private static UsualRange? OwnRange(Measurement m, string unit)
    {
        if (m.Range is not { } own) return null;
        decimal? In(decimal? bound) => bound is { } b ? own.Unit == unit ? b : UnitConverter.Convert(b, own.Unit, unit) : null;
        (decimal? low, decimal? high) = (In(own.Low), In(own.High));
        return low is null && high is null ? null : new UsualRange(low, high, "observation");
    }

    // "< 5" lies below a range that begins at 5 or higher; whether "< 5" is within 3 to 6 nobody knows.
    private static Mark? MarkOf(decimal value, string comparator, UsualRange range) => comparator switch
    {
        "<" or "<=" => value <= range.Low ? Mark.Low : null,
        ">" or ">=" => value >= range.High ? Mark.High : null,
        "" => value < range.Low ? Mark.Low : value > range.High || (range.IsHighExcluded && value == range.High) ? Mark.High : Mark.Within,
        _ => null,
    };

    /// <summary>The trend of points in order of time; bounds such as "&lt; 5" take no part.</summary>
    internal static Trend? TrendOf(IReadOnlyList<SeriesPoint> points)
    {
        SeriesPoint[] usable = [.. points.Where(p => p.Comparator is null)];
        if (usable.Length < MinTrendPoints) return null;
        DateTimeOffset first = usable[0].Time;
        (double X, double Y)[] all = [.. usable.Select(p => ((p.Time - first).TotalDays / DaysPerYear, (double)p.Value))];
        if (TheilSen.Fit(TheilSen.Thin(all)) is not { } line) return null;
        string direction = line.Low > 0 ? "rising" : line.High < 0 ? "falling" : "unclear";
        return new Trend(line.Slope, line.Low, line.High, direction, usable.Length, first, usable[^1].Time, line.Intercept + (line.Slope * all[^1].X));
    }

    private static Gap[] GapsOf(SeriesPoint[] points)
    {
        if (points.Length < MinGapPoints) return [];
        double[] distances = [.. points.Zip(points.Skip(1), (a, b) => (b.Time - a.Time).TotalDays)];
        double longest = Math.Max(ShortestGap.TotalDays, GapFactor * TheilSen.Median([.. distances.Order()]));
        return [.. points.Zip(points.Skip(1)).Where((_, i) => distances[i] > longest).Select(pair => new Gap(pair.First.Time, pair.Second.Time))];
    }
}
