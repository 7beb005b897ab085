namespace Ptoy.Services.Fraud.Detectors;

/// <summary>
/// Services that include others, by procedure code: who bills the whole may not bill the part beside it for the same patient and day, unless a modifier says that the part
/// was separate. A small table of pairs that are common knowledge among payers; a payer's full edit list belongs in its place where there is one.
/// </summary>
internal static class BundleTable
{
    /// <summary>A whole, its parts, and how many different parts together are the whole (0: parts never are).</summary>
    internal sealed record Bundle(string Whole, string What, string[] Parts, int TogetherWhole);

    public static IReadOnlyList<Bundle> All { get; } =
    [
        new("80053", "comprehensive metabolic panel", ["80048", "80076", "82040", "82247", "82310", "82374", "82435", "82565", "82947", "84075", "84132", "84155", "84295", "84450", "84460", "84520"], 8),
        new("80048", "basic metabolic panel", ["82310", "82374", "82435", "82565", "82947", "84132", "84295", "84520"], 4),
        new("80061", "lipid panel", ["82465", "83718", "84478"], 3),
        new("80076", "liver panel", ["82040", "82247", "82248", "84075", "84155", "84450", "84460"], 5),
        new("85025", "blood count with differential", ["85027", "85014", "85018", "85048", "85049"], 0),
        new("85027", "blood count", ["85014", "85018", "85048", "85049"], 3),
        new("81001", "urinalysis with microscopy", ["81003", "81015"], 2),
        new("93000", "electrocardiogram, complete", ["93005", "93010"], 2),
        new("93015", "stress test, complete", ["93016", "93017", "93018"], 3),
        new("93306", "echocardiogram, complete", ["93307", "93320", "93325"], 3),
        new("71046", "chest X-ray, two views", ["71045"], 0),
        new("74177", "abdomen and pelvis CT", ["74160", "72193"], 2),
        new("43239", "upper endoscopy with biopsy", ["43235"], 0),
        new("45380", "colonoscopy with biopsy", ["45378"], 0),
        new("45385", "colonoscopy with polyp removal", ["45378"], 0),
        new("29881", "knee arthroscopy with meniscectomy", ["29870", "29877"], 0),
        new("29827", "shoulder arthroscopy with repair", ["29805"], 0),
        new("47562", "gall bladder removal by laparoscopy", ["49320", "47000"], 0),
        new("58150", "hysterectomy", ["58720", "58940"], 0),
        new("59400", "care for a vaginal delivery, complete", ["59409", "59410", "59425", "59426", "59430"], 3),
        new("59510", "care for a caesarean delivery, complete", ["59514", "59515", "59425", "59426", "59430"], 3),
    ];

    /// <summary>Modifiers that say that a service was separate from another of the day.</summary>
    public static IReadOnlySet<string> SeparateModifiers { get; } = new HashSet<string>(StringComparer.Ordinal) { "59", "XE", "XP", "XS", "XU", "25", "91", "RT", "LT" };
}
