using System.Globalization;
using System.Text.Json;

namespace Ptoy.Services.Fraud.Facts;

/// <content>People, ties and accesses; and how FHIR's elements are read.</content>
internal sealed partial class FactReader
{
    /// <summary>Code system of this network's own account events in AuditEvents.</summary>
    public const string AccountEvents = "urn:ptoy:account-event";

    /// <summary>Identifier system under which a hospital's directory tells the network account of a practitioner or organisation.</summary>
    public const string AccountIdentifiers = "urn:ptoy:account";

    private bool CareTeam(JsonElement r, Source at)
    {
        string? patient = at.Patient ?? Reference(r, "subject");
        if (Text(r, "status") is "entered-in-error" or "proposed") return true;
        if (patient is null) return false;
        (DateTimeOffset from, DateTimeOffset to) = Period(r, "period", openEnd: true) ?? (DateTimeOffset.MinValue, DateTimeOffset.MaxValue);
        foreach (string member in Items(r, "participant").Select(p => Reference(p, "member")).OfType<string>())
            facts.Of(patient).Ties.Add(new TieFact(at.Id, "care team", patient, member, "", "", from, to));
        return true;
    }

    private bool Order(JsonElement r, Source at)
    {
        string? patient = at.Patient ?? Reference(r, "subject");
        if (Text(r, "status") is "revoked" or "entered-in-error") return true;
        if (patient is null || Time(r, "authoredOn") is not { } time) return false;
        DateTimeOffset until = Later(time, TimeSpan.FromDays(90));
        string department = Child(r, "performerType") is { } type ? Text(type, "text") ?? "" : "";
        foreach (string performer in Items(r, "performer").Select(p => Text(p, "reference")).OfType<string>())
        {
            bool house = performer.StartsWith("Organization/", StringComparison.Ordinal);
            facts.Of(patient).Ties.Add(new TieFact(at.Id, "referral or order", patient, house ? "" : Last(performer)!, house ? Last(performer)! : "", house ? department : "", time, until));
        }
        if (Reference(r, "requester") is { } requester) facts.Of(patient).Ties.Add(new TieFact(at.Id, "order", patient, requester, "", "", time, until));
        return true;
    }

    private bool Audit(JsonElement r, Source at)
    {
        string? patient = at.Patient ?? Items(r, "entity").Select(e => ReferenceText(e, "what", whole: true)).Where(w => w?.StartsWith("Patient/", StringComparison.Ordinal) == true).Select(Last).FirstOrDefault();
        string? who = Items(r, "agent").Select(a => Reference(a, "who")).FirstOrDefault(w => w is not null);
        if (patient is null || who is null || Time(r, "recorded") is not { } time) return false;
        if (Child(r, "type") is { } type && Text(type, "system") == AccountEvents)
        {
            facts.Of(patient).AccountChanges.Add(new AccountFact(at.Id, patient, time, Text(type, "code") == "new-device", who));
            return true;
        }
        string purpose = Items(r, "purposeOfEvent").SelectMany(p => Items(p, "coding")).Select(c => Text(c, "code")).FirstOrDefault(c => c is not null) ?? "";
        facts.Of(patient).Accesses.Add(new AccessFact(at.Id, who, patient, time, purpose, Text(r, "outcome") is null or "0", purpose is "BTG"));
        return true;
    }

    private bool Person(JsonElement r, Source at)
    {
        string patient = at.Patient ?? Last(at.Reference)!;
        (string household, string street, GeoPoint? home) = AddressOf(r);
        string employer = Items(r, "contact").Where(c => Items(c, "relationship").SelectMany(x => Items(x, "coding")).Any(x => Text(x, "code") == "E"))
            .Select(c => Reference(c, "organization")).FirstOrDefault(o => o is not null) ?? "";
        facts.Of(patient).Persons.Add(new PersonFact(
            at.Id, patient, Time(r, "deceasedDateTime"), household, street, FamilyOf(r),
            [.. Items(r, "telecom").Where(t => Text(t, "system") is "phone" or "sms").Select(t => Text(t, "value")).OfType<string>().Select(tokens.Phone).Where(t => t.Length > 0).Distinct()],
            employer, home));
        foreach (string doctor in Items(r, "generalPractitioner").Select(g => Last(Text(g, "reference"))).OfType<string>())
            facts.Of(patient).Ties.Add(new TieFact(at.Id, "general practitioner", patient, doctor, "", "", DateTimeOffset.MinValue, DateTimeOffset.MaxValue));
        return true;
    }

    private bool Staff(JsonElement r, string type, Source at)
    {
        PatientFacts into = at.Patient is { } patient ? facts.Of(patient) : facts.Directory;
        Account(r, at);
        if (type == "Practitioner")
        {
            (string household, string street, _) = AddressOf(r);
            into.Staff.Add(new StaffFact(Last(at.Reference)!, "", "", household, street, FamilyOf(r)));
            return true;
        }
        if (Reference(r, "practitioner") is not { } who) return false;
        string department = Items(r, "code").Concat(Items(r, "specialty")).Select(c => Text(c, "text")).FirstOrDefault(t => t is not null) ?? "";
        into.Staff.Add(new StaffFact(who, Reference(r, "organization") ?? "", department.ToLowerInvariant(), "", "", ""));
        return true;
    }

