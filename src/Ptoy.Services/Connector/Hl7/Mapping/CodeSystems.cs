using System.Text.RegularExpressions;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>Names of coding systems (HL7 table 0396) and authorities as the URIs that FHIR knows them by.</summary>
internal static partial class CodeSystems
{
    public const string Ucum = "http://unitsofmeasure.org", Labels = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    public const string Terminology = "http://terminology.hl7.org/CodeSystem/";

    private static readonly Dictionary<string, string> Known = new(StringComparer.OrdinalIgnoreCase)
    {
        ["LN"] = "http://loinc.org", ["LNC"] = "http://loinc.org", ["LOINC"] = "http://loinc.org",
        ["SCT"] = "http://snomed.info/sct", ["SNM"] = "http://snomed.info/sct", ["SNOMED"] = "http://snomed.info/sct",
        ["SNOMED-CT"] = "http://snomed.info/sct", ["SNOMEDCT"] = "http://snomed.info/sct", ["SCT2"] = "http://snomed.info/sct",
        ["I10"] = "http://hl7.org/fhir/sid/icd-10", ["ICD10"] = "http://hl7.org/fhir/sid/icd-10",
            ["ICD-10"] = "http://hl7.org/fhir/sid/icd-10",
        ["I10C"] = "http://hl7.org/fhir/sid/icd-10-cm", ["ICD10CM"] = "http://hl7.org/fhir/sid/icd-10-cm",
            ["ICD-10-CM"] = "http://hl7.org/fhir/sid/icd-10-cm",
        ["I10G"] = "http://fhir.de/CodeSystem/bfarm/icd-10-gm", ["I10P"] = "http://www.cms.gov/Medicare/Coding/ICD10",
        ["I9"] = "http://hl7.org/fhir/sid/icd-9-cm", ["I9C"] = "http://hl7.org/fhir/sid/icd-9-cm",
            ["I9CDX"] = "http://hl7.org/fhir/sid/icd-9-cm",
        ["I9M"] = "http://hl7.org/fhir/sid/icd-9-cm", ["ICD9"] = "http://hl7.org/fhir/sid/icd-9-cm",
            ["ICD-9-CM"] = "http://hl7.org/fhir/sid/icd-9-cm",
        ["C4"] = "http://www.ama-assn.org/go/cpt", ["CPT"] = "http://www.ama-assn.org/go/cpt", ["CPT4"] = "http://www.ama-assn.org/go/cpt",
        ["HCPCS"] = "http://terminology.hl7.org/CodeSystem/HCPCS-all-codes",
        ["CVX"] = "http://hl7.org/fhir/sid/cvx", ["MVX"] = "http://hl7.org/fhir/sid/mvx", ["NDC"] = "http://hl7.org/fhir/sid/ndc",
        ["RXNORM"] = "http://www.nlm.nih.gov/research/umls/rxnorm", ["RXN"] = "http://www.nlm.nih.gov/research/umls/rxnorm",
        ["ATC"] = "http://www.whocc.no/atc", ["WC"] = "http://www.whocc.no/atc", ["UCUM"] = Ucum,
            ["DCM"] = "http://dicom.nema.org/resources/ontology/DCM",
        ["CDCREC"] = "urn:oid:2.16.840.1.113883.6.238", ["ISO3166_1"] = "urn:iso:std:iso:3166", ["ICF"] = "http://hl7.org/fhir/sid/icf-nl",
        ["ICPC"] = "http://hl7.org/fhir/sid/icpc-2", ["NUBC"] = "https://www.nubc.org/CodeSystem/RevenueCodes",
    };

    /// <summary>
    /// ICD-9 by three-digit chapter: what FHIR resources are labelled with, so that old codes are as sensitive as new ones.
    /// </summary>
    private static readonly (int From, int To, string Label)[] Icd9 =
    [
        (42, 44, "HIV"), (291, 292, "ETH"), (303, 305, "ETH"), (290, 319, "PSY"), (630, 679, "SEX"), (758, 758, "GDIS"),
    ];

    /// <summary>The URI of a coding system named in a coded value, or null for a local one.</summary>
    public static string? OfName(string? name, string? oid)
    {
        if (oid is not null && Oid().IsMatch(oid)) return $"urn:oid:{oid}";
        if (name is null) return null;
        if (Known.TryGetValue(name, out string? uri)) return uri;
        if (Table().Match(name) is { Success: true } table) return $"{Terminology}v2-{table.Groups[1].Value.PadLeft(4, '0')}";
        if (Oid().IsMatch(name)) return $"urn:oid:{name}";
        return name is "L" || name.Length > 60 ? null : $"urn:id:{Uri.EscapeDataString(name)}";
    }

    /// <summary>The URI of an assigning authority: its universal id by the id's own type, else its local name.</summary>
    public static string? OfAuthority(string? name, string? universalId, string? kind)
    {
        if (universalId is not null && Oid().IsMatch(universalId)) return $"urn:oid:{universalId}";
        if (universalId is not null && Guid.TryParse(universalId, out Guid id)) return $"urn:uuid:{id}";
        if (universalId is not null && kind is "URI" && Uri.IsWellFormedUriString(universalId, UriKind.Absolute)) return universalId;
        string? local = name ?? universalId;
        return local is null ? null : $"urn:id:{Uri.EscapeDataString(local)}";
    }

    /// <summary>The security label of an ICD-9 code in a sensitive chapter, or null.</summary>
    public static string? Icd9Label(string? system, string? code)
    {
        if (system != "http://hl7.org/fhir/sid/icd-9-cm" || code is null || code.Length < 3) return null;
        if (code.StartsWith("V08", StringComparison.OrdinalIgnoreCase)) return "HIV";
        if (!int.TryParse(code.AsSpan(0, 3), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture,
            out int chapter)) return null;
        foreach ((int from, int to, string label) in Icd9)
        {
            if (chapter >= from && chapter <= to) return label;
        }
        return null;
    }

    [GeneratedRegex(@"^[0-2](\.(0|[1-9][0-9]*))+$")]
    private static partial Regex Oid();

    [GeneratedRegex(@"^(?:HL7|hl7|Hl7)[-_]?([0-9]{1,4})$")]
    private static partial Regex Table();
}
