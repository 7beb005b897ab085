using System.Text.Json;
using System.Text.Json.Serialization;
using Ptoy.Services.Common;

namespace Ptoy.Services.Analytics.Cohort;

/// <summary>
/// A question about a cohort. Questions are declared, never SQL: a kind, who is counted, and cells that are fixed before anybody looks at the data, since
/// a cell that exists only because somebody is in it tells of that person.
/// </summary>
/// <param name="Kind">count, table, prevalence, histogram or mean.</param>
/// <param name="Where">Who is counted: all of these hold. Empty: everybody.</param>
/// <param name="By">table: one or two of sex, age, deceased.</param>
/// <param name="AgeEdges">table by age: lower ends of the bands, in completed years; the last band is open.</param>
/// <param name="Codes">prevalence: conditions or medications (<c>system|code</c>), each a cell.</param>
/// <param name="MaxPerPatient">prevalence: of how many of the codes one patient counts at most; further ones are left out.</param>
/// <param name="Measurement">histogram, mean: LOINC code; each patient counts once, with the latest value.</param>
/// <param name="Unit">histogram, mean: its unit; values in another unit do not count.</param>
/// <param name="Edges">histogram: lower ends of the cells; a first cell lies below them.</param>
/// <param name="Low">mean: values below count as this.</param>
/// <param name="High">mean: values above count as this.</param>
/// <param name="Epsilon">Privacy loss that the answer costs; 0.001 to 10.</param>
public sealed record CohortQuery(
    string Kind, decimal Epsilon, IReadOnlyList<CohortCondition>? Where = null, IReadOnlyList<string>? By = null, IReadOnlyList<int>? AgeEdges = null,
    IReadOnlyList<string>? Codes = null, int? MaxPerPatient = null, string? Measurement = null, string? Unit = null, IReadOnlyList<double>? Edges = null,
    double? Low = null, double? High = null)
{
    private const int MaxConditions = 16;
    private const int MaxCodes = 100;
    private const int MaxText = 256;

    /// <summary>How queries are read: unknown members are refused.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 8,
        RespectRequiredConstructorParameters = true, NumberHandling = JsonNumberHandling.Strict, AllowDuplicateProperties = false,
    };

    /// <summary>The price in millionths.</summary>
    [JsonIgnore]
    public long MicroEpsilon => (long)(Epsilon * DiscreteLaplace.MicrosPerUnit);

    /// <summary>Reads a query. Throws <see cref="FieldException"/> naming the field and what is wrong.</summary>
    public static CohortQuery Parse(ReadOnlySpan<byte> json)
    {
        CohortQuery? query;
        try
        {
            query = JsonSerializer.Deserialize<CohortQuery>(json, Json);
        }
        catch (JsonException e)
        {
            // The path names a member; the message might quote content.
            throw new FieldException(string.IsNullOrEmpty(e.Path) || e.Path == "$" ? "query" : e.Path.TrimStart('$', '.'),
                "not what a query has here: an unknown, missing or repeated member, or a value of another kind");
        }
        if (query is null) throw new FieldException("query", "empty");
        query.Check();
        return query;
    }

    /// <summary>Throws <see cref="FieldException"/> naming the first field that is wrong.</summary>
    public void Check()
    {
        if (Epsilon is < 0.001m or > 10m) throw new FieldException("epsilon", "is 0.001 to 10");
        if (Epsilon * DiscreteLaplace.MicrosPerUnit % 1 != 0) throw new FieldException("epsilon", "has at most six decimals");
        if (Where is { Count: > MaxConditions }) throw new FieldException("where", $"has at most {MaxConditions} conditions");
        for (int i = 0; i < (Where?.Count ?? 0); i++) (Where![i] ?? throw new FieldException($"where[{i}]", "is null")).Check($"where[{i}]");
        switch (Kind)
        {
            case "count": Only(); break;
            case "table": Only("by", "ageEdges"); CheckTable(); break;
            case "prevalence": Only("codes", "maxPerPatient"); CheckPrevalence(); break;
            case "histogram": Only("measurement", "unit", "edges"); CheckHistogram(); break;
            case "mean": Only("measurement", "unit", "low", "high"); CheckMean(); break;
            default: throw new FieldException("kind", "is count, table, prevalence, histogram or mean");
        }
    }

    private void Only(params string[] allowed)
    {
        (string Name, object? Value)[] members =
        [
            ("by", By), ("ageEdges", AgeEdges), ("codes", Codes), ("maxPerPatient", MaxPerPatient), ("measurement", Measurement), ("unit", Unit), ("edges", Edges),
            ("low", Low), ("high", High),
        ];
        foreach ((string name, object? value) in members)
        {
            if (value is not null && !allowed.Contains(name)) throw new FieldException(name, $"is not for kind {Kind}");
        }
    }

    private void CheckTable()
    {
        if (By is not { Count: 1 or 2 } || By.Distinct().Count() != By.Count || By.Any(b => b is not ("sex" or "age" or "deceased")))
            throw new FieldException("by", "is one or two of sex, age, deceased");
        if (By.Contains("age") != AgeEdges is not null) throw new FieldException("ageEdges", "goes with age in by, and only with it");
        if (AgeEdges is null) return;
        if (AgeEdges.Count is 0 or > TableSuppression.MaxSide || AgeEdges[0] < 0 || AgeEdges[^1] > 120 || !Rises(AgeEdges))
            throw new FieldException("ageEdges", $"are 1 to {TableSuppression.MaxSide} rising years from 0 to 120");
    }

    private void CheckPrevalence()
    {
        if (Codes is not { Count: >= 1 and <= MaxCodes } || Codes.Distinct().Count() != Codes.Count || Codes.Any(c => c is not { Length: >= 2 and <= MaxText }))
            throw new FieldException("codes", $"are 1 to {MaxCodes} different codes, each system|code");
        if (MaxPerPatient is not { } most || most < 1 || most > Codes.Count) throw new FieldException("maxPerPatient", "is 1 to the number of codes");
    }

    private void CheckHistogram()
    {
        CheckMeasurement();
        if (Edges is not { Count: >= 1 and <= MaxCodes } || Edges.Any(e => !double.IsFinite(e)) || !Rises(Edges))
            throw new FieldException("edges", $"are 1 to {MaxCodes} rising numbers");
    }

    private void CheckMean()
    {
        CheckMeasurement();
        if (Low is not { } low || High is not { } high || !double.IsFinite(low) || !double.IsFinite(high) || low >= high)
            throw new FieldException("low", "low and high are numbers, and low is the smaller");
    }

    private void CheckMeasurement()
    {
        if (Measurement is not { Length: >= 1 and <= MaxText }) throw new FieldException("measurement", "is a LOINC code");
        if (Unit is not { Length: >= 1 and <= MaxText }) throw new FieldException("unit", "is a UCUM unit");
    }

    private static bool Rises<T>(IReadOnlyList<T> values) where T : IComparable<T> => values.Zip(values.Skip(1)).All(p => p.First.CompareTo(p.Second) < 0);
}

