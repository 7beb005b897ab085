using MessagePack;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Records;

/// <summary>A manifest with its wraps and all its sealed records: what an author uploads and members replicate.</summary>
[MessagePackObject]
public sealed record UploadPackage(
    [property: Key(0)] Manifest Manifest,
    [property: Key(1)] WrapSet Wraps,
    [property: Key(2)] byte[][] Sealed) : IWire
{
    /// <summary>Largest encoded package in bytes: 64 MiB.</summary>
    public const int MaxBytes = 64 * 1024 * 1024;

    /// <inheritdoc/>
    public string? Problem()
    {
        string? problem = Check.Nested("manifest", Manifest) ?? Check.Nested("wraps", Wraps) ?? Check.Count("sealed", Sealed, Manifest.MaxEntries);
        if (problem is not null) return problem;
        if (Sealed.Length != Manifest.Entries.Length) return $"{Sealed.Length} sealed records for {Manifest.Entries.Length} entries";
        for (int i = 0; i < Sealed.Length; i++)
        {
            if (Sealed[i] is null) return $"sealed[{i}] is missing";
            if ((ulong)Sealed[i].Length != Manifest.Entries[i].Length) return $"sealed[{i}] has {Sealed[i].Length} bytes, its entry says {Manifest.Entries[i].Length}";
        }
        return null;
    }

    /// <summary>
    /// Null when every sealed record hashes to what its entry says and the wraps match their commitments, else what is wrong.
    /// Reads all bytes once, so it is apart from <see cref="Problem"/>.
    /// </summary>
    public string? Verify()
    {
        for (int i = 0; i < Sealed.Length; i++)
        {
            if (ManifestEntry.HashOf(Sealed[i]) != Manifest.Entries[i].SealedHash) return $"sealed[{i}] does not hash to what its entry says";
        }
        return Wraps.Matches(Manifest);
    }
}
