using System.Text.Json;

namespace Ptoy.Services.Fhir;

/// <summary>
/// Cuts a FHIR R4 Bundle into its resources by byte ranges. Nothing is parsed into objects and written again: what comes out of the
/// network has to be byte-identical to what went in.
/// </summary>
public static class BundleSlicer
{
    /// <summary>Largest bundle in bytes.</summary>
    public const int MaxBytes = 256 * 1024 * 1024;

    /// <summary>Deepest nesting.</summary>
    public const int MaxDepth = 64;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>Slices a bundle of one patient. Throws <see cref="BundleException"/> naming place and problem.</summary>
    /// <param name="bytes">The bundle's exact bytes: UTF-8 JSON.</param>
    /// <param name="source">Name of the file, for the error.</param>
    public static SlicedBundle Slice(ReadOnlyMemory<byte> bytes, string? source = null)
    {
        if (bytes.Length > MaxBytes) throw new BundleException(source, 0, $"{bytes.Length} bytes, more than {MaxBytes}");
        int start = bytes.Span.StartsWith(ByteOrderMark) ? ByteOrderMark.Length : 0;
        var reader = new Utf8JsonReader(bytes.Span[start..], new JsonReaderOptions { MaxDepth = MaxDepth });
        var walk = new BundleWalk(source, start);
        try
        {
            walk.ReadBundle(ref reader);
        }
        catch (JsonException)
        {
            // The reader's own message may quote a piece of the content: only its position is passed on.
            throw new BundleException(source, start + reader.BytesConsumed, $"not well-formed JSON, or nested deeper than {MaxDepth}");
        }
        catch (InvalidOperationException)
        {
            throw new BundleException(source, start + reader.TokenStartIndex, "text that is not valid UTF-8, or half of a surrogate pair");
        }
        return new SlicedBundle(bytes, walk.Slices, PatientOf(walk.Slices, source));
    }

    private static int PatientOf(List<BundleSlice> slices, string? source)
    {
        int patient = slices.FindIndex(s => s.ResourceType == "Patient");
        if (patient < 0) throw new BundleException(source, 0, "the Bundle has no Patient");
        int second = slices.FindIndex(patient + 1, s => s.ResourceType == "Patient");
        if (second >= 0) throw new BundleException(source, slices[second].Offset, "the Bundle has more than one Patient; export one Bundle for each");
        BundleSlice found = slices[patient];
        if (string.IsNullOrEmpty(found.Id) && string.IsNullOrEmpty(found.FullUrl))
            throw new BundleException(source, found.Offset, "the Patient has neither an id nor a fullUrl");
        BundleSlice? stray = slices.Find(s => !IsAbout(s, found));
        if (stray is not null) throw new BundleException(source, stray.Offset, $"this {stray.ResourceType} is about another patient");
        return patient;
    }

    /// <summary>A reference that cannot be resolved inside the bundle (a logical or group one) is taken to be the bundle's patient.</summary>
    private static bool IsAbout(BundleSlice slice, BundleSlice patient)
    {
        if (slice.PatientReference is not { } reference || reference == patient.FullUrl) return true;
        const string Relative = "Patient/";
        int at = reference.LastIndexOf(Relative, StringComparison.Ordinal);
        if (at >= 0) return reference[(at + Relative.Length)..].Split('/')[0] == patient.Id;
        const string Urn = "urn:uuid:";
        return !reference.StartsWith(Urn, StringComparison.Ordinal) || reference[Urn.Length..] == patient.Id;
    }
}