/// <summary>One condition; exactly one of sex, age, has, measurement and deceased is given.</summary>
/// <param name="Sex">male, female, other or unknown.</param>
/// <param name="AgeFrom">Completed years, from.</param>
/// <param name="AgeBelow">Completed years, below.</param>
/// <param name="Has">Has this condition or takes this medicine, <c>system|code</c>.</param>
/// <param name="Not">Turns <paramref name="Has"/> round.</param>
/// <param name="Measurement">LOINC code whose latest value is compared.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Op">One of &lt;, &lt;=, =, &gt;=, &gt;.</param>
/// <param name="Value">What it is compared with.</param>
/// <param name="Deceased">Dead or alive.</param>
public sealed record CohortCondition(
    string? Sex = null, int? AgeFrom = null, int? AgeBelow = null, string? Has = null, bool? Not = null, string? Measurement = null, string? Unit = null,
    string? Op = null, double? Value = null, bool? Deceased = null)
{
    private const int MaxText = 256;

    /// <summary>Throws <see cref="FieldException"/> naming the field below <paramref name="place"/> that is wrong.</summary>
    public void Check(string place)
    {
        int kinds = (Sex is null ? 0 : 1) + (AgeFrom is null && AgeBelow is null ? 0 : 1) + (Has is null ? 0 : 1) + (Measurement is null ? 0 : 1) + (Deceased is null ? 0 : 1);
        if (kinds != 1) throw new FieldException(place, "says exactly one of sex, ageFrom/ageBelow, has, measurement, deceased");
        if (Sex is not (null or "male" or "female" or "other" or "unknown")) throw new FieldException($"{place}.sex", "is male, female, other or unknown");
        if (AgeFrom is < 0 or > 150 || AgeBelow is < 1 or > 150) throw new FieldException($"{place}.ageFrom", "ages are 0 to 150 years");
        if (Has is not null && Has.Length is < 2 or > MaxText) throw new FieldException($"{place}.has", "is system|code");
        if (Not is not null && Has is null) throw new FieldException($"{place}.not", "goes with has");
        bool isComparison = Op is not null || Value is not null || Unit is not null;
        if (Measurement is null && isComparison) throw new FieldException($"{place}.op", "op, value and unit go with measurement");
        if (Measurement is null) return;
        if (Measurement.Length is 0 or > MaxText) throw new FieldException($"{place}.measurement", "is a LOINC code");
        if (Unit is not { Length: >= 1 and <= MaxText }) throw new FieldException($"{place}.unit", "is a UCUM unit");
        if (Op is not ("<" or "<=" or "=" or ">=" or ">")) throw new FieldException($"{place}.op", "is <, <=, =, >= or >");
        if (Value is not { } value || !double.IsFinite(value)) throw new FieldException($"{place}.value", "is a number");
    }
}
