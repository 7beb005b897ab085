namespace Ptoy.Protocol.Records;

/// <summary>
/// Which codes make a resource sensitive. Not a clinical value set: the codes that hospitals meet daily, by chapter where
/// the terminology has chapters (ICD-10), one by one elsewhere, and the security labels a hospital sets itself, which is
/// what it should rely on for anything finer.
/// </summary>
internal static class SensitiveCodes
{
    internal const string Genetics = "genetics";
    internal const string ObservationCategory = "http://terminology.hl7.org/CodeSystem/observation-category|";
    private const string Hiv = "hiv", Reproductive = "reproductive", SubstanceUse = "substance-use", MentalHealth = "mental-health";
    private const string Icd = "http://hl7.org/fhir/sid/icd-10", Snomed = "http://snomed.info/sct", Loinc = "http://loinc.org";
    private const string Labels = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

    /// <summary>Names in the order of precedence: a resource with codes of two kinds belongs to the first.</summary>
    internal static readonly string[] Names = [Hiv, Genetics, Reproductive, SubstanceUse, MentalHealth];

    /// <summary>ICD-10 and ICD-10-CM, by prefix. Longer prefixes are looked at first.</summary>
    private static readonly (string Prefix, string Name)[] IcdPrefixes =
    [
        ("B20", Hiv), ("B21", Hiv), ("B22", Hiv), ("B23", Hiv), ("B24", Hiv), // HIV disease
        ("Z21", Hiv), ("R75", Hiv), ("O98.7", Hiv), ("Z20.6", Hiv), ("Z11.4", Hiv), // carrier, inconclusive test, in pregnancy, contact, screening
        ("Z14", Genetics), ("Z15", Genetics), ("Z13.7", Genetics), // carrier, susceptibility, screening
        ("Q90", Genetics), ("Q91", Genetics), ("Q92", Genetics), ("Q93", Genetics), ("Q95", Genetics), // chromosomal abnormalities
        ("Q96", Genetics), ("Q97", Genetics), ("Q98", Genetics), ("Q99", Genetics),
        ("O", Reproductive), ("N96", Reproductive), ("N97", Reproductive), ("Z64.0", Reproductive), // pregnancy, loss, infertility, unwanted
        ("Z30", Reproductive), ("Z31", Reproductive), ("Z32", Reproductive), ("Z33", Reproductive), ("Z34", Reproductive),
        ("Z35", Reproductive), ("Z36", Reproductive), ("Z37", Reproductive), ("Z39", Reproductive),
        ("F1", SubstanceUse), ("T40", SubstanceUse), ("Z71.4", SubstanceUse), ("Z71.5", SubstanceUse), // use disorders, poisoning, counselling
        ("F0", MentalHealth), ("F2", MentalHealth), ("F3", MentalHealth), ("F4", MentalHealth), ("F5", MentalHealth),
        ("F6", MentalHealth), ("F7", MentalHealth), ("F8", MentalHealth), ("F9", MentalHealth),
        ("R45.85", MentalHealth), ("T14.91", MentalHealth), ("Z91.5", MentalHealth), // suicidal ideation, attempt, self-harm
    ];

