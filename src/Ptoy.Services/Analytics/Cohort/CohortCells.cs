using System.Globalization;

namespace Ptoy.Services.Analytics.Cohort;

/// <summary>
/// True counts of a query's cells. They leave this assembly only with noise on them, or as a table with small counts withheld.
/// </summary>
/// <param name="Labels">One each cell; a table with two dimensions has the row's label first.</param>
/// <param name="Counts">True counts.</param>
/// <param name="Columns">Cells of one row of a table with two dimensions; else 1.</param>
/// <param name="Sensitivity">Most that one patient changes the sum of all counts by.</param>
/// <param name="Sum">mean: sum of what the patients contribute, in steps around the middle.</param>
internal sealed record CohortCells(IReadOnlyList<string> Labels, long[] Counts, int Columns, long Sensitivity, long? Sum = null);

/// <summary>Answers a checked query exactly. The SQL text depends only on the query's shape; every value is a parameter.</summary>
internal sealed class CohortCounter(CohortDatabase database, int year)
{
    /// <summary>A mean counts in so many steps from the lowest to the highest value.</summary>
    public const int MeanSteps = 2_000;

    private static readonly string[] Sexes = ["female", "male", "other", "unknown"];

    public CohortCells Count(CohortQuery query)
    {
        var values = new List<object>();
        string who = "SELECT p.p, p.sex, p.birth, p.deceased FROM patient p" + Filter(query.Where ?? [], values);
        return query.Kind switch
        {
            "count" => new CohortCells(["patients"], [Number(database.Query($"SELECT count(*) FROM ({who})", values)[0][0])], 1, 1),
            "table" => Table(query, who, values),
            "prevalence" => Prevalence(query, who, values),
            "histogram" => Histogram(query, who, values),
            "mean" => Mean(query, who, values),
            _ => throw new ArgumentException($"there is no kind {query.Kind}", nameof(query)),
        };
    }

    private string Filter(IReadOnlyList<CohortCondition> where, List<object> values)
    {
        string Value(object value)
        {
            values.Add(value);
            return "$v" + values.Count.ToString(CultureInfo.InvariantCulture);
        }
        var parts = new List<string>();
        foreach (CohortCondition c in where)
        {
            if (c.Sex is not null) parts.Add($"p.sex = {Value(c.Sex)}");
            if (c.AgeFrom is { } from) parts.Add($"{Value(year)} - p.birth >= {Value(from)}");
            if (c.AgeBelow is { } below) parts.Add($"{Value(year)} - p.birth < {Value(below)}");
            if (c.Deceased is { } deceased) parts.Add($"p.deceased = {Value(deceased)}");
            if (c.Has is not null) parts.Add($"{(c.Not == true ? "NOT " : "")}EXISTS (SELECT 1 FROM has h WHERE h.p = p.p AND h.code = {Value(c.Has)})");
            if (c.Measurement is null) continue;
            string latest = $"SELECT m.value FROM measured m WHERE m.p = p.p AND m.code = {Value(c.Measurement)} AND m.unit = {Value(c.Unit!)} ORDER BY m.day DESC, m.value LIMIT 1";
            parts.Add($"({latest}) {Operator(c.Op!)} {Value(c.Value!.Value)}");
        }
        return parts.Count == 0 ? "" : " WHERE " + string.Join(" AND ", parts);
    }

    // Of a fixed list, never the caller's text.
    private static string Operator(string op) => op switch { "<" => "<", "<=" => "<=", "=" => "=", ">=" => ">=", ">" => ">", _ => throw new ArgumentException("not a comparison", nameof(op)) };

    private CohortCells Table(CohortQuery query, string who, List<object> values)
    {
        Dimension[] dimensions = [.. query.By!.Select(b => DimensionOf(b, query))];
        string columns = string.Join(", ", dimensions.Select(d => d.Expression));
        Dimension rows = dimensions[0];
        string[] across = dimensions.Length == 2 ? dimensions[1].Labels : [""];
        var counts = new long[rows.Labels.Length * across.Length];
        foreach (object?[] row in database.Query($"SELECT {columns}, count(*) FROM ({who}) p GROUP BY ALL", values))
        {
            int at = rows.IndexOf(row[0]);
            if (dimensions.Length == 2) at = (at * across.Length) + dimensions[1].IndexOf(row[1]);
            counts[at] += Number(row[^1]);
        }
        string[] labels = [.. rows.Labels.SelectMany(r => across.Select(a => a.Length == 0 ? r : $"{r}, {a}"))];
        return new CohortCells(labels, counts, across.Length, 1);
    }