    /// <summary>Only a hospital's own directory says which account is whose: a patient's record could say anything.</summary>
    private bool Account(JsonElement r, Source at)
    {
        if (at.Patient is not null) return true;
        foreach (string account in Items(r, "identifier").Where(i => Text(i, "system") == AccountIdentifiers).Select(i => Text(i, "value")).OfType<string>())
            facts.Accounts[account] = Last(at.Reference)!;
        return true;
    }

    private bool Place(JsonElement r, Source at)
    {
        GeoPoint? point = Child(r, "position") is { } p && Number(p, "latitude") is { } latitude && Number(p, "longitude") is { } longitude ? new GeoPoint(latitude, longitude) : null;
        (at.Patient is { } patient ? facts.Of(patient) : facts.Directory).Places.Add(new PlaceFact(Last(at.Reference)!, Reference(r, "managingOrganization") ?? "", point));
        return true;
    }

    private string FamilyOf(JsonElement r) => Items(r, "name").Where(n => Text(n, "use") != "old").Select(n => Text(n, "family")).FirstOrDefault(f => f is not null) is { } family ? tokens.Family(family) : "";

    /// <summary>The home's position is kept to a tenth of a degree (about 10 km).</summary>
    private (string Household, string Street, GeoPoint? Home) AddressOf(JsonElement r)
    {
        if (Items(r, "address").Where(a => Text(a, "use") != "old").ToArray() is not [JsonElement address, ..]) return ("", "", null);
        string line = Items(address, "line").Where(l => l.ValueKind == JsonValueKind.String).Select(l => l.GetString()!).FirstOrDefault() ?? "";
        string town = Text(address, "postalCode") ?? Text(address, "city") ?? "";
        JsonElement[] geo = [.. Items(address, "extension").Where(e => Text(e, "url")?.EndsWith("/geolocation", StringComparison.Ordinal) == true).SelectMany(e => Items(e, "extension"))];
        double? Degrees(string name) => geo.Where(e => Text(e, "url") == name).Select(e => Number(e, "valueDecimal")).FirstOrDefault();
        GeoPoint? home = Degrees("latitude") is { } latitude && Degrees("longitude") is { } longitude ? new GeoPoint(Math.Round(latitude, 1), Math.Round(longitude, 1)) : null;
        return line.Length == 0 ? ("", "", home) : (tokens.Household(line, town), tokens.Street(line, town), home);
    }

    private static JsonElement? Child(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement value) ? value : null;

    private static IEnumerable<JsonElement> Items(JsonElement parent, string name) => Child(parent, name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];

    private static string? Text(JsonElement parent, string name) => Child(parent, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private static double? Number(JsonElement parent, string name) => Child(parent, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetDouble(out double number) ? number : null;

    private static IEnumerable<(string? Code, string? Display)> Codes(JsonElement parent, string name) =>
        Child(parent, name) is { } concept ? Items(concept, "coding").Select(c => (Text(c, "code"), Text(c, "display"))) : [];

    private static bool IsOf(JsonElement parent, string name, string type) => ReferenceText(parent, name, whole: true)?.StartsWith(type + "/", StringComparison.Ordinal) == true;

    private static string? Reference(JsonElement parent, string name) => ReferenceText(parent, name);

    private static string? ReferenceText(JsonElement parent, string name, bool whole = false) =>
        Child(parent, name) is { } value && Text(value, "reference") is { } reference ? whole ? reference : Last(reference) : null;

    /// <summary>The id in <c>Type/id</c>, <c>https://…/Type/id</c>, <c>…/_history/1</c> or <c>urn:uuid:id</c>.</summary>
    private static string? Last(string? reference)
    {
        if (reference is null) return null;
        int history = reference.IndexOf("/_history/", StringComparison.Ordinal);
        if (history > 0) reference = reference[..history];
        int cut = reference.LastIndexOfAny(['/', ':']);
        return reference[(cut + 1)..];
    }

    private static DateTimeOffset? Time(JsonElement parent, string name) =>
        Text(parent, name) is { } text && (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
            || DateTimeOffset.TryParseExact(text, ["yyyy", "yyyy-MM"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out time)) ? time : null;

    private static (DateTimeOffset From, DateTimeOffset To)? Period(JsonElement parent, string name, bool openEnd = false)
    {
        if (Child(parent, name) is not { } period || Time(period, "start") is not { } start) return null;
        return (start, Time(period, "end") ?? (openEnd ? DateTimeOffset.MaxValue : start));
    }

    private static DateTimeOffset Later(DateTimeOffset time, TimeSpan by) => time > DateTimeOffset.MaxValue - by ? DateTimeOffset.MaxValue : time + by;
}
