using System.Security.Cryptography;
using System.Text;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Protocol.Records;

/// <summary>
/// The fixed list of compartments a record is divided into, by FHIR R4 resource type, with separate ones for sensitive kinds.
/// Every patient has all of them, used or not, so their number says nothing. On chain a compartment appears only as its tag.
/// </summary>
public static class Compartments
{
    /// <summary>What fits no other compartment.</summary>
    public const string Other = "other";

    /// <summary>Tag of letters: the same for everyone, since letters are found by their reader before it has a tag key.</summary>
    public static readonly Hash LetterTag = Digest.Of("ptoy/tag/letter", default);

    /// <summary>
    /// Tag of the access log, the same for everyone: who holds a permit to <c>search</c> it for the purpose PATADMIN may list who accessed the owner's
    /// records. No record has it.
    /// </summary>
    public static readonly Hash AccessLogTag = Digest.Of("ptoy/tag/access-log", default);

    private static readonly Dictionary<string, string> ByType = new(StringComparer.Ordinal)
    {
        ["Patient"] = "demographics", ["RelatedPerson"] = "demographics", ["Person"] = "demographics",
        ["Encounter"] = "encounters", ["EpisodeOfCare"] = "encounters", ["Appointment"] = "encounters",
        ["AppointmentResponse"] = "encounters",
        ["Condition"] = "conditions", ["ClinicalImpression"] = "conditions", ["DetectedIssue"] = "conditions", ["AdverseEvent"] = "conditions",
        ["Observation"] = "observations", ["RiskAssessment"] = "observations", ["QuestionnaireResponse"] = "observations",
        ["Specimen"] = "laboratory",
        ["AllergyIntolerance"] = "allergies",
        ["Medication"] = "medications", ["MedicationRequest"] = "medications", ["MedicationStatement"] = "medications",
        ["MedicationAdministration"] = "medications", ["MedicationDispense"] = "medications",
        ["Immunization"] = "immunizations", ["ImmunizationEvaluation"] = "immunizations", ["ImmunizationRecommendation"] = "immunizations",
        ["Procedure"] = "procedures", ["ServiceRequest"] = "procedures",
        ["ImagingStudy"] = "imaging", ["Media"] = "imaging", ["BodyStructure"] = "imaging",
        ["DiagnosticReport"] = "diagnostic-reports",
        ["DocumentReference"] = "documents", ["Composition"] = "documents", ["Binary"] = "documents", ["Bundle"] = "documents",
        ["Communication"] = "documents",
        ["CarePlan"] = "care-plans", ["NutritionOrder"] = "care-plans", ["Task"] = "care-plans",
        ["Goal"] = "goals",
        ["CareTeam"] = "care-teams", ["Practitioner"] = "care-teams", ["PractitionerRole"] = "care-teams", ["Organization"] = "care-teams",
        ["Location"] = "care-teams",
        ["Device"] = "devices", ["DeviceRequest"] = "devices", ["DeviceUseStatement"] = "devices", ["SupplyDelivery"] = "devices",
        ["SupplyRequest"] = "devices",
        ["FamilyMemberHistory"] = "family-history",
        ["Coverage"] = "insurance", ["Claim"] = "insurance", ["ClaimResponse"] = "insurance", ["ExplanationOfBenefit"] = "insurance",
        ["Account"] = "insurance", ["Invoice"] = "insurance",
        ["Consent"] = "consents", ["Provenance"] = "consents", ["AuditEvent"] = "consents",
        ["MolecularSequence"] = SensitiveCodes.Genetics,
    };

    private static readonly Dictionary<string, string> ByCategory = new(StringComparer.Ordinal)
    {
        ["vital-signs"] = "vital-signs", ["laboratory"] = "laboratory", ["social-history"] = "social-history", ["imaging"] = "imaging",
    };

    /// <summary>All names, sorted.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. ByType.Values.Concat(ByCategory.Values).Concat(SensitiveCodes.Names).Append(Other).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>True for the five kinds that a grant must name by themselves.</summary>
    public static bool IsSensitive(string name) => SensitiveCodes.Names.Contains(name);

    /// <summary>
    /// The compartment of a resource. Codes are written <c>system|code</c>, as in FHIR searches, and are all codings of the
    /// resource, security labels included: one sensitive code makes the resource sensitive. Observations are divided by
    /// their category.
    /// </summary>
    public static string Of(string resourceType, IEnumerable<string> codes)
    {
        string? sensitive = null, category = null;
        foreach (string code in codes)
        {
            if (SensitiveCodes.Find(code) is { } found && (sensitive is null || SensitiveCodes.Outranks(found, sensitive))) sensitive = found;
            if (code.StartsWith(SensitiveCodes.ObservationCategory, StringComparison.Ordinal)
                && ByCategory.TryGetValue(code[SensitiveCodes.ObservationCategory.Length..], out string? named)) category ??= named;
        }
        if (sensitive is not null) return sensitive;
        string byType = ByType.GetValueOrDefault(resourceType, Other);
        return byType == "observations" && category is not null ? category : byType;
    }

    /// <summary>The tag of a compartment name under a person's tag key: HMAC-SHA256. Throws for a key that has not 32 bytes.</summary>
    public static Hash Tag(ReadOnlySpan<byte> tagKey, string name)
    {
        if (tagKey.Length != 32) throw new ArgumentException($"a tag key has 32 bytes, not {tagKey.Length}", nameof(tagKey));
        Span<byte> mac = stackalloc byte[Hash.Size];
        HMACSHA256.HashData(tagKey, Encoding.UTF8.GetBytes(name), mac);
        return new Hash(mac);
    }

    /// <summary>Tag and name of every compartment under a person's tag key.</summary>
    public static IReadOnlyDictionary<Hash, string> Tags(ReadOnlySpan<byte> tagKey)
    {
        var tags = new Dictionary<Hash, string>(Names.Count);
        foreach (string name in Names) tags[Tag(tagKey, name)] = name;
        return tags;
    }
}
