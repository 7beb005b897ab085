using System.Text;
using NUnit.Framework;
using Ptoy.Services.Fraud.Facts;

namespace Ptoy.Services.Tests.Fraud;

public class FactReaderTests
{
    private static readonly RelationTokens Tokens = new(new byte[32]);

    private static FraudFacts Read(params string[] resources)
    {
        var facts = new FraudFacts();
        var reader = new FactReader(facts, Tokens);
        foreach (string resource in resources) reader.Read(Encoding.UTF8.GetBytes(resource));
        reader.Complete();
        return facts;
    }

    private const string Claim = """
        {"resourceType":"Claim","id":"c1","status":"active","use":"claim","patient":{"reference":"urn:uuid:p1"},"created":"2026-03-05",
         "billablePeriod":{"start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:30:00Z"},"provider":{"reference":"urn:uuid:org"},"facility":{"reference":"Location/l1"},
         "related":[{"claim":{"reference":"Claim/c0"}}],
         "item":[{"sequence":1,"productOrService":{"coding":[{"code":"99213"}]},"modifier":[{"coding":[{"code":"25"}]}],"net":{"value":92.5,"currency":"USD"},"encounter":[{"reference":"Encounter/e1"}]}]}
        """;

    [Test]
    public void A_claim_gives_its_lines_times_places_and_what_it_replaces()
    {
        ClaimFact claim = Read(Claim).Of("p1").Claims.Single();
        Assert.That(claim.Lines.Single(), Is.EqualTo(new ClaimLine("99213", "25", 92.5)));
        Assert.That((claim.Id, claim.Organisation, claim.Location, claim.Replaces, claim.Encounter, claim.InPerson), Is.EqualTo(("Claim/c1", "org", "l1", "c0", "e1", true)));
        Assert.That(claim.To - claim.From, Is.EqualTo(TimeSpan.FromMinutes(30)));
    }

    [Test]
    public void A_claim_for_a_drug_bills_its_prescription_and_not_the_visit_whose_code_it_repeats()
    {
        ClaimFact claim = Read(Claim.Replace("\"use\":\"claim\",", "\"use\":\"claim\",\"prescription\":{\"reference\":\"urn:uuid:m1\"},\"total\":{\"value\":12.5},", StringComparison.Ordinal)).Of("p1").Claims.Single();
        Assert.That(claim.Lines.Single(), Is.EqualTo(new ClaimLine("prescription m1", "", 12.5)));
    }

    [Test]
    public void An_explanation_of_benefit_is_no_second_claim_but_tells_who_gave_the_service()
    {
        const string Benefit = """
            {"resourceType":"ExplanationOfBenefit","id":"b1","patient":{"reference":"Patient/p1"},"claim":{"reference":"urn:uuid:c1"},"provider":{"reference":"urn:uuid:dr"}}
            """;
        FraudFacts facts = Read(Claim, Benefit);
        Assert.That(facts.Of("p1").Claims.Single().Practitioner, Is.EqualTo("dr"));
    }

    [Test]
    public void Addresses_names_and_numbers_are_kept_as_tokens_only_and_equal_ones_are_equal()
    {
        static string Person(string id, string line, string phone) =>
            $$$"""{"resourceType":"Patient","id":"{{{id}}}","name":[{"family":"Müller"}],"telecom":[{"system":"phone","value":"{{{phone}}}"}],"address":[{"line":["{{{line}}}"],"postalCode":"01845"}]}""";
        FraudFacts facts = Read(Person("a", "12 Mill Street", "(617) 555-0123"), Person("b", "12 mill street", "+1 617 555 0123"), Person("c", "14 Mill Street", "+1 617 555 0199"));
        PersonFact a = facts.Of("a").Persons.Single(), b = facts.Of("b").Persons.Single(), c = facts.Of("c").Persons.Single();
        Assert.That((a.Household, a.Street, a.Family, a.Phones[0]), Is.EqualTo((b.Household, b.Street, b.Family, b.Phones[0])));
        Assert.That(a.Street, Is.EqualTo(c.Street));
        Assert.That(a.Household, Is.Not.EqualTo(c.Household));
        Assert.That(a.ToString(), Does.Not.Contain("Mill").And.Not.Contain("ller").And.Not.Contain("555"));
    }

    [Test]
    public void Another_key_gives_other_tokens() =>
        Assert.That(new RelationTokens([.. Enumerable.Repeat((byte)1, 32)]).Family("Smith"), Is.Not.EqualTo(Tokens.Family("Smith")));

    [Test]
    public void Cancelled_and_mistaken_resources_are_no_facts()
    {
        FraudFacts facts = Read(
            Claim.Replace("\"active\"", "\"entered-in-error\"", StringComparison.Ordinal),
            """{"resourceType":"Encounter","id":"e","status":"cancelled","subject":{"reference":"Patient/p1"},"period":{"start":"2026-03-02"}}""");
        Assert.That(facts.Patients.Values.SelectMany(p => p.Claims), Is.Empty);
        Assert.That(facts.Patients.Values.SelectMany(p => p.Visits), Is.Empty);
    }

    [Test]
    public void A_controlled_drug_is_told_from_others_by_its_ingredient()
    {
        static string Drug(string id, string text) =>
            $$$"""{"resourceType":"MedicationRequest","id":"{{{id}}}","status":"active","intent":"order","medicationCodeableConcept":{"text":"{{{text}}}"},"subject":{"reference":"Patient/p1"},"authoredOn":"2026-03-02","requester":{"reference":"Practitioner/dr"},"dispenseRequest":{"expectedSupplyDuration":{"value":14,"code":"d"} } }""";
        List<PrescriptionFact> found = Read(Drug("1", "OxyCODONE Hydrochloride 5 MG Oral Tablet"), Drug("2", "Penicillin V 250 MG")).Of("p1").Prescriptions;
        Assert.That(found.Select(p => p.Drug), Is.EqualTo(new[] { "oxycodone", null }));
        Assert.That(found[0].Days, Is.EqualTo(14));
    }

    [Test]
    public void What_lacks_a_time_is_counted_and_left_out()
    {
        var facts = new FraudFacts();
        var reader = new FactReader(facts, Tokens);
        reader.Read("""{"resourceType":"Encounter","id":"e","subject":{"reference":"Patient/p1"}}"""u8.ToArray());
        reader.Read("""{"resourceType":"Observation","id":"o"}"""u8.ToArray());
        Assert.That((reader.Skipped, reader.Used), Is.EqualTo((1, 0)));
    }

    [TestCase("{")]
    [TestCase("[1]")]
    [TestCase("{\"id\":\"x\"}")]
    public void What_is_no_resource_is_refused(string text) =>
        Assert.That(() => Read(text), Throws.TypeOf<FormatException>());
}
