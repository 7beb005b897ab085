using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Records;

/// <summary>The data key of one entry, sealed in its recipient's HPKE context under the entry's index as sequence number.</summary>
[MessagePackObject]
public sealed record WrappedKey([property: Key(0)] ushort Entry, [property: Key(1)] byte[] Ciphertext) : IWire
{
    /// <summary>Bytes of the ciphertext: a 32-byte key and a 16-byte tag.</summary>
    public const int Size = SealedChunks.KeySize + Hpke.TagSize;

    /// <inheritdoc/>
    public string? Problem() =>
        Entry < Manifest.MaxEntries ? Check.Exactly("ciphertext", Ciphertext, Size) : $"entry {Entry} is not below {Manifest.MaxEntries}";
}

/// <summary>Everything of a manifest that one recipient key can open: one HPKE encapsulation, one wrapped key an entry.</summary>
[MessagePackObject]
public sealed record RecipientWraps(
    [property: Key(0)] Hash KeyId,
    [property: Key(1)] SuiteId Suite,
    [property: Key(2)] byte[] Enc,
    [property: Key(3)] WrappedKey[] Keys) : IWire
{
    /// <inheritdoc/>
    public string? Problem()
    {
        string? problem = (KeyId.IsZero ? "key id is missing" : null)
            ?? (Suite == SuiteId.HpkeX25519 ? null : $"suite {(byte)Suite} is not known")
            ?? Check.Exactly("enc", Enc, Hpke.EncSize)
            ?? Check.Each("keys", Keys, Manifest.MaxEntries);
        if (problem is not null) return problem;
        for (int i = 1; i < Keys.Length; i++)
        {
            if (Keys[i].Entry <= Keys[i - 1].Entry) return "keys are not in the order of entries, or one is repeated";
        }
        return null;
    }
}

/// <summary>One wrap of one record by itself: what a store keeps, deletes alone, and hands to a reader.</summary>
[MessagePackObject]
public sealed record RecordWrap(
    [property: Key(0)] ushort Entry,
    [property: Key(1)] Hash KeyId,
    [property: Key(2)] SuiteId Suite,
    [property: Key(3)] byte[] Enc,
    [property: Key(4)] byte[] Ciphertext) : IWire
{
    /// <summary>Domain of <see cref="ComputeHash"/>.</summary>
    public const string Domain = "ptoy/wrap/v1";

    /// <summary>Largest encoded wrap in bytes.</summary>
    public const int MaxBytes = 160;

    /// <inheritdoc/>
    public string? Problem() =>
        (Entry < Manifest.MaxEntries ? null : $"entry {Entry} is not below {Manifest.MaxEntries}")
        ?? (KeyId.IsZero ? "key id is missing" : null)
        ?? (Suite == SuiteId.HpkeX25519 ? null : $"suite {(byte)Suite} is not known")
        ?? Check.Exactly("enc", Enc, Hpke.EncSize)
        ?? Check.Exactly("ciphertext", Ciphertext, WrappedKey.Size);

    /// <summary>What the commitment is made over; a store that deletes a wrap keeps this, so the others stay provable.</summary>
    public Hash ComputeHash() => Digest.Of(Domain, Codec.Encode(this));
}

/// <summary>The wraps made together with a manifest, and the salts of their commitments. Stored off-chain, next to the bytes.</summary>
[MessagePackObject]
public sealed record WrapSet(
    [property: Key(0)] RecipientWraps[] Recipients,
    [property: Key(1)] Hash[] Salts) : IWire
{
    /// <summary>Most recipient keys of one manifest.</summary>
    public const int MaxRecipients = 256;

    /// <summary>Domain of <see cref="Commitment"/>.</summary>
    public const string CommitmentDomain = "ptoy/wrap/commitment/v1";

    /// <summary>Largest encoded set in bytes.</summary>
    public const int MaxBytes = 16 * 1024 * 1024;

    /// <inheritdoc/>
    public string? Problem()
    {
        string? problem = Check.Each("recipients", Recipients, MaxRecipients) ?? Check.Count("salts", Salts, Manifest.MaxEntries);
        if (problem is not null) return problem;
        for (int i = 1; i < Recipients.Length; i++)
        {
            if (Recipients[i].KeyId <= Recipients[i - 1].KeyId) return "recipients are not in the order of key ids, or one is repeated";
        }
        return null;
    }

    /// <summary>The wraps of one entry, in the order of key ids.</summary>
    public IReadOnlyList<RecordWrap> Of(int entry)
    {
        var wraps = new List<RecordWrap>();
        foreach (RecipientWraps recipient in Recipients)
        {
            int at = IndexOf(recipient.Keys, entry);
            if (at >= 0) wraps.Add(new RecordWrap((ushort)entry, recipient.KeyId, recipient.Suite, recipient.Enc, recipient.Keys[at].Ciphertext));
        }
        return wraps;
    }

    /// <summary>The commitment in a manifest entry: H(salt ‖ hash of each wrap, in the order of key ids).</summary>
    public static Hash Commitment(Hash salt, IEnumerable<Hash> wrapHashes)
    {
        byte[] hashes = [.. wrapHashes.SelectMany(h => h.ToArray())];
        return Digest.Of(CommitmentDomain, salt.ToArray(), hashes);
    }

    /// <summary>Null when the set has one salt an entry, refers to entries only, and every commitment holds; else what is wrong.</summary>
    public string? Matches(Manifest manifest)
    {
        int count = manifest.Entries.Length;
        if (Salts.Length != count) return $"{Salts.Length} salts for {count} entries";
        if (Recipients.Any(r => r.Keys.Length > 0 && r.Keys[^1].Entry >= count)) return "a wrap is for an entry that the manifest does not have";
        for (int i = 0; i < count; i++)
        {
            if (Commitment(Salts[i], Of(i).Select(w => w.ComputeHash())) != manifest.Entries[i].WrapCommitment)
                return $"the wraps of entry {i} do not match its commitment";
        }
        return null;
    }

    private static int IndexOf(WrappedKey[] keys, int entry)
    {
        int low = 0, high = keys.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (keys[middle].Entry == entry) return middle;
            if (keys[middle].Entry < entry) low = middle + 1;
            else high = middle - 1;
        }
        return -1;
    }
}

/// <summary>The context of a wrap: what both sides feed to HPKE besides keys.</summary>
public static class WrapContext
{
    /// <summary>HPKE info: the owner of the records.</summary>
    public static byte[] Info(Address owner) => [.. "ptoy/wrap/hpke/v1"u8, .. owner.Value.ToArray()];

    /// <summary>Associated data: the record, its tag and its epoch. A wrap moved to another record does not open.</summary>
    public static byte[] Aad(Hash recordId, Hash tag, byte epoch) => [.. recordId.ToArray(), .. tag.ToArray(), epoch];
}
