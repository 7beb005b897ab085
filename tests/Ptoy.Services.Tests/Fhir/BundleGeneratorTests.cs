using System.Text;
using CsCheck;
using NUnit.Framework;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Tests.Fhir;

public class BundleGeneratorTests
{
    [Test]
    public void TheSameSeedGivesTheSameBytes()
    {
        byte[][] first = [.. BundleGenerator.Generate(new GeneratorOptions(42, 3, 20)).Select(b => b.Bytes)];
        byte[][] second = [.. BundleGenerator.Generate(new GeneratorOptions(42, 3, 20)).Select(b => b.Bytes)];
        Assert.That(second, Is.EqualTo(first));
    }

    [Test]
    public void AnotherSeedGivesOtherBytes() =>
        Assert.That(BundleGenerator.Bundle(new GeneratorOptions(1, 1, 20), 0).Bytes, Is.Not.EqualTo(BundleGenerator.Bundle(new GeneratorOptions(2, 1, 20), 0).Bytes));

    [TestCase("1.00")]
    [TestCase("1e2")]
    [TestCase("9223372036854775807")]
    [TestCase("9007199254740993")]
    [TestCase("\\u00ef")]
    [TestCase("\\ud83d\\ude00")]
    [TestCase("\"_birthDate\"")]
    [TestCase("\"x-ehr-unknown\"")]
    public void EveryBundleHasWhatCarelessRoundTripsLose(string oddity)
    {
        foreach (GeneratedBundle bundle in BundleGenerator.Generate(new GeneratorOptions(5, 6, 12)))
            Assert.That(Encoding.UTF8.GetString(bundle.Bytes), Does.Contain(oddity));
    }

    [Test]
    public void LayoutsDiffer()
    {
        string[] texts = [.. BundleGenerator.Generate(new GeneratorOptions(5, 3, 12)).Select(b => Encoding.UTF8.GetString(b.Bytes))];
        Assert.That(texts.Count(t => t.Contains("\r\n\t", StringComparison.Ordinal)), Is.EqualTo(1));
        Assert.That(texts.Count(t => !t.Contains('\n', StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [Test]
    public void ABundleHasEveryKindAndThePatientItNames()
    {
        GeneratedBundle bundle = BundleGenerator.Bundle(new GeneratorOptions(9, 2, 30), 1);
        SlicedBundle sliced = BundleSlicer.Slice(bundle.Bytes);
        PatientDemographics person = PatientDemographics.Read(sliced.BytesOf(sliced.Patient));
        Assert.That(person.Names.Single().Text, Is.EqualTo(bundle.FullName));
        Assert.That(person.Phones, Is.EqualTo(new[] { bundle.Phone }));
        Assert.That(person.BirthDate, Is.EqualTo(bundle.BirthDate));
        Assert.That(sliced.Slices.Select(s => s.ResourceType).Distinct(), Is.EquivalentTo(
            new[] { "Patient", "AllergyIntolerance", "Immunization", "Observation", "Encounter", "Condition", "MedicationRequest", "Claim" }));
    }

    [Test]
    public void PhoneNumbersAreNotShared()
    {
        var options = new GeneratorOptions(3, 2000, 12);
        Assert.That(Enumerable.Range(0, 2000).Select(i => GeneratedPatient.Make(options.Seed, i).Phone).Distinct().Count(), Is.EqualTo(2000));
    }

    [Test]
    public void ANewVisitBringsOneEncounterAndOnePrescriptionForTheSamePatient()
    {
        var options = new GeneratorOptions(9, 3, 30);
        for (int patient = 0; patient < 3; patient++)
        {
            SlicedBundle before = BundleSlicer.Slice(BundleGenerator.Bundle(options, patient).Bytes);
            SlicedBundle visit = BundleSlicer.Slice(BundleGenerator.NewVisit(options, patient, 1).Bytes);
            Assert.That(visit.Slices.Select(s => s.ResourceType), Is.EqualTo(new[] { "Patient", "Encounter", "MedicationRequest" }));
            Assert.That(visit.BytesOf(visit.Patient).ToArray(), Is.EqualTo(before.BytesOf(before.Patient).ToArray()));
            SlicedBundle other = BundleSlicer.Slice(BundleGenerator.NewVisit(before, 77, 2));
            Assert.That(other.BytesOf(other.Patient).ToArray(), Is.EqualTo(before.BytesOf(before.Patient).ToArray()));
        }
    }

    [Test]
    public void AnySeedGivesBundlesThatSlice() => Gen.Select(Gen.ULong, Gen.Int[12, 60]).Sample((seed, size) =>
        BundleSlicer.Slice(BundleGenerator.Bundle(new GeneratorOptions(seed, 3, size), (int)(seed % 3)).Bytes).Slices.Count >= size, iter: 60);

    [TestCase(0, 20, "patients")]
    [TestCase(1, 3, "resources per patient")]
    public void OptionsOutOfBoundsAreNamed(int patients, int size, string named) =>
        Assert.That(() => BundleGenerator.Generate(new GeneratorOptions(1, patients, size)), Throws.ArgumentException.With.Message.Contains(named));
}
