using System.Globalization;
using System.Text;
using Ptoy.Protocol;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Tests.Analytics;

/// <summary>Small resources for tests of analytics, each a record of its own.</summary>
internal sealed class Resources
{
    public const string Ucum = "http://unitsofmeasure.org";
    private readonly List<FhirRecord> _records = [];
    private int _next;

    public static Address Patient { get; } = PatientNumber(1);

    public PatientRecords Records => new(Owner, [.. _records]);

    public Address Owner { get; init; } = Patient;

    public static Address PatientNumber(int number)
    {
        var seed = new byte[32];
        BitConverter.TryWriteBytes(seed, number);
        using var key = new Ptoy.Protocol.Crypto.SigningKey(seed);
        return key.Address;
    }

    /// <summary>Adds a resource's JSON as it is; gives back its record id.</summary>
    public string Add(string type, string json, string? id = null, string author = "hospital", string compartment = "observations")
    {
        string recordId = string.Create(CultureInfo.InvariantCulture, $"{_next:d4}");
        var time = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        _records.Add(new FhirRecord(recordId, type, id ?? $"id{_next}", compartment, Encoding.UTF8.GetBytes(json), author, (ulong)(100 + _next), time));
        _next++;
        return recordId;
    }

    public string Person(string sex = "male", string birth = "1970-06-15", string more = "") =>
        Add("Patient", $$"""{"resourceType":"Patient","gender":"{{sex}}","birthDate":"{{birth}}"{{more}} }""", compartment: "demographics");

    public string Observe(
        string code, string value, string unit, string time, string more = "", string status = "final", string author = "hospital", string? id = null,
        string compartment = "laboratory") => Add("Observation",
        $$"""
        {"resourceType":"Observation","status":"{{status}}","code":{"coding":[{"system":"http://loinc.org","code":"{{code}}","display":"name of {{code}}"}]},
        "effectiveDateTime":"{{time}}","valueQuantity":{"value":{{value}},"unit":"{{unit}}","system":"{{Ucum}}","code":"{{unit}}"}{{more}} }
        """, id, author, compartment);

    public string Pressure(string time, int systolic, int diastolic, string author = "hospital") => Add("Observation",
        $$"""
        {"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"effectiveDateTime":"{{time}}","component":[
        {"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":{{systolic}},"system":"{{Ucum}}","code":"mm[Hg]"} },
        {"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":{{diastolic}},"system":"{{Ucum}}","code":"mm[Hg]"} }]}
        """, author: author, compartment: "vital-signs");

    public string Condition(string code, string system = "http://snomed.info/sct", string status = "active") => Add("Condition",
        $$"""
        {"resourceType":"Condition","clinicalStatus":{"coding":[{"code":"{{status}}"}]},"code":{"coding":[{"system":"{{system}}","code":"{{code}}"}]},"onsetDateTime":"2020-01-01"}
        """, compartment: "conditions");

    public string Order(string code, string from, string more = "", string status = "active", string? id = null) => Add("MedicationRequest",
        $$"""
        {"resourceType":"MedicationRequest","status":"{{status}}","intent":"order","medicationCodeableConcept":{"coding":[{"system":"rx","code":"{{code}}"} ],"text":"drug {{code}}"},
        "authoredOn":"{{from}}"{{more}} }
        """, id, compartment: "medications");
}