    private static readonly Dictionary<string, string> Exact = new(StringComparer.Ordinal)
    {
        [Snomed + "|86406008"] = Hiv, // human immunodeficiency virus infection
        [Snomed + "|62479008"] = Hiv, // AIDS
        [Snomed + "|91947003"] = Hiv, // asymptomatic HIV infection
        [Snomed + "|165816005"] = Hiv, // HIV positive
        [Snomed + "|41040004"] = Genetics, // complete trisomy 21 syndrome
        [Snomed + "|412734009"] = Genetics, // BRCA1 gene mutation positive
        [Snomed + "|412738007"] = Genetics, // BRCA2 gene mutation positive
        [Snomed + "|77386006"] = Reproductive, // pregnant
        [Snomed + "|72892002"] = Reproductive, // normal pregnancy
        [Snomed + "|47200007"] = Reproductive, // high risk pregnancy
        [Snomed + "|19169002"] = Reproductive, // miscarriage in first trimester
        [Snomed + "|57797005"] = Reproductive, // induced termination of pregnancy
        [Snomed + "|79586000"] = Reproductive, // tubal pregnancy
        [Snomed + "|35999006"] = Reproductive, // blighted ovum
        [Snomed + "|398254007"] = Reproductive, // pre-eclampsia
        [Snomed + "|7200002"] = SubstanceUse, // alcoholism
        [Snomed + "|15167005"] = SubstanceUse, // alcohol abuse
        [Snomed + "|66214007"] = SubstanceUse, // substance abuse
        [Snomed + "|26416006"] = SubstanceUse, // drug abuse
        [Snomed + "|6525002"] = SubstanceUse, // dependent drug abuse
        [Snomed + "|75544000"] = SubstanceUse, // opioid dependence
        [Snomed + "|5602001"] = SubstanceUse, // opioid abuse
        [Snomed + "|361055000"] = SubstanceUse, // misuses drugs
        [Snomed + "|55680006"] = SubstanceUse, // drug overdose
        [Snomed + "|74732009"] = MentalHealth, // mental disorder
        [Snomed + "|35489007"] = MentalHealth, // depressive disorder
        [Snomed + "|370143000"] = MentalHealth, // major depressive disorder
        [Snomed + "|36923009"] = MentalHealth, // major depression, single episode
        [Snomed + "|58214004"] = MentalHealth, // schizophrenia
        [Snomed + "|13746004"] = MentalHealth, // bipolar disorder
        [Snomed + "|197480006"] = MentalHealth, // anxiety disorder
        [Snomed + "|80583007"] = MentalHealth, // severe anxiety (panic)
        [Snomed + "|47505003"] = MentalHealth, // posttraumatic stress disorder
        [Loinc + "|75622-1"] = Hiv, // HIV 1 and 2 tests
        [Loinc + "|7917-8"] = Hiv, // HIV 1 antibody
        [Loinc + "|25836-8"] = Hiv, // HIV 1 RNA
        [Loinc + "|81247-9"] = Genetics, // genetic variant reporting panel
        [Loinc + "|69548-6"] = Genetics, // genetic variant assessment
        [Loinc + "|51969-4"] = Genetics, // genetic analysis report
        [Loinc + "|82810-3"] = Reproductive, // pregnancy status
        [Loinc + "|2106-3"] = Reproductive, // choriogonadotropin in urine
        [Loinc + "|75626-2"] = SubstanceUse, // AUDIT-C total score
        [Loinc + "|82667-7"] = SubstanceUse, // DAST-10 total score
        [Loinc + "|44249-1"] = MentalHealth, // PHQ-9 panel
        [Loinc + "|44261-6"] = MentalHealth, // PHQ-9 total score
        [Loinc + "|55758-7"] = MentalHealth, // PHQ-2 total score
        [Loinc + "|69737-5"] = MentalHealth, // GAD-7 panel
        [Loinc + "|70274-6"] = MentalHealth, // GAD-7 total score
        [Labels + "|HIV"] = Hiv,
        [Labels + "|GDIS"] = Genetics,
        [Labels + "|SEX"] = Reproductive,
        [Labels + "|ETH"] = SubstanceUse,
        [Labels + "|ETHUD"] = SubstanceUse,
        [Labels + "|OPIOIDUD"] = SubstanceUse,
        [Labels + "|SUD"] = SubstanceUse,
        [Labels + "|MH"] = MentalHealth,
        [Labels + "|BH"] = MentalHealth,
        [Labels + "|PSY"] = MentalHealth,
    };

    /// <summary>The sensitive compartment of <c>system|code</c>, or null.</summary>
    internal static string? Find(string code)
    {
        if (Exact.TryGetValue(code, out string? name)) return name;
        int bar = code.IndexOf('|', StringComparison.Ordinal);
        if (bar < 0 || !code.StartsWith(Icd, StringComparison.Ordinal)) return null;
        string value = code[(bar + 1)..];
        (string Prefix, string Name) best = ("", "");
        foreach ((string Prefix, string Name) candidate in IcdPrefixes)
        {
            if (value.StartsWith(candidate.Prefix, StringComparison.OrdinalIgnoreCase) && candidate.Prefix.Length > best.Prefix.Length) best = candidate;
        }
        return best.Prefix.Length == 0 ? null : best.Name;
    }

    /// <summary>True when the first name takes precedence over the second.</summary>
    internal static bool Outranks(string first, string second) => Array.IndexOf(Names, first) < Array.IndexOf(Names, second);
}
