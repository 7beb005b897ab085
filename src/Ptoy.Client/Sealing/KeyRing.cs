using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Records;

namespace Ptoy.Client.Sealing;

/// <summary>
/// The private keys a reader holds, by key id, with the HPKE contexts set up so far: records of one manifest share a context,
/// so a reader of a thousand records pays for one key agreement. Safe for use by several threads.
/// </summary>
public sealed class KeyRing : IDisposable
{
    private const int MaxContexts = 256;
    private readonly Lock _lock = new();
    private readonly Dictionary<Hash, SealingKey> _keys = [];
    private readonly Dictionary<(Hash KeyId, string Enc, Address Owner), HpkeRecipient> _contexts = [];

    /// <summary>Begins with these keys, which the ring then owns.</summary>
    public KeyRing(params IEnumerable<SealingKey> keys)
    {
        foreach (SealingKey key in keys) Add(key);
    }

    /// <summary>Ids of all keys.</summary>
    public IReadOnlyCollection<Hash> KeyIds
    {
        get { lock (_lock) return [.. _keys.Keys]; }
    }

    /// <summary>Adds a key, which the ring then owns.</summary>
    public void Add(SealingKey key)
    {
        lock (_lock)
        {
            if (!_keys.TryAdd(key.Id, key) && !ReferenceEquals(_keys[key.Id], key)) key.Dispose();
        }
    }

    /// <summary>True when a key with that id is held.</summary>
    public bool Holds(Hash keyId)
    {
        lock (_lock) return _keys.ContainsKey(keyId);
    }

    /// <summary>The data key in a wrap; null when the key is not held. Throws <see cref="SealException"/> when the wrap does not open.</summary>
    public byte[]? Unwrap(Address owner, ManifestEntry entry, RecordWrap wrap)
    {
        if (wrap.Problem() is { } problem) throw new SealException(SealFault.Wrap, $"wrap: {problem}");
        lock (_lock)
        {
            if (!_keys.TryGetValue(wrap.KeyId, out SealingKey? key)) return null;
            byte[]? dataKey = Context(key, wrap.Enc, owner).Open(wrap.Entry, WrapContext.Aad(entry.RecordId, entry.Tag, entry.Epoch), wrap.Ciphertext);
            return dataKey ?? throw new SealException(
                SealFault.Wrap, $"the wrap for key {wrap.KeyId.Short} does not open: it was changed, or belongs to another record");
        }
    }

    private HpkeRecipient Context(SealingKey key, byte[] enc, Address owner)
    {
        (Hash, string, Address) name = (key.Id, Convert.ToHexString(enc), owner);
        if (_contexts.TryGetValue(name, out HpkeRecipient? known)) return known;
        if (_contexts.Count >= MaxContexts) Forget();
        try
        {
            return _contexts[name] = Hpke.SetupRecipient(key, enc, WrapContext.Info(owner));
        }
        catch (System.Security.Cryptography.CryptographicException e)
        {
            throw new SealException(SealFault.Wrap, $"the wrap for key {key.Id.Short} does not open: {e.Message}");
        }
    }

    private void Forget()
    {
        foreach (HpkeRecipient context in _contexts.Values) context.Dispose();
        _contexts.Clear();
    }

    /// <summary>Overwrites all keys.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            Forget();
            foreach (SealingKey key in _keys.Values) key.Dispose();
            _keys.Clear();
        }
    }
}
