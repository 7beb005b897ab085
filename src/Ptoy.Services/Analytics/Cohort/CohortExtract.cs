using System.Globalization;
using Parquet;
using Parquet.Schema;

namespace Ptoy.Services.Analytics.Cohort;

/// <summary>What a de-identified extract holds, one row a patient.</summary>
/// <param name="Codes">Conditions or medications, each a column that says yes or no.</param>
/// <param name="Measurements">LOINC codes and units; of each the latest value, in bands.</param>
/// <param name="K">No combination of quasi-identifiers is kept that fewer patients share.</param>
public sealed record ExtractQuery(IReadOnlyList<string> Codes, IReadOnlyList<ExtractMeasurement> Measurements, int K);

/// <summary>A banded number.</summary>
/// <param name="Code">LOINC code.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Width">Width of the bands.</param>
public sealed record ExtractMeasurement(string Code, string Unit, double Width);

/// <summary>How an extract came out.</summary>
/// <param name="Rows">Rows written.</param>
/// <param name="Withheld">Patients left out since too few share their quasi-identifiers, even generalised.</param>
/// <param name="SmallestClass">Fewest rows that share quasi-identifiers; at least k, or 0 without rows.</param>
/// <param name="AgeWidth">Years of the age bands that were needed.</param>
public sealed record ExtractReport(int Rows, int Withheld, int SmallestClass, int AgeWidth);

/// <summary>
/// Writes de-identified rows as Parquet. Quasi-identifiers are sex, age band (90 and over is one) and the codes asked for, since who knows a person may know
/// these; measurements are banded. Age bands widen from 10 to 20 to 40 years and then to none until at most 5 % of the rows are
/// withheld. The rows are in an order that says nothing. This is k-anonymity: it hides who a row is, it has no budget, and it does not
/// add up with other extracts; it is made by the operator, never on request from outside.
/// </summary>
internal static class CohortExtract
{
    private const double MostWithheld = 0.05;
    private const int TopAge = 90;
    private static readonly int[] AgeWidths = [10, 20, 40, 200];

    /// <summary>Throws <see cref="ArgumentException"/> naming what is wrong with the query.</summary>
    public static async Task<ExtractReport> WriteAsync(
        ExtractQuery query, IReadOnlyList<PatientFacts> facts, int year, Stream output, CancellationToken cancellation = default)
    {
        if (ProblemOf(query) is { } problem) throw new ArgumentException(problem, nameof(query));
        (Row[] rows, int width) = Generalise(query, facts, year);
        var fields = new List<DataField> { new DataField<string>("sex"), new DataField<string>("age") };
        fields.AddRange(query.Codes.Select((_, i) => new DataField<bool>(string.Create(CultureInfo.InvariantCulture, $"has_{i + 1}"))));
        fields.AddRange(query.Measurements.Select((_, i) => new DataField<double?>(string.Create(CultureInfo.InvariantCulture, $"measured_{i + 1}"))));
        ParquetWriter writer = await ParquetWriter.CreateAsync(new ParquetSchema([.. fields]), output, cancellationToken: cancellation);
        await using (writer)
        {
            writer.CustomMetadata = Describe(query);
            using ParquetRowGroupWriter group = writer.CreateRowGroup();
            await group.WriteAsync(fields[0], (IReadOnlyCollection<string>)[.. rows.Select(r => r.Sex)]);
            await group.WriteAsync(fields[1], (IReadOnlyCollection<string>)[.. rows.Select(r => r.Age)]);
            for (int i = 0; i < query.Codes.Count; i++)
                await group.WriteAsync<bool>(fields[2 + i], rows.Select(r => r.Has[i]).ToArray(), cancellationToken: cancellation);
            for (int i = 0; i < query.Measurements.Count; i++)
                await group.WriteAsync<double>(fields[2 + query.Codes.Count + i], rows.Select(r => r.Bands[i]).ToArray(), cancellationToken: cancellation);
            group.CompleteValidate();
        }
        return new ExtractReport(rows.Length, facts.Count - rows.Length, rows.Length == 0 ? 0 : rows.GroupBy(r => r.Class).Min(g => g.Count()), width);
    }

