namespace Ptoy.FraudInjector;

/// <summary>What is done to people, where, how long it takes and about what it costs.</summary>
internal static class Catalogue
{
    public const string Primary = "primary care", Emergency = "emergency", Cardiology = "cardiology", Orthopaedics = "orthopaedics",
        Radiology = "radiology", Laboratory = "laboratory", Oncology = "oncology", Psychiatry = "psychiatry", Surgery = "surgery",
        Physiotherapy = "physiotherapy", Nephrology = "nephrology", Billing = "billing", Quality = "quality", Desk = "front desk", Pharmacy = "pharmacy";

    /// <summary>Departments and how many work in each at a hospital.</summary>
    public static readonly (string Name, int Staff)[] Departments =
    [
        (Primary, 6), (Emergency, 3), (Cardiology, 2), (Orthopaedics, 2), (Radiology, 2), (Laboratory, 1), (Oncology, 1), (Psychiatry, 1),
        (Surgery, 2), (Physiotherapy, 1), (Nephrology, 1), (Billing, 2), (Quality, 1), (Desk, 2), (Pharmacy, 1),
    ];

    public static readonly Dictionary<string, double> Price = new(StringComparer.Ordinal)
    {
        ["99213"] = 92, ["99214"] = 131, ["99215"] = 185, ["99204"] = 168, ["99396"] = 140, ["99283"] = 210, ["99284"] = 360, ["99232"] = 80,
        ["93000"] = 18, ["93005"] = 9, ["93010"] = 9, ["93306"] = 210, ["85025"] = 11, ["85027"] = 9, ["80053"] = 15, ["80048"] = 12, ["80061"] = 19,
        ["82465"] = 7, ["83718"] = 12, ["84478"] = 9, ["82947"] = 6, ["82565"] = 7, ["84132"] = 7, ["84295"] = 7, ["84520"] = 6, ["83036"] = 14,
        ["87880"] = 17, ["81001"] = 5, ["36415"] = 8, ["71046"] = 34, ["73721"] = 240, ["74177"] = 330, ["45378"] = 390, ["45380"] = 480,
        ["43235"] = 310, ["43239"] = 400, ["29881"] = 1100, ["29870"] = 700, ["47562"] = 1300, ["47000"] = 330, ["96413"] = 140, ["96415"] = 31,
        ["90834"] = 95, ["97110"] = 31, ["97140"] = 29, ["97530"] = 36, ["90999"] = 260, ["59400"] = 2300, ["59409"] = 900, ["59425"] = 470,
        ["59430"] = 210, ["20610"] = 65, ["88305"] = 72, ["88027"] = 900, ["11042"] = 118, ["97597"] = 90, ["G2012"] = 15, ["99441"] = 56,
        ["31231"] = 190, ["31237"] = 260, ["66984"] = 640, ["66982"] = 820, ["92004"] = 150,
    };

    /// <summary>Bundled procedure and its parts, as this injector knows them. Some are in no detector's table: fraud knows more tricks than rules do.</summary>
    public static readonly (string Whole, string[] Parts)[] Bundles =
    [
        ("80061", ["82465", "83718", "84478"]), ("80053", ["80048"]), ("80048", ["82947", "82565", "84132", "84295", "84520"]), ("93000", ["93005", "93010"]),
        ("45380", ["45378"]), ("43239", ["43235"]), ("29881", ["29870"]), ("59400", ["59409", "59425", "59430"]), ("85025", ["85027"]),
        ("31237", ["31231"]), ("11042", ["97597"]), ("66982", ["66984"]),
    ];

    public static readonly string[] Controlled =
        ["oxycodone 10 MG Oral Tablet", "hydrocodone / acetaminophen 5/325 MG Oral Tablet", "alprazolam 1 MG Oral Tablet", "tramadol 50 MG Oral Tablet", "zolpidem 10 MG Oral Tablet",
            "methylphenidate 20 MG Oral Tablet"];

    public static readonly string[] Ordinary =
        ["lisinopril 10 MG Oral Tablet", "metformin 500 MG Oral Tablet", "amoxicillin 500 MG Oral Capsule", "simvastatin 20 MG Oral Tablet", "ibuprofen 400 MG Oral Tablet"];

    public static readonly string[] Families =
    [
        "Adler", "Bauer", "Carter", "Dubois", "Eriksen", "Fischer", "Garcia", "Huber", "Ibsen", "Jansen", "Keller", "Lopez", "Meyer", "Novak", "Olsen", "Peeters", "Quist", "Rossi",
        "Schmid", "Toth", "Ulrich", "Vogel", "Weber", "Xanthos", "Young", "Zimmer", "Brandt", "Costa", "Duarte", "Egger", "Frank", "Gruber", "Hahn", "Iten", "Jung", "Koch", "Lang",
        "Moser", "Nagy", "Otto", "Popov", "Reuter", "Sauer", "Thaler", "Urban", "Varga", "Wolf", "Yilmaz", "Zander", "Amato",
    ];

    public static readonly string[] Streets =
        ["Mill", "Church", "Station", "Lake", "Garden", "School", "Forest", "Market", "Bridge", "Castle", "River", "Meadow", "Hill", "Park", "North", "South", "East", "West", "Rose", "Oak",
            "Elm", "Birch", "Maple", "Linden", "Chapel", "Harbour", "Tower", "Field", "Spring", "Brook"];
}
