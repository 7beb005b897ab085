namespace Ptoy.Services.Analytics.Reading;

/// <summary>Bounds of what is usual; one side may be open.</summary>
internal sealed record RangeBounds(decimal? Low, decimal? High, string Unit);

/// <summary>One number that was measured, as its resource says.</summary>
/// <param name="Code">LOINC code, of the Observation or of its component.</param>
/// <param name="Display">What the code is called there.</param>
/// <param name="Value">The number as sent.</param>
/// <param name="Unit">UCUM code, or where there is none the unit's text.</param>
/// <param name="IsUcum">The unit is a UCUM code.</param>
/// <param name="Comparator">One of <c>&lt; &lt;= &gt;= &gt;</c> when the number is a bound and not a value; else empty.</param>
/// <param name="Time">When it was true of the patient.</param>
/// <param name="Range">Its own reference range.</param>
/// <param name="Flag">low or high, as the laboratory interpreted it.</param>
/// <param name="IsProvisional">A preliminary result.</param>
/// <param name="Compartment">Compartment of the record.</param>
/// <param name="RecordId">The record it comes from.</param>
/// <param name="Author">Who wrote the record.</param>
internal sealed record Measurement(
    string Code, string? Display, decimal Value, string Unit, bool IsUcum, string Comparator, DateTimeOffset Time, RangeBounds? Range, string? Flag,
    bool IsProvisional, string Compartment, string RecordId, string Author);

/// <summary>A stretch of time in which a medicine was ordered or taken; no end means that none is known.</summary>
/// <param name="Code"><c>system|code</c>, or empty where only a name is given.</param>
/// <param name="Name">What the medicine is called.</param>
/// <param name="From">Beginning.</param>
/// <param name="To">End, where one is stated or follows from the supply.</param>
/// <param name="IsOngoing">The resource says that it goes on.</param>
/// <param name="Source">MedicationRequest or MedicationStatement.</param>
/// <param name="Compartment">Compartment of the record.</param>
/// <param name="RecordId">The record it comes from.</param>
internal sealed record MedicationPeriod(
    string Code, string Name, DateTimeOffset From, DateTimeOffset? To, bool IsOngoing, string Source, string Compartment, string RecordId);

/// <summary>What of the Patient resource matters here.</summary>
/// <param name="Sex">male, female, other or unknown.</param>
/// <param name="BirthDate">Date of birth, where known.</param>
/// <param name="DeathTime">When the patient died; null for the living.</param>
/// <param name="IsDeceased">The record says that the patient is dead, with or without a time.</param>
internal sealed record Person(string Sex, DateTimeOffset? BirthDate, DateTimeOffset? DeathTime, bool IsDeceased)
{
    /// <summary>Nothing is known.</summary>
    public static readonly Person Unknown = new("unknown", null, null, false);

    /// <summary>Completed years at a time; null when the birth date is not known or lies after it.</summary>
    public int? AgeAt(DateTimeOffset time)
    {
        if (BirthDate is not { } birth || time < birth) return null;
        int years = time.Year - birth.Year;
        return birth.AddYears(years) > time ? years - 1 : years;
    }
}
