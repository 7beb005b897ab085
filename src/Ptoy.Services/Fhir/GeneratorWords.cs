namespace Ptoy.Services.Fhir;

/// <summary>What generated people are called and treated for. Names are invented; phone numbers are of the range kept for fiction (555-01xx).</summary>
internal static class GeneratorWords
{
    public static readonly string[] Given =
    [
        "Amélie", "Bohumil", "Cordula", "Dagfinn", "Eluned", "Fiorenzo", "Gwendal", "Hedvika", "Ildikó", "Joaquín", "Kjersti", "Leocadia",
        "Małgorzata", "Nuñez", "Ottoline", "Priyanka", "Quirinus", "Rosalind", "Sigrún", "Thaddeus", "Ursulina", "Vuković", "Wilhelmina", "Zoë",
    ];

    public static readonly string[] FamilyStart =
    [
        "Abernath", "Bjørnsta", "Castellan", "Drummelz", "Eschenba", "Featherst", "Grünwald", "Hawthorn", "Ivanchen", "Jagiello", "Kirkbrid",
        "Lindqvis", "Montague", "Nakamuri", "Ostrovsk", "Pemberto", "Quintani", "Rasmusse", "Stavroul", "Thornbur", "Underhil", "Villanue",
        "Wetherby", "Yamashir",
    ];

    public static readonly string[] FamilyEnd = ["er", "y", "en", "ova", "dottir", "field", "ski", "ard", "holm", "ington", "eau", "mann"];

    public static readonly int[] AreaCodes = [206, 212, 303, 312, 404, 415, 503, 512, 602, 617, 702, 713, 801, 808, 907, 919];

    public static readonly (string Code, string Display)[] Medications =
    [
        ("314076", "lisinopril 10 MG Oral Tablet"), ("860975", "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet"),
        ("308136", "amLODIPine 2.5 MG Oral Tablet"), ("617312", "atorvastatin 10 MG Oral Tablet"), ("313782", "Acetaminophen 325 MG Oral Tablet"),
        ("562251", "Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet"), ("245314", "albuterol 5 MG/ML Inhalation Solution"),
    ];

    public static readonly (string Code, string Display)[] Conditions =
    [
        ("59621000", "Hypertension"), ("44054006", "Diabetes mellitus type 2"), ("195662009", "Acute viral pharyngitis"),
        ("10509002", "Acute bronchitis"), ("233604007", "Pneumonia"), ("22298006", "Myocardial infarction"), ("195967001", "Asthma"),
    ];

    public static readonly (string Code, string Display, string Unit, int Low, int High)[] Observations =
    [
        ("8302-2", "Body Height", "cm", 150, 199), ("29463-7", "Body Weight", "kg", 45, 130), ("8867-4", "Heart rate", "/min", 50, 120),
        ("4548-4", "Hemoglobin A1c", "%", 4, 11), ("2093-3", "Total Cholesterol", "mg/dL", 120, 290), ("8310-5", "Body temperature", "Cel", 36, 40),
    ];

    public static readonly (string Code, string Display)[] Vaccines =
        [("140", "Influenza, seasonal, injectable, preservative free"), ("113", "Td (adult) preservative free"), ("33", "pneumococcal polysaccharide vaccine, 23 valent")];

    public static readonly (string Code, string Display)[] Allergens =
        [("91935009", "Allergy to peanuts"), ("300913006", "Shellfish allergy"), ("418689008", "Allergy to grass pollen"), ("294505008", "Allergy to amoxicillin")];
}
