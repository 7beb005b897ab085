using System.Text;
using CsCheck;
using NUnit.Framework;
using Ptoy.Protocol.Records;

namespace Ptoy.Protocol.Tests.Records;

public sealed class CompartmentTests
{
    [Test]
    public void TheListIsFixed() => Assert.That(Compartments.Names, Is.EqualTo(new[]
    {
        "allergies", "care-plans", "care-teams", "conditions", "consents", "demographics", "devices", "diagnostic-reports", "documents",
        "encounters", "family-history", "genetics", "goals", "hiv", "imaging", "immunizations", "insurance", "laboratory", "medications",
        "mental-health", "observations", "other", "procedures", "reproductive", "social-history", "substance-use", "vital-signs",
    }));

    [TestCase("Encounter", "encounters")]
    [TestCase("MedicationRequest", "medications")]
    [TestCase("Observation", "observations")]
    [TestCase("Patient", "demographics")]
    [TestCase("NoSuchType", "other")]
    public void TypesHaveTheirCompartment(string type, string expected) => Assert.That(Compartments.Of(type, []), Is.EqualTo(expected));

    [TestCase("http://hl7.org/fhir/sid/icd-10-cm|B20", "hiv")]
    [TestCase("http://hl7.org/fhir/sid/icd-10-cm|O98.711", "hiv")]
    [TestCase("http://hl7.org/fhir/sid/icd-10-cm|O24.4", "reproductive")]
    [TestCase("http://hl7.org/fhir/sid/icd-10|F10.2", "substance-use")]
    [TestCase("http://hl7.org/fhir/sid/icd-10|f32.1", "mental-health")]
    [TestCase("http://hl7.org/fhir/sid/icd-10|Z15.01", "genetics")]
    [TestCase("http://hl7.org/fhir/sid/icd-10|I10", "conditions")]
    [TestCase("http://snomed.info/sct|36923009", "mental-health")]
    [TestCase("http://snomed.info/sct|72892002", "reproductive")]
    [TestCase("http://terminology.hl7.org/CodeSystem/v3-ActCode|ETH", "substance-use")]
    [TestCase("http://example.org|B20", "conditions")]
    public void OneSensitiveCodeDecides(string code, string expected) =>
        Assert.That(Compartments.Of("Condition", ["http://snomed.info/sct|38341003", code]), Is.EqualTo(expected));

    [Test]
    public void TheStricterOfTwoKindsDecidesInAnyOrder()
    {
        string[] codes = ["http://hl7.org/fhir/sid/icd-10|F32", "http://hl7.org/fhir/sid/icd-10|B20"];
        Assert.That(Compartments.Of("Claim", codes), Is.EqualTo("hiv"));
        Assert.That(Compartments.Of("Claim", codes.Reverse()), Is.EqualTo("hiv"));
    }

    [Test]
    public void FhirJsonIsReadAtEveryDepth()
    {
        Assert.That(Of("""{"resourceType":"Observation","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"valueQuantity":{"value":1.00}}"""), Is.EqualTo("vital-signs"));
        Assert.That(Of("""{"meta":{"security":[{"code":"HIV","display":"x","system":"http://terminology.hl7.org/CodeSystem/v3-ActCode"}]},"resourceType":"DocumentReference"}"""), Is.EqualTo("hiv"));
        Assert.That(Of("""{"resourceType":"Encounter","contained":[{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":"7200002"}]}}]}"""), Is.EqualTo("substance-use"));
    }

    [TestCase("")]
    [TestCase("[]")]
    [TestCase("{}")]
    [TestCase("""{"resourceType":1}""")]
    [TestCase("""{"a":{"resourceType":"Patient"}}""")]
    [TestCase("""{"resourceType":"Patient" """)]
    [TestCase("""{"resourceType":"Patient"}x""")]
    public void WhatIsNoResourceIsRefused(string json) => Assert.That(() => Of(json), Throws.TypeOf<FormatException>());

    [Test]
    public void ScanningIsTotal() => Gen.Byte.Array[0, 100].Sample(bytes =>
    {
        try
        {
            Assert.That(Compartments.Names, Does.Contain(FhirScan.CompartmentOf([.. "{\"resourceType\":\"Goal\",\"code\":"u8, .. bytes])));
        }
        catch (FormatException e)
        {
            Assert.That(e.Message, Does.StartWith("the resource"));
        }
    }, iter: 1000);

    [Test]
    public void TagsAreKeyed()
    {
        byte[] key = new byte[32], other = new byte[32];
        other[0] = 1;
        Assert.That(Compartments.Tags(key), Has.Count.EqualTo(Compartments.Names.Count));
        Assert.That(Compartments.Tag(key, "hiv"), Is.Not.EqualTo(Compartments.Tag(other, "hiv")));
        Assert.That(() => Compartments.Tag(new byte[31], "hiv"), Throws.ArgumentException);
    }

    private static string Of(string json) => FhirScan.CompartmentOf(Encoding.UTF8.GetBytes(json));
}
