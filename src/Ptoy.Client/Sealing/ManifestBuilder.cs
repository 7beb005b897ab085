using System.Security.Cryptography;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Records;

namespace Ptoy.Client.Sealing;

/// <summary>
/// Seals records of one owner into a manifest: add records, then <see cref="Build"/>. Each record gets its own random data
/// key, wrapped to the owner's vault key for (tag, epoch), where one is given, and to the recipients named for it.
/// </summary>
public sealed class ManifestBuilder
{
    // Room left in a package for manifest, wraps and framing, so that a full builder still encodes below the package's bound.
    private const long Reserve = 4 * 1024 * 1024;

    private readonly Address _owner;
    private readonly byte _epoch;
    private readonly IReadOnlyDictionary<Hash, PublicKey> _vaultKeys;
    private readonly List<Sealed> _records = [];
    private readonly Dictionary<PublicKey, List<int>> _recipients = [];
    private long _bytes;
    private long _wraps;

    /// <summary>Begins a manifest for an owner in an epoch; the vault public keys are those of that epoch, by tag.</summary>
    public ManifestBuilder(Address owner, int epoch, IReadOnlyDictionary<Hash, PublicKey> vaultKeys)
    {
        if (owner.IsNone) throw new ArgumentException("the owner is missing", nameof(owner));
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(epoch, ManifestEntry.MaxEpoch);
        _owner = owner;
        _epoch = (byte)epoch;
        _vaultKeys = vaultKeys;
    }

    /// <summary>Records added so far.</summary>
    public int Count => _records.Count;

    /// <summary>True when a record of that many plaintext bytes with that many recipients still fits into this manifest.</summary>
    public bool Fits(int plaintextLength, int recipients)
    {
        const int WrapBytes = 64; // An encoded wrapped key has 56.
        long bytes = _bytes + (long)SealedHeader.SealedLength((ulong)plaintextLength) + ((_wraps + recipients + 1) * WrapBytes);
        return _records.Count < Manifest.MaxEntries && bytes <= UploadPackage.MaxBytes - Reserve;
    }

    /// <summary>Seals a record and returns its id. Throws <see cref="SealException"/> when nobody could open it or the manifest is full.</summary>
    public Hash Add(ReadOnlySpan<byte> plaintext, Hash tag, params IEnumerable<PublicKey> recipients)
    {
        var keys = new HashSet<PublicKey>(recipients);
        if (_vaultKeys.TryGetValue(tag, out PublicKey? vault)) keys.Add(vault);
        if (keys.Count == 0) throw new SealException(SealFault.NoKey, "the record has no recipient and its tag no vault key: nobody could open it");
        if (keys.FirstOrDefault(k => k.Suite != SuiteId.HpkeX25519 || k.Problem() is not null) is not null)
            throw new SealException(SealFault.Suite, "a recipient's key is not an HPKE X25519 key");
        if (!Fits(plaintext.Length, keys.Count)) throw new SealException(SealFault.Manifest, $"the manifest is full: {Count} records, {_bytes} bytes");
        if (keys.Count(k => !_recipients.ContainsKey(k)) + _recipients.Count > WrapSet.MaxRecipients)
            throw new SealException(SealFault.Manifest, $"the manifest would have more than {WrapSet.MaxRecipients} recipients");
        Hash recordId = Sealer.NewRecordId();
        byte[] dataKey = Sealer.NewDataKey();
        byte[] bytes = Sealer.Seal(plaintext, dataKey, recordId);
        foreach (PublicKey key in keys)
        {
            if (!_recipients.TryGetValue(key, out List<int>? indices)) _recipients[key] = indices = [];
            indices.Add(_records.Count);
        }
        _records.Add(new Sealed(recordId, tag, bytes, dataKey));
        _bytes += bytes.Length;
        _wraps += keys.Count;
        return recordId;
    }

    /// <summary>
    /// The package to upload. The builder is empty afterwards; data keys are overwritten. Throws
    /// <see cref="InvalidOperationException"/> when nothing was added.
    /// </summary>
    public UploadPackage Build()
    {
        if (_records.Count == 0) throw new InvalidOperationException("no record was added");
        KeyToWrap[] keys = [.. _records.Select((r, i) => new KeyToWrap(i, Entry(r, Hash.Zero), r.DataKey))];
        RecipientWraps[] recipients =
        [
            .. _recipients.Select(r => KeyWrapper.Wrap(_owner, r.Value.Select(i => keys[i]), r.Key)).OrderBy(r => r.KeyId),
        ];
        Hash[] salts = [.. _records.Select(_ => new Hash(RandomNumberGenerator.GetBytes(Hash.Size)))];
        var wraps = new WrapSet(recipients, salts);
        ManifestEntry[] entries =
        [
            .. _records.Select((r, i) => Entry(r, WrapSet.Commitment(salts[i], wraps.Of(i).Select(w => w.ComputeHash())))),
        ];
        var package = new UploadPackage(new Manifest(_owner, entries), wraps, [.. _records.Select(r => r.Bytes)]);
        foreach (Sealed record in _records) CryptographicOperations.ZeroMemory(record.DataKey);
        _records.Clear();
        _recipients.Clear();
        _bytes = _wraps = 0;
        return package;
    }

    private ManifestEntry Entry(Sealed record, Hash commitment) =>
        new(record.RecordId, record.Tag, (ulong)record.Bytes.Length, ManifestEntry.HashOf(record.Bytes), _epoch, commitment);

    private sealed record Sealed(Hash RecordId, Hash Tag, byte[] Bytes, byte[] DataKey);
}