    /// <summary>The largest k for which rows are k-anonymous over these keys; 0 for none.</summary>
    public static int AnonymityOf<T>(IEnumerable<T> rows, Func<T, string> key) => rows.GroupBy(key).Select(g => g.Count()).DefaultIfEmpty(0).Min();

    /// <summary>What is wrong with a query, naming the field; null when nothing is.</summary>
    public static string? ProblemOf(ExtractQuery query) =>
        query.K is < 2 or > 1_000 ? $"k: {query.K} is not 2 to 1000"
        : query.Codes.Count > 20 || query.Codes.Any(string.IsNullOrEmpty) ? "codes: at most 20, none empty"
        : query.Measurements.Count > 20 || query.Measurements.Any(m => !(m.Width > 0) || !double.IsFinite(m.Width)) ? "measurements: at most 20, each with a width above 0"
        : null;

    private static (Row[] Rows, int Width) Generalise(ExtractQuery query, IReadOnlyList<PatientFacts> facts, int year)
    {
        Row[] kept = [];
        int used = 0;
        foreach (int width in AgeWidths)
        {
            used = width;
            Row[] all = [.. facts.Select(f => RowOf(f, query, year, width))];
            kept = [.. all.GroupBy(r => r.Class).Where(g => g.Count() >= query.K).SelectMany(g => g)
                .OrderBy(r => r.Class, StringComparer.Ordinal).ThenBy(r => string.Join('|', r.Bands.Select(b => b?.ToString("R", CultureInfo.InvariantCulture))), StringComparer.Ordinal)];
            if (all.Length - kept.Length <= MostWithheld * all.Length) break;
        }
        return (kept, used);
    }

    private static Row RowOf(PatientFacts facts, ExtractQuery query, int year, int width)
    {
        string age = facts.BirthYear is not { } birth ? "unknown" : Band(year - birth, width);
        var codes = facts.Conditions.Concat(facts.Medications).ToHashSet(StringComparer.Ordinal);
        bool[] has = [.. query.Codes.Select(codes.Contains)];
        double?[] bands = [.. query.Measurements.Select(m => LatestBand(facts, m))];
        return new Row(facts.Sex, age, has, bands, $"{facts.Sex}|{age}|{string.Concat(has.Select(h => h ? '1' : '0'))}");
    }

    private static string Band(int age, int width)
    {
        if (width > TopAge) return "any";
        if (age >= TopAge) return "90 and over";
        int from = Math.Max(0, age) / width * width;
        return string.Create(CultureInfo.InvariantCulture, $"{from} to {Math.Min(from + width, TopAge) - 1}");
    }

    private static double? LatestBand(PatientFacts facts, ExtractMeasurement m)
    {
        MeasuredFact? latest = facts.Measurements.Where(f => f.Code == m.Code && f.Unit == m.Unit).MaxBy(f => f.Day);
        return latest is null ? null : Math.Floor(latest.Value / m.Width) * m.Width;
    }

    private static Dictionary<string, string> Describe(ExtractQuery query)
    {
        var about = new Dictionary<string, string> { ["k"] = query.K.ToString(CultureInfo.InvariantCulture), ["quasi-identifiers"] = "sex, age, has_*" };
        for (int i = 0; i < query.Codes.Count; i++) about[string.Create(CultureInfo.InvariantCulture, $"has_{i + 1}")] = query.Codes[i];
        for (int i = 0; i < query.Measurements.Count; i++)
        {
            ExtractMeasurement m = query.Measurements[i];
            about[string.Create(CultureInfo.InvariantCulture, $"measured_{i + 1}")] = string.Create(CultureInfo.InvariantCulture, $"{m.Code}, lower end of a band of {m.Width} {m.Unit}");
        }
        return about;
    }

    private sealed record Row(string Sex, string Age, bool[] Has, double?[] Bands, string Class);
}
