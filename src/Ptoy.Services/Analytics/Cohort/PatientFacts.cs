using System.Text.Json;
using Ptoy.Services.Analytics.Reading;
using Ptoy.Services.Analytics.Units;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Analytics.Cohort;

/// <summary>A number of one patient, in the unit of its code where it converts.</summary>
internal sealed record MeasuredFact(string Code, string Unit, double Value, int Day);

/// <summary>
/// What cohort queries are answered from: of each patient only this much, without names, places, record ids or exact times. Kept in the
/// patient's sealed partition.
/// </summary>
/// <param name="Sex">male, female, other or unknown.</param>
/// <param name="BirthYear">Year of birth.</param>
/// <param name="IsDeceased">The record says so.</param>
/// <param name="Conditions"><c>system|code</c>, each once; what was refuted or entered in error left out.</param>
/// <param name="Medications"><c>system|code</c>, each once.</param>
/// <param name="Measurements">Numbers, at most <see cref="MaxMeasurements"/>, the newest.</param>
internal sealed record PatientFacts(
    string Sex, int? BirthYear, bool IsDeceased, IReadOnlyList<string> Conditions, IReadOnlyList<string> Medications, IReadOnlyList<MeasuredFact> Measurements)
{
    /// <summary>Most numbers kept of one patient.</summary>
    public const int MaxMeasurements = 20_000;

    /// <summary>Most codes of one kind kept of one patient.</summary>
    public const int MaxCodes = 2_000;

    /// <summary>Longest code.</summary>
    public const int MaxCodeLength = 256;

    private static readonly DateTimeOffset DayZero = DateTimeOffset.UnixEpoch;

    /// <summary>Of a patient's records; this service's own left out.</summary>
    public static PatientFacts Of(PatientRecords records, string? self = null)
    {
        RecordView view = RecordView.Of(records.Records, self);
        var measured = new List<MeasuredFact>();
        foreach (FhirRecord record in view.Of("Observation", "QuestionnaireResponse"))
        {
            foreach (Measurement m in ObservationReader.Read(record, null, _ => { })) measured.Add(FactOf(m));
        }
        string[] medications = [.. view.Of("MedicationRequest", "MedicationStatement").Select(r => MedicationReader.Read(r, _ => { })?.Code)
            .Where(IsCode).Select(c => c!).Distinct().Order(StringComparer.Ordinal).Take(MaxCodes)];
        return new PatientFacts(
            view.Person.Sex is "male" or "female" or "other" ? view.Person.Sex : "unknown", view.Person.BirthDate?.Year, view.Person.IsDeceased, ConditionsOf(view),
            medications, [.. measured.OrderByDescending(m => m.Day).Take(MaxMeasurements)]);
    }

    /// <summary>Days since 1970 of a time.</summary>
    public static int DayOf(DateTimeOffset time) => (int)Math.Floor((time - DayZero).TotalDays);

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this);

    public static PatientFacts FromJson(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize<PatientFacts>(json) ?? throw new InvalidDataException("facts: empty");

    private static MeasuredFact FactOf(Measurement m)
    {
        string? target = Patient.UsualRanges.UnitOf(m.Code);
        decimal? converted = target is not null && m.IsUcum ? UnitConverter.Convert(m.Value, m.Unit, target) : null;
        string unit = converted is null ? m.Unit[..Math.Min(m.Unit.Length, UnitConverter.MaxLength)] : target!;
        return new MeasuredFact(m.Code, unit, (double)(converted ?? m.Value), DayOf(m.Time));
    }

    private static string[] ConditionsOf(RecordView view)
    {
        var codes = new SortedSet<string>(StringComparer.Ordinal);
        foreach (FhirRecord record in view.Of("Condition"))
        {
            using JsonDocument? document = FhirJson.Open(record.Bytes);
            if (document is null) continue;
            JsonElement root = document.RootElement;
            if (root.Codings("verificationStatus").Any(c => c.Code is "refuted" or "entered-in-error")) continue;
            foreach (Coding coding in root.Codings("code"))
            {
                if (IsCode(coding.ToString())) codes.Add(coding.ToString());
            }
        }
        return [.. codes.Take(MaxCodes)];
    }

    private static bool IsCode(string? code) => code is { Length: > 1 and <= MaxCodeLength };
}