    private Dimension DimensionOf(string name, CohortQuery query) => name switch
    {
        "sex" => new Dimension("p.sex", Sexes, v => Array.IndexOf(Sexes, v as string ?? "unknown")),
        "deceased" => new Dimension("p.deceased", ["alive", "deceased"], v => v is true ? 1 : 0),
        _ => new Dimension("p.birth", AgeLabels(query.AgeEdges!), v => AgeBand(v, query.AgeEdges!)),
    };

    // The first cell holds those younger than the first edge and those without a birth date, so that every patient is in one cell.
    private int AgeBand(object? birth, IReadOnlyList<int> edges) =>
        birth is null ? 0 : edges.Count(e => year - Convert.ToInt32(birth, CultureInfo.InvariantCulture) >= e);

    private static string[] AgeLabels(IReadOnlyList<int> edges) =>
        [string.Create(CultureInfo.InvariantCulture, $"below {edges[0]} or unknown"), .. edges.Select((e, i) => i == edges.Count - 1
            ? string.Create(CultureInfo.InvariantCulture, $"{e} and over") : string.Create(CultureInfo.InvariantCulture, $"{e} to {edges[i + 1] - 1}"))];

    private CohortCells Prevalence(CohortQuery query, string who, List<object> values)
    {
        var cells = query.Codes!.Select((code, i) => (code, i)).ToDictionary(c => c.code, c => c.i, StringComparer.Ordinal);
        int first = values.Count;
        values.AddRange(query.Codes!);
        string list = string.Join(", ", Enumerable.Range(first + 1, query.Codes!.Count).Select(i => "$v" + i.ToString(CultureInfo.InvariantCulture)));
        var counts = new long[query.Codes.Count];
        var taken = new Dictionary<int, int>();
        // In the order of the query's codes: which ones count beyond the bound does not depend on anybody's data.
        foreach (object?[] row in database.Query($"SELECT h.p, h.code FROM has h JOIN ({who}) w ON h.p = w.p WHERE h.code IN ({list})", values)
            .OrderBy(r => Number(r[0])).ThenBy(r => cells[(string)r[1]!]))
        {
            int p = (int)Number(row[0]);
            int count = taken.GetValueOrDefault(p);
            if (count >= query.MaxPerPatient) continue;
            taken[p] = count + 1;
            counts[cells[(string)row[1]!]]++;
        }
        return new CohortCells(query.Codes, counts, 1, query.MaxPerPatient!.Value);
    }

    private IEnumerable<double> Latest(CohortQuery query, string who, List<object> values)
    {
        values.Add(query.Measurement!);
        values.Add(query.Unit!);
        string code = "$v" + (values.Count - 1).ToString(CultureInfo.InvariantCulture), unit = "$v" + values.Count.ToString(CultureInfo.InvariantCulture);
        string sql = $"SELECT m.p, arg_max(m.value, (m.day, -m.value)) FROM measured m JOIN ({who}) w ON m.p = w.p WHERE m.code = {code} AND m.unit = {unit} GROUP BY m.p";
        return database.Query(sql, values).Select(r => Convert.ToDouble(r[1], CultureInfo.InvariantCulture));
    }

    private CohortCells Histogram(CohortQuery query, string who, List<object> values)
    {
        IReadOnlyList<double> edges = query.Edges!;
        var counts = new long[edges.Count + 1];
        foreach (double value in Latest(query, who, values)) counts[edges.Count(e => value >= e)]++;
        string[] labels = [string.Create(CultureInfo.InvariantCulture, $"below {edges[0]}"), .. edges.Select((e, i) => i == edges.Count - 1
            ? string.Create(CultureInfo.InvariantCulture, $"{e} and over") : string.Create(CultureInfo.InvariantCulture, $"{e} to below {edges[i + 1]}"))];
        return new CohortCells(labels, counts, 1, 1);
    }

    private CohortCells Mean(CohortQuery query, string who, List<object> values)
    {
        (double low, double high) = (query.Low!.Value, query.High!.Value);
        long count = 0, sum = 0;
        foreach (double value in Latest(query, who, values))
        {
            count++;
            sum += (long)Math.Round(((Math.Clamp(value, low, high) - low) / (high - low) * MeanSteps) - (MeanSteps / 2.0));
        }
        return new CohortCells(["patients"], [count], 1, 1, sum);
    }

    private static long Number(object? value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);

    private sealed record Dimension(string Expression, string[] Labels, Func<object?, int> IndexOf);
}
