using System.Globalization;

namespace Ptoy.Services.Fhir;

/// <summary>A resource's text, its type and the full URL that others refer to it by.</summary>
internal sealed record GeneratedResource(string Type, string FullUrl, string Json);

/// <summary>Who a generated bundle is about, and the layout that its texts have.</summary>
internal sealed record GeneratedPatient(
    RawJson Json, string Reference, string Id, string Given, string Family, string Phone, string BirthDate, ulong ContentSeed, int Index)
{
    private const int PhonesPerArea = 100;

    public static GeneratedPatient Make(ulong seed, int index)
    {
        var random = new SeededRandom(seed ^ ((ulong)index * 0xD1B54A32D192ED03));
        random.Next();
        RawJson json = (index % 3) switch { 0 => RawJson.Odd, 1 => RawJson.Indented, _ => RawJson.Compact };
        string id = random.Uuid().ToString();
        string given = random.Pick(GeneratorWords.Given);
        string family = random.Pick(GeneratorWords.FamilyStart) + random.Pick(GeneratorWords.FamilyEnd);
        // Numbers follow the index, so that no two of the first thousands share one.
        int area = GeneratorWords.AreaCodes[index / PhonesPerArea % GeneratorWords.AreaCodes.Length];
        int exchange = 200 + (index / PhonesPerArea / GeneratorWords.AreaCodes.Length);
        string phone = exchange == 200
            ? string.Create(CultureInfo.InvariantCulture, $"({area}) 555-01{index % PhonesPerArea:D2}")
            : string.Create(CultureInfo.InvariantCulture, $"({area}) {exchange}-01{index % PhonesPerArea:D2}");
        DateTime born = new DateTime(1935, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddDays(random.Below(75 * 365));
        string birthDate = born.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        return new GeneratedPatient(json, "urn:uuid:" + id, id, given, family, phone, birthDate, random.Next(), index);
    }
}
