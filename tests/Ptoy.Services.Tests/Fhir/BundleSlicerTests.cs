using System.Security.Cryptography;
using System.Text;
using NUnit.Framework;
using Ptoy.Protocol;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Tests.Fhir;

public class BundleSlicerTests
{
    private const string Patient = """{"resourceType":"Patient","id":"p1","name":[{"family":"Featherstone"}]}""";

    private static byte[] Bundle(params string[] resources) => Encoding.UTF8.GetBytes(
        $$"""{"resourceType":"Bundle","entry":[{{string.Join(" , ", resources.Select(r => $$"""{"resource": {{r}} }"""))}}]}""");

    private static byte[] RoundTrip(SlicedBundle bundle)
    {
        Dictionary<Hash, ReadOnlyMemory<byte>> parts = [];
        foreach (BundleSlice slice in bundle.Slices) parts[new Hash(SHA256.HashData(bundle.BytesOf(slice).Span))] = bundle.BytesOf(slice).ToArray();
        return BundleSkeleton.Join(bundle.Skeleton(), h => parts.TryGetValue(h, out ReadOnlyMemory<byte> found) ? found : null);
    }

    [Test]
    public void GeneratedBundlesComeBackByteForByte()
    {
        foreach (GeneratedBundle generated in BundleGenerator.Generate(new GeneratorOptions(7, 9, 40)))
        {
            SlicedBundle sliced = BundleSlicer.Slice(generated.Bytes, generated.FileName);
            Assert.That(RoundTrip(sliced), Is.EqualTo(generated.Bytes));
            Assert.That(sliced.Slices, Has.Count.GreaterThanOrEqualTo(40));
        }
    }

    [Test]
    public void SyntheaBundlesComeBackByteForByte()
    {
        string? folder = Environment.GetEnvironmentVariable("PTOY_SYNTHEA");
        if (folder is null || !Directory.Exists(folder)) Assert.Ignore("PTOY_SYNTHEA names no folder of bundles");
        int resources = 0;
        foreach (string file in Directory.GetFiles(folder!, "*.json"))
        {
            byte[] bytes = File.ReadAllBytes(file);
            SlicedBundle sliced = BundleSlicer.Slice(bytes, Path.GetFileName(file));
            Assert.That(RoundTrip(sliced).AsSpan().SequenceEqual(bytes), Is.True);
            Assert.That(PatientDemographics.Read(sliced.BytesOf(sliced.Patient)).Names, Is.Not.Empty);
            resources += sliced.Slices.Count;
        }
        Assert.That(resources, Is.GreaterThan(0));
        TestContext.Out.WriteLine($"{resources} resources");
    }

    [Test]
    public void ASliceIsExactlyTheResource()
    {
        SlicedBundle sliced = BundleSlicer.Slice(Bundle(Patient, """{ "resourceType":"Observation" , "value" : 1.00 }"""));
        Assert.That(Encoding.UTF8.GetString(sliced.BytesOf(sliced.Slices[1]).Span), Is.EqualTo("""{ "resourceType":"Observation" , "value" : 1.00 }"""));
        Assert.That(sliced.PatientId, Is.EqualTo("p1"));
    }

    [Test]
    public void AByteOrderMarkIsKept()
    {
        byte[] bytes = [0xEF, 0xBB, 0xBF, .. Bundle(Patient)];
        SlicedBundle sliced = BundleSlicer.Slice(bytes);
        Assert.That(RoundTrip(sliced), Is.EqualTo(bytes));
        Assert.That(Encoding.UTF8.GetString(sliced.BytesOf(sliced.Patient).Span), Is.EqualTo(Patient));
    }

    [Test]
    public void ThePatientReferenceIsRead()
    {
        SlicedBundle sliced = BundleSlicer.Slice(Bundle(Patient, """{"resourceType":"Condition","subject":{"display":"d","reference":"Patient/p1"}}"""));
        Assert.That(sliced.Slices[1].PatientReference, Is.EqualTo("Patient/p1"));
    }

