using System.Globalization;
using System.Text;

namespace Ptoy.Services.Fhir;

/// <summary>How many people to make up, and how much about each.</summary>
/// <param name="Seed">The same seed gives the same bytes everywhere.</param>
/// <param name="Patients">Bundles, one a patient; at most 100,000.</param>
/// <param name="ResourcesPerPatient">Least number of resources in each bundle; at least 12.</param>
public sealed record GeneratorOptions(ulong Seed, int Patients, int ResourcesPerPatient)
{
    /// <summary>Fewest resources: one of each kind.</summary>
    public const int MinResources = 12;

    /// <summary>Null when within bounds, else what is wrong.</summary>
    public string? Problem() =>
        Patients is < 1 or > 100_000 ? $"patients: {Patients} is not 1 to 100,000"
        : ResourcesPerPatient is < MinResources or > 50_000 ? $"resources per patient: {ResourcesPerPatient} is not {MinResources} to 50,000"
        : null;
}

/// <summary>One generated bundle.</summary>
/// <param name="FileName">A name without personal data.</param>
/// <param name="Bytes">The bundle.</param>
/// <param name="FullName">The patient's name, as signed up with.</param>
/// <param name="Phone">The patient's phone number, as in the record.</param>
/// <param name="BirthDate">yyyy-MM-dd.</param>
public sealed record GeneratedBundle(string FileName, byte[] Bytes, string FullName, string Phone, string BirthDate);

/// <summary>
/// Plausible FHIR R4 bundles for demonstrations and tests, in several layouts, with everything that a careless round trip loses:
/// <c>1.00</c>, <c>1e2</c>, 64-bit integers, escaped Unicode, extensions of primitives, unknown members, odd white space.
/// </summary>
public static class BundleGenerator
{
    private const string PrescriptionDrug = "lisinopril 10 MG Oral Tablet";

    /// <summary>All bundles of a set, one after another. Throws <see cref="ArgumentException"/> for options out of bounds.</summary>
    public static IEnumerable<GeneratedBundle> Generate(GeneratorOptions options)
    {
        if (options.Problem() is { } problem) throw new ArgumentException(problem, nameof(options));
        return Enumerable.Range(0, options.Patients).Select(i => Bundle(options, i));
    }

    /// <summary>One patient's bundle of a set.</summary>
    public static GeneratedBundle Bundle(GeneratorOptions options, int index)
    {
        if (options.Problem() is { } problem) throw new ArgumentException(problem, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, options.Patients);
        GeneratedPatient patient = GeneratedPatient.Make(options.Seed, index);
        var random = new SeededRandom(patient.ContentSeed);
        var factory = new ResourceFactory(patient, random);
        var resources = new List<GeneratedResource> { factory.Patient(), factory.Allergy(), factory.Immunization(), factory.Oddities() };
        for (int visit = 0; resources.Count < options.ResourcesPerPatient; visit++) resources.AddRange(factory.Visit(visit));
        return ToBundle(patient, $"patient-{index:D5}.json", resources);
    }

    /// <summary>
    /// A later visit of that patient: the Patient as before (byte for byte), one Encounter and one MedicationRequest.
    /// </summary>
    /// <param name="options">The set's options.</param>
    /// <param name="index">Which patient.</param>
    /// <param name="visit">Number of the visit, from 1: each has other ids and dates.</param>
    public static GeneratedBundle NewVisit(GeneratorOptions options, int index, int visit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(visit, 1);
        GeneratedPatient patient = GeneratedPatient.Make(options.Seed, index);
        var random = new SeededRandom(patient.ContentSeed ^ (0xA5A5_0000UL + (ulong)visit));
        var factory = new ResourceFactory(patient, random);
        DateTime day = new DateTime(2026, 1, 5, 9, 0, 0, DateTimeKind.Utc).AddDays(visit);
        GeneratedResource encounter = factory.Encounter(day);
        GeneratedResource prescription = factory.Prescription(encounter.FullUrl, day, ("314076", PrescriptionDrug));
        return ToBundle(patient, $"patient-{index:D5}-visit-{visit:D3}.json", [factory.Patient(), encounter, prescription]);
    }

    /// <summary>
    /// A later visit of any sliced bundle's patient, whose Patient resource is taken as it is.
    /// </summary>
    public static byte[] NewVisit(SlicedBundle known, ulong seed, int visit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(visit, 1);
        string reference = known.Patient.FullUrl ?? $"Patient/{known.PatientId}";
        var patient = new GeneratedPatient(RawJson.Indented, reference, known.PatientId, "", "", "", "", seed, 0);
        var factory = new ResourceFactory(patient, new SeededRandom(seed + (ulong)visit));
        DateTime day = new DateTime(2026, 1, 5, 9, 0, 0, DateTimeKind.Utc).AddDays(visit);
        GeneratedResource encounter = factory.Encounter(day);
        GeneratedResource prescription = factory.Prescription(encounter.FullUrl, day, ("314076", PrescriptionDrug));
        string own = Encoding.UTF8.GetString(known.BytesOf(known.Patient).Span);
        // The layout must not re-indent the Patient: its bytes are spliced in after the bundle is laid out.
        const string Place = "\"@patient@\"";
        string text = Layout(RawJson.Indented, [new GeneratedResource("Patient", reference, Place), encounter, prescription]);
        return Encoding.UTF8.GetBytes(text.Replace(Place, own, StringComparison.Ordinal));
    }

    private static GeneratedBundle ToBundle(GeneratedPatient patient, string fileName, IReadOnlyList<GeneratedResource> resources)
    {
        // Each resource is spliced in as it was made, so that a resource has the same bytes in every bundle it appears in.
        string[] places = [.. resources.Select((_, i) => string.Create(CultureInfo.InvariantCulture, $"\"@{i}@\""))];
        string text = Layout(patient.Json, [.. resources.Select((r, i) => r with { Json = places[i] })]);
        var joined = new StringBuilder(text.Length + resources.Sum(r => r.Json.Length));
        int at = 0;
        for (int i = 0; i < places.Length; i++)
        {
            int place = text.IndexOf(places[i], at, StringComparison.Ordinal);
            joined.Append(text, at, place - at).Append(resources[i].Json);
            at = place + places[i].Length;
        }
        joined.Append(text, at, text.Length - at);
        return new GeneratedBundle(fileName, Encoding.UTF8.GetBytes(joined.ToString()), $"{patient.Given} {patient.Family}", patient.Phone, patient.BirthDate);
    }

    private static string Layout(RawJson json, IReadOnlyList<GeneratedResource> resources) => json.Object(
        ("resourceType", json.Text("Bundle")),
        ("type", json.Text("transaction")),
        ("entry", json.List([.. resources.Select(r => json.Object(
            ("fullUrl", json.Text(r.FullUrl)),
            ("resource", r.Json),
            ("request", json.Object(("method", json.Text("POST")), ("url", json.Text(r.Type))))))])));
}
