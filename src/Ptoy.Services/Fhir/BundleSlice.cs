namespace Ptoy.Services.Fhir;

/// <summary>One entry's resource inside a bundle: where its bytes are, and what they say of themselves.</summary>
/// <param name="Offset">First byte, the opening brace.</param>
/// <param name="Length">Bytes up to and with the closing brace.</param>
/// <param name="ResourceType">FHIR resource type.</param>
/// <param name="Id">The resource's id, where it has one.</param>
/// <param name="FullUrl">The entry's <c>fullUrl</c>, where it has one.</param>
/// <param name="PatientReference">Reference of <c>subject</c>, <c>patient</c> or <c>beneficiary</c>, where there is one.</param>
public sealed record BundleSlice(
    int Offset, int Length, string ResourceType, string? Id, string? FullUrl, string? PatientReference);

/// <summary>A bundle's exact bytes cut into one slice per resource and the skeleton between them.</summary>
public sealed class SlicedBundle
{
    internal SlicedBundle(ReadOnlyMemory<byte> bytes, IReadOnlyList<BundleSlice> slices, int patientIndex)
    {
        Bytes = bytes;
        Slices = slices;
        PatientIndex = patientIndex;
    }

    /// <summary>The bundle as it came.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The resources, in order.</summary>
    public IReadOnlyList<BundleSlice> Slices { get; }

    /// <summary>Which slice is the Patient.</summary>
    public int PatientIndex { get; }

    /// <summary>The Patient's slice.</summary>
    public BundleSlice Patient => Slices[PatientIndex];

    /// <summary>The patient's id in the EHR: the resource's id, else its full URL.</summary>
    public string PatientId => Patient.Id ?? Patient.FullUrl ?? throw new InvalidOperationException("the slicer lets no Patient without id pass");

    /// <summary>The exact bytes of one resource.</summary>
    public ReadOnlyMemory<byte> BytesOf(BundleSlice slice) => Bytes.Slice(slice.Offset, slice.Length);

    /// <summary>What is left without the resources, with their digests: see <see cref="BundleSkeleton"/>.</summary>
    public byte[] Skeleton() => BundleSkeleton.Of(this);
}
