using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;

namespace Ptoy.Client.Sealing;

/// <summary>
/// Opens records with the keys of a <see cref="KeyRing"/>, after checking them against what the chain registered: entry in
/// root, bytes in entry. Every failure is a <see cref="SealException"/>.
/// </summary>
public sealed class RecordOpener(KeyRing keys)
{
    // The manifest checked last: a reader opens its records one after another, and a root costs thousands of hashes.
    private volatile Checked? _checked;

    /// <summary>Opens one record of a manifest whose root is registered on chain.</summary>
    public byte[] Open(Hash registeredRoot, Manifest manifest, int index, IEnumerable<RecordWrap> wraps, ReadOnlySpan<byte> sealedBytes)
    {
        Check(registeredRoot, manifest);
        if (index < 0 || index >= manifest.Entries.Length)
            throw new SealException(SealFault.Manifest, $"the manifest has {manifest.Entries.Length} entries, not one at {index}");
        return OpenChecked(manifest.Owner, manifest.Entries[index], index, wraps, sealedBytes);
    }

    /// <summary>Opens one record by its entry and the proof that the registered root contains it.</summary>
    public byte[] Open(
        Hash registeredRoot, Address owner, ManifestEntry entry, MerkleProof proof, IEnumerable<RecordWrap> wraps, ReadOnlySpan<byte> sealedBytes)
    {
        if (entry.Problem() is { } problem) throw new SealException(SealFault.Manifest, $"entry: {problem}");
        if (!proof.Verify(entry.ComputeHash(owner), registeredRoot))
            throw new SealException(SealFault.Manifest, "the entry is not in the registered manifest of this owner");
        return OpenChecked(owner, entry, (int)proof.Index, wraps, sealedBytes);
    }

    /// <summary>
    /// The data key of a record, from any wrap that a key at hand opens: to wrap it to somebody else. Throws
    /// <see cref="SealException"/> when there is none.
    /// </summary>
    public byte[] DataKey(Address owner, ManifestEntry entry, int index, IEnumerable<RecordWrap> wraps)
    {
        SealException? failure = null;
        int offered = 0;
        foreach (RecordWrap wrap in wraps)
        {
            offered++;
            if (wrap.Entry != index)
            {
                failure ??= new SealException(SealFault.Wrap, $"a wrap is for entry {wrap.Entry}, not {index}");
                continue;
            }
            try
            {
                if (keys.Unwrap(owner, entry, wrap) is { } dataKey) return dataKey;
            }
            catch (SealException e)
            {
                failure ??= e; // Another wrap may still open it.
            }
        }
        throw failure ?? new SealException(SealFault.NoKey, $"none of the {offered} wraps is for a key at hand");
    }

    private void Check(Hash registeredRoot, Manifest manifest)
    {
        ManifestEntry[] entries = manifest.Entries;
        if (_checked is { } last && last.Root == registeredRoot && last.Owner == manifest.Owner && last.Entries.AsSpan().SequenceEqual(entries)) return;
        if (manifest.Problem() is { } problem) throw new SealException(SealFault.Manifest, $"manifest: {problem}");
        if (manifest.Root() != registeredRoot) throw new SealException(SealFault.Manifest, "the manifest does not have the registered root");
        _checked = new Checked(registeredRoot, manifest.Owner, [.. entries]);
    }

    private byte[] OpenChecked(Address owner, ManifestEntry entry, int index, IEnumerable<RecordWrap> wraps, ReadOnlySpan<byte> sealedBytes)
    {
        if ((ulong)sealedBytes.Length != entry.Length)
            throw new SealException(SealFault.Manifest, $"the sealed record has {sealedBytes.Length} bytes, its manifest entry says {entry.Length}");
        if (ManifestEntry.HashOf(sealedBytes) != entry.SealedHash)
            throw new SealException(SealFault.Manifest, "the sealed record was changed: it does not hash to what its manifest entry says");
        if (SealedHeader.Decode(sealedBytes).RecordId != entry.RecordId)
            throw new SealException(SealFault.Manifest, "the sealed record carries another record id than its manifest entry");
        byte[] dataKey = DataKey(owner, entry, index, wraps);
        try
        {
            return Sealer.Open(sealedBytes, dataKey);
        }
        finally
        {
            System.Security.Cryptography.CryptographicOperations.ZeroMemory(dataKey);
        }
    }

    private sealed record Checked(Hash Root, Address Owner, ManifestEntry[] Entries);
}
