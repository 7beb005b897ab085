using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ptoy.Services.Analytics.Patient;

/// <summary>What analysis found in one patient's records, ready for plotting.</summary>
/// <param name="Series">One for each LOINC code and unit that does not convert, by code.</param>
/// <param name="Medications">Stretches of time to lay over the series.</param>
/// <param name="LeftOut">What was not used, and why.</param>
public sealed record SeriesResult(IReadOnlyList<Series> Series, IReadOnlyList<MedicationSpan> Medications, IReadOnlyList<LeftOutCount> LeftOut)
{
    /// <summary>How results are written as JSON: camel case, absent members left out.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };
}

/// <summary>All values of one code in one unit.</summary>
/// <param name="Code">LOINC code.</param>
/// <param name="Name">What it is called in the records.</param>
/// <param name="Unit">The unit that all values are in; UCUM unless <paramref name="Note"/> says otherwise.</param>
/// <param name="Compartment">Compartment of its records: who may see them may see the series.</param>
/// <param name="Range">The range that points without one of their own are marked by.</param>
/// <param name="Points">In order of time.</param>
/// <param name="Trend">Where the values go; null for fewer than five usable ones.</param>
/// <param name="Gaps">Stretches without values that are long compared with the usual distance.</param>
/// <param name="Note">Why these values stand apart from others of the same code.</param>
public sealed record Series(
    string Code, string? Name, string Unit, string Compartment, UsualRange? Range, IReadOnlyList<SeriesPoint> Points, Trend? Trend,
    IReadOnlyList<Gap> Gaps, string? Note = null);

/// <summary>One value.</summary>
/// <param name="Time">When it was measured.</param>
/// <param name="Value">In the series' unit.</param>
/// <param name="RecordId">The record it comes from.</param>
/// <param name="Low">Lower end of its own reference range, in the series' unit.</param>
/// <param name="High">Upper end.</param>
/// <param name="Mark">Below, within or above the range; null when no range applies.</param>
/// <param name="MarkedBy">laboratory, observation or table.</param>
/// <param name="Comparator">When the true value is only bounded, such as <c>&lt;</c>: not used for the trend.</param>
/// <param name="IsProvisional">A preliminary result.</param>
/// <param name="ByPatient">Written by the patient's own account: a device or a diary.</param>
public sealed record SeriesPoint(
    DateTimeOffset Time, decimal Value, string RecordId, decimal? Low = null, decimal? High = null, Mark? Mark = null, string? MarkedBy = null,
    string? Comparator = null, bool IsProvisional = false, bool ByPatient = false);

/// <summary>Where a value lies.</summary>
public enum Mark
{
    /// <summary>Below the range.</summary>
    Low,

    /// <summary>Within it.</summary>
    Within,

    /// <summary>Above it.</summary>
    High,
}

/// <summary>What is usual for adults.</summary>
/// <param name="Low">Lower end, where there is one.</param>
/// <param name="High">Upper end, where there is one.</param>
/// <param name="Source">Who says so.</param>
/// <param name="IsHighExcluded">The upper end itself is above what is usual.</param>
public sealed record UsualRange(decimal? Low, decimal? High, string Source, bool IsHighExcluded = false);

/// <summary>A Theil–Sen line with a 95 % confidence interval of its slope.</summary>
/// <param name="SlopePerYear">Median of all pairwise slopes, in the series' unit for a year of 365.25 days.</param>
/// <param name="Low">Lower end of the interval.</param>
/// <param name="High">Upper end.</param>
/// <param name="Direction">rising or falling when the interval leaves out zero, else unclear.</param>
/// <param name="Count">How many values it rests on.</param>
/// <param name="From">First of them.</param>
/// <param name="To">Last of them.</param>
/// <param name="ValueAtEnd">The line's value at the last point.</param>
/// <param name="Method">How it was computed.</param>
public sealed record Trend(
    double SlopePerYear, double? Low, double? High, string Direction, int Count, DateTimeOffset From, DateTimeOffset To, double ValueAtEnd,
    string Method = "Theil-Sen, 95 % interval from Kendall's S");

/// <summary>A stretch without values.</summary>
public sealed record Gap(DateTimeOffset From, DateTimeOffset To);

/// <summary>A medicine over time.</summary>
/// <param name="Code"><c>system|code</c>.</param>
/// <param name="Name">What it is called.</param>
/// <param name="From">Beginning.</param>
/// <param name="To">End; null when none is known.</param>
/// <param name="IsOngoing">The record says that it goes on.</param>
/// <param name="Source">MedicationRequest (ordered) or MedicationStatement (taken).</param>
/// <param name="Compartment">Compartment of the record.</param>
/// <param name="RecordId">The record it comes from.</param>
public sealed record MedicationSpan(
    string Code, string Name, DateTimeOffset From, DateTimeOffset? To, bool IsOngoing, string Source, string Compartment, string RecordId);

/// <summary>Records or values that were not used.</summary>
/// <param name="What">Resource type.</param>
/// <param name="Why">The reason.</param>
/// <param name="Count">How many.</param>
public sealed record LeftOutCount(string What, string Why, int Count);
