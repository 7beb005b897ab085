using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>
/// Practitioners, organisations and places that messages mention. A message says of them what its sender happened to know, so their ids are
/// made of what is said: the same mention is the same resource, and a poorer mention elsewhere does not overwrite a richer one.
/// </summary>
internal static class PeopleMap
{
    /// <summary>XCN (and CN of old versions), first repetition; null when nobody is named.</summary>
    public static FhirObject? Practitioner(MapContext context, Hl7Value person)
    {
        if (!person[1].HasValue && !person[2].HasValue && !person[3].HasValue) return null;
        // "WATSON" alone, in a field that was free text once: a name, unless it looks like a number.
        string? number = person[1].Text;
        bool onlyName = number is not null && !person[2].HasValue && !person[3].HasValue && !number.Any(char.IsAsciiDigit);
        FhirObject name = onlyName ? new FhirObject().Add("text", number) : DataTypes.Name(person, context.Dates, offset: 1);
        FhirObject identifier = onlyName || number is null ? new FhirObject() : new FhirObject()
            .Add("type", DataTypes.Concept($"{CodeSystems.Terminology}v2-0203", person[13].Text))
            .Add("system", person[13].Text == "NPI" ? "http://hl7.org/fhir/sid/us-npi" : DataTypes.Authority(person[9]))
                .Add("value", number);
        return ByContent(context, "Practitioner", new FhirObject().Append("identifier", identifier)
            .Append("name", name), Display(person, onlyName));
    }

    /// <summary>All repetitions.</summary>
    public static IEnumerable<FhirObject> Practitioners(MapContext context, Hl7Value people) =>
        people.Repetitions.Select(p => Practitioner(context, p)).OfType<FhirObject>();

    /// <summary>XON: name, number, authority.</summary>
    public static FhirObject? Organization(MapContext context, Hl7Value organisation, FhirObject? more = null)
    {
        string? name = organisation[1].Text, number = organisation[10].Text ?? organisation[3].Text;
        if (name is null && number is null) return null;
        FhirObject identifier = new FhirObject().Add("system", DataTypes.Authority(organisation[6])).Add("value", number);
        FhirObject body = new FhirObject().Append("identifier", identifier.Has("value") ? identifier : null).Add("name", name);
        if (more is not null) body.Add("contact", new object?[] { more });
        return ByContent(context, "Organization", body, name);
    }

    /// <summary>An organisation of which a coded value or a name is all that is said.</summary>
    public static FhirObject? OrganizationNamed(
        MapContext context, string? name, FhirObject? identifier = null, IEnumerable<FhirObject>? addresses = null,
        IEnumerable<FhirObject>? telecoms = null)
    {
        FhirObject body = new FhirObject().Append("identifier", identifier).Add("name", name).Add("telecom", telecoms)
            .Add("address", addresses);
        return name is null && (identifier is null || identifier.IsEmpty) ? null : ByContent(context, "Organization", body, name);
    }

    /// <summary>PL: the whole place as one Location, from point of care to floor.</summary>
    public static FhirObject? Location(MapContext context, Hl7Value place)
    {
        if (!place.HasValue) return null;
        string?[] parts = [place[4].Text, place[7].Text, place[8].Text, place[1].Text, place[2].Text, place[3].Text];
        string name = string.Join(", ", parts.Where(p => p is not null));
        if (name.Length == 0) name = place[9].Text ?? "";
        if (name.Length == 0) return null;
        string kind = place[3].HasValue ? "bd" : place[2].HasValue ? "ro" : place[1].HasValue ? "wa" : place[8].HasValue ? "lvl" : "bu";
        FhirObject body = new FhirObject().Add("name", name).Add("description", place[9].Text).Add("mode", "instance")
            .Add("physicalType", DataTypes.Concept($"{CodeSystems.Terminology}location-physical-type", kind));
        return ByContent(context, "Location", body, name);
    }

    private static FhirObject? ByContent(MapContext context, string type, FhirObject body, string? display)
    {
        if (body.IsEmpty) return null;
        string id = context.IdOf(type, body.ToString());
        FhirObject resource = MapContext.Begin(type, id);
        foreach (string member in new[] { "identifier", "name", "description", "mode", "telecom", "address", "contact", "physicalType" })
            Copy(body, resource, member);
        return context.Put(type, id, resource, display);
    }

    private static void Copy(FhirObject from, FhirObject into, string member) => into.Add(member, from.Value(member));

    private static string? Display(Hl7Value person, bool onlyName)
    {
        if (onlyName) return person[1].Text;
        string?[] parts = [person[6].Text, person[3].Text, person[2].Text];
        string joined = string.Join(' ', parts.Where(p => p is not null));
        return joined.Length == 0 ? null : joined;
    }
}