    [TestCase("", "not well-formed JSON")]
    [TestCase("[]", "a Bundle is a JSON object")]
    [TestCase("""{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"p","name":[{"family":"Featherstone""", "not well-formed JSON")]
    [TestCase("""{"resourceType":"Patient","id":"Featherstone"}""", "not a FHIR Bundle")]
    [TestCase("""{"resourceType":"Bundle"}""", "no entries")]
    [TestCase("""{"resourceType":"Bundle","entry":{}}""", "'entry' is not a list")]
    [TestCase("""{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Observation"}}]}""", "no Patient")]
    [TestCase("""{"resourceType":"Bundle","entry":[{"resource":{"id":"Featherstone"}}]}""", "entry 0 has no resourceType")]
    [TestCase("""{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient"}}]}""", "neither an id nor a fullUrl")]
    [TestCase("""{"resourceType":"Bundle","entry":[],"entry":[]}""", "two 'entry' members")]
    [TestCase("""{"resourceType":"Bundle","entry":[]} x""", "not well-formed JSON")]
    public void WrongInputIsRefusedWithItsPlaceAndWithoutItsContent(string text, string expected)
    {
        BundleException error = Assert.Throws<BundleException>(() => BundleSlicer.Slice(Encoding.UTF8.GetBytes(text), "export-3.json"))!;
        Assert.That(error.Message, Does.Contain(expected));
        Assert.That(error.Message, Does.StartWith("byte "));
        Assert.That(error.Describe(), Does.StartWith("export-3.json: byte "));
        Assert.That(error.ToString(), Does.Not.Contain("Featherstone"));
    }

    [Test]
    public void TwoPatientsAreRefused()
    {
        BundleException error = Assert.Throws<BundleException>(() => BundleSlicer.Slice(Bundle(Patient, Patient)))!;
        Assert.That(error.Message, Does.Contain("more than one Patient"));
    }

    [Test]
    public void AResourceAboutAnotherPatientIsRefused()
    {
        BundleException error = Assert.Throws<BundleException>(() => BundleSlicer.Slice(
            Bundle(Patient, """{"resourceType":"Observation","subject":{"reference":"Patient/p2"}}""")))!;
        Assert.That(error.Message, Does.Contain("about another patient"));
    }

    [Test]
    public void NestingBeyondTheBoundIsRefused()
    {
        string deep = new string('[', BundleSlicer.MaxDepth) + new string(']', BundleSlicer.MaxDepth);
        BundleException error = Assert.Throws<BundleException>(() => BundleSlicer.Slice(Bundle(Patient, $$"""{"resourceType":"Basic","x":{{deep}}}""")))!;
        Assert.That(error.Message, Does.Contain("nested deeper"));
    }

    [Test]
    public void ADamagedSkeletonIsRefused()
    {
        SlicedBundle sliced = BundleSlicer.Slice(Bundle(Patient));
        byte[] skeleton = sliced.Skeleton();
        ReadOnlyMemory<byte> patient = sliced.BytesOf(sliced.Patient);
        Assert.Multiple(() =>
        {
            Assert.That(() => BundleSkeleton.Join(skeleton.AsMemory(0, skeleton.Length - 1), _ => patient), Throws.TypeOf<FormatException>());
            Assert.That(() => BundleSkeleton.Join(skeleton, _ => null), Throws.TypeOf<FormatException>().With.Message.Contains("missing"));
            Assert.That(() => BundleSkeleton.Join(skeleton, _ => "{}"u8.ToArray()), Throws.TypeOf<FormatException>().With.Message.Contains("other bytes"));
            Assert.That(() => BundleSkeleton.Join((byte[])[.. skeleton, 0], _ => patient), Throws.TypeOf<FormatException>().With.Message.Contains("after the end"));
        });
    }
}
