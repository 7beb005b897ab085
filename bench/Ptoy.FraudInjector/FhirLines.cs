using System.Globalization;
using System.Text.Json;

namespace Ptoy.FraudInjector;

/// <summary>The year as FHIR R4 resources, one a line, in the order of their time: order and ids tell nothing.</summary>
internal sealed class FhirLines(Year year)
{
    private const string Hl7 = "http://terminology.hl7.org/CodeSystem/";

    public IEnumerable<string> All()
    {
        foreach (Hospital hospital in year.Hospitals)
        {
            yield return Json(new { resourceType = "Organization", id = hospital.Id });
            foreach (Site site in hospital.Sites)
                yield return Json(new { resourceType = "Location", id = site.Id, position = new { latitude = site.Latitude, longitude = site.Longitude }, managingOrganization = To("Organization", hospital.Id) });
        }
        foreach (Worker worker in year.Workers)
        {
            yield return Json(new { resourceType = "Practitioner", id = worker.Id, name = Names(worker.Family), address = Addresses(worker.Home) });
            yield return Json(new { resourceType = "PractitionerRole", id = "r" + worker.Id, practitioner = To("Practitioner", worker.Id), organization = To("Organization", worker.Hospital.Id), code = new[] { new { text = worker.Department } } });
        }
        foreach (Person person in year.People.OrderBy(p => p.Id, StringComparer.Ordinal)) yield return Of(person);
        var timed = new List<(DateTime Time, string Id, string Json)>();
        timed.AddRange(year.Meetings.SelectMany(Of));
        timed.AddRange(year.Bills.Select(b => (b.Created, b.Id, Of(b))));
        timed.AddRange(year.Scripts.Select(s => (s.Time, s.Id, Of(s))));
        timed.AddRange(year.Bonds.Select(b => (b.From, b.Id, Of(b))));
        timed.AddRange(year.Looks.Select(l => (l.Time, l.Id, Of(l))));
        timed.AddRange(year.Changes.Select(c => (c.Time, c.Id, Of(c))));
        timed.Sort((a, b) => a.Time != b.Time ? a.Time.CompareTo(b.Time) : string.CompareOrdinal(a.Id, b.Id));
        foreach ((_, _, string json) in timed) yield return json;
    }

    public static string Label(Incident incident, int number) =>
        Json(new { label = new { incident = number.ToString(CultureInfo.InvariantCulture), kind = incident.Kind, references = incident.References } });

    private static string Of(Person p) => Json(new
    {
        resourceType = "Patient", id = p.Id, name = Names(p.Family), birthDate = p.Born.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        deceasedDateTime = p.Died is { } died ? At(died) : null, telecom = new[] { new { system = "phone", value = p.Phone } }, address = Addresses(p.Home),
        generalPractitioner = p.DoctorOnRecord ? new[] { To("Practitioner", p.Doctor.Id) } : null,
        contact = p.Employer is null ? null : new[] { new { relationship = Concept(Hl7 + "v2-0131", "E"), organization = To("Organization", p.Employer.Id) } },
    });

    private static IEnumerable<(DateTime, string, string)> Of(Meeting m)
    {
        yield return (m.From, m.Id, Json(new Dictionary<string, object?>
        {
            ["resourceType"] = "Encounter", ["id"] = m.Id, ["status"] = "finished", ["class"] = new { system = Hl7 + "v3-ActCode", code = m.Class }, ["subject"] = To("Patient", m.Person.Id),
            ["participant"] = new[] { new { individual = To("Practitioner", m.Worker.Id) } }, ["period"] = new { start = At(m.From), end = At(m.To) },
            ["location"] = new[] { new { location = To("Location", m.Site.Id) } }, ["serviceProvider"] = To("Organization", m.Site.Hospital.Id), ["serviceType"] = new { text = m.Worker.Department },
        }));
        if (!m.Booked) yield break;
        yield return (m.From.AddDays(-1), "a" + m.Id, Json(new
        {
            resourceType = "Appointment", id = "a" + m.Id, status = "fulfilled", start = At(m.From), end = At(m.To),
            participant = new[] { new { actor = To("Patient", m.Person.Id) }, new { actor = To("Practitioner", m.Worker.Id) }, new { actor = To("Location", m.Site.Id) } },
        }));
    }

    private static string Of(Bill b) => Json(new
    {
        resourceType = "Claim", id = b.Id, status = "active", use = "claim", patient = To("Patient", b.Person.Id), created = At(b.Created),
        billablePeriod = new { start = At(b.From), end = At(b.To) }, provider = To("Organization", b.Site.Hospital.Id), facility = To("Location", b.Site.Id),
        careTeam = new[] { new { sequence = 1, provider = To("Practitioner", b.Worker.Id) } },
        related = b.Replaces is null ? null : new[] { new { claim = To("Claim", b.Replaces), relationship = Single(Hl7 + "ex-relatedclaimrelationship", "prior") } },
        item = b.Lines.Select((l, i) => new
        {
            sequence = i + 1, productOrService = Single("http://www.ama-assn.org/go/cpt", l.Code), modifier = l.Modifier.Length == 0 ? null : new[] { Single("http://www.ama-assn.org/go/cpt", l.Modifier) },
            servicedPeriod = new { start = At(b.From), end = At(b.To) }, locationCodeableConcept = Single(Hl7 + "ex-serviceplace", b.PlaceOfService),
            net = new { value = l.Price, currency = "USD" }, encounter = b.Meeting is null ? null : new[] { To("Encounter", b.Meeting) },
        }),
        total = new { value = Math.Round(b.Lines.Sum(l => l.Price), 2), currency = "USD" },
    });

    private static string Of(Script s) => Json(new
    {
        resourceType = "MedicationRequest", id = s.Id, status = "completed", intent = "order", medicationCodeableConcept = new { text = s.Drug }, subject = To("Patient", s.Person.Id),
        authoredOn = At(s.Time), requester = To("Practitioner", s.Worker.Id), dispenseRequest = new { expectedSupplyDuration = new { value = s.Days, code = "d" } },
    });

    private static string Of(Bond b) => b.Type == "CareTeam"
        ? Json(new
        {
            resourceType = "CareTeam", id = b.Id, status = "active", subject = To("Patient", b.Person.Id), managingOrganization = new[] { To("Organization", b.Hospital!) },
            period = new { start = At(b.From), end = b.To is { } end ? At(end) : null }, participant = new[] { new { member = To("Practitioner", b.Worker ?? "unknown") } },
        })
        : Json(new
        {
            resourceType = "ServiceRequest", id = b.Id, status = "active", intent = "order", subject = To("Patient", b.Person.Id), authoredOn = At(b.From),
            performer = b.Worker is null ? new[] { To("Organization", b.Hospital!) } : [To("Practitioner", b.Worker)], performerType = new { text = b.Department },
        });

    private static string Of(Look l) => Json(new Dictionary<string, object?>
    {
        ["resourceType"] = "AuditEvent", ["id"] = l.Id, ["type"] = new { system = Hl7 + "audit-event-type", code = "rest" }, ["action"] = "R", ["recorded"] = At(l.Time),
        ["outcome"] = l.Permitted ? "0" : "4", ["purposeOfEvent"] = new[] { Single(Hl7 + "v3-ActReason", l.Emergency ? "BTG" : l.Purpose) },
        ["agent"] = new[] { new { who = To("Practitioner", l.User), requestor = true } }, ["entity"] = new[] { new { what = To("Patient", l.Person.Id) } },
    });

    private static string Of(Change c) => Json(new
    {
        resourceType = "AuditEvent", id = c.Id, type = new { system = "urn:ptoy:account-event", code = c.NewDevice ? "new-device" : "new-hospital" }, action = "C", recorded = At(c.Time), outcome = "0",
        agent = c.Hospital is null ? new[] { new { who = To("Patient", c.Person.Id), requestor = true } } : [new { who = To("Organization", c.Hospital.Id), requestor = true }],
        entity = new[] { new { what = To("Patient", c.Person.Id) } },
    });

    private static object[] Names(string family) => [new { family }];

    private static object[] Addresses(Household home) =>
        [new { line = new[] { string.Create(CultureInfo.InvariantCulture, $"{home.Number} {home.Street} Street") }, city = string.Create(CultureInfo.InvariantCulture, $"Town {home.Town}"), postalCode = (10_000 + home.Town).ToString(CultureInfo.InvariantCulture), extension = new[] { Geo(home) } }];

    private static object Geo(Household home) => new
    {
        url = "http://hl7.org/fhir/StructureDefinition/geolocation",
        extension = new[] { new { url = "latitude", valueDecimal = home.Latitude }, new { url = "longitude", valueDecimal = home.Longitude } },
    };

    private static object[] Concept(string system, string code) => [Single(system, code)];

    private static object Single(string system, string code) => new { coding = new[] { new { system, code } } };

    private static object To(string type, string id) => new { reference = $"{type}/{id}" };

    private static string At(DateTime time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static readonly JsonSerializerOptions Options = new() { DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull };

    private static string Json(object value) => JsonSerializer.Serialize(value, value.GetType(), Options);
}
