using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Consensus;

/// <summary>
/// Verifies each signature once. Votes come again: inside certificates, view changes and new views, and when a replica repeats itself. A
/// signature that was found good is remembered by a digest of everything it covers; a bad one is not, so that nobody can fill the memory
/// with what never was signed. Each key has its own share, so no replica can push out what another one signed. Thread-safe.
/// </summary>
public sealed class SignatureMemory(ISignatureVerifier verifier) : ISignatureVerifier
{
    /// <summary>Signatures remembered of each key: at least this many, at most twice as many.</summary>
    public const int PerKey = 4_096;

    private const int OnStack = 1_024;

    private readonly ConcurrentDictionary<PublicKey, Share> _shares = new();
    private long _verified, _remembered;

    /// <summary>Signatures that were computed.</summary>
    public long Verified => Interlocked.Read(ref _verified);

    /// <summary>Signatures that were known to be good.</summary>
    public long Remembered => Interlocked.Read(ref _remembered);

    /// <inheritdoc/>
    public bool Verify(PublicKey key, string domain, ReadOnlySpan<byte> message, Signature signature)
    {
        Share share = _shares.GetOrAdd(key, static _ => new Share());
        Hash digest = DigestOf(domain, message, signature);
        if (share.Knows(digest))
        {
            Interlocked.Increment(ref _remembered);
            return true;
        }
        Interlocked.Increment(ref _verified);
        if (!verifier.Verify(key, domain, message, signature)) return false;
        share.Add(digest);
        return true;
    }

    /// <summary>Forgets the keys that are no longer in use. After the set of replicas changed.</summary>
    public void Keep(IReadOnlySet<PublicKey> keys)
    {
        foreach (PublicKey key in _shares.Keys)
        {
            if (!keys.Contains(key)) _shares.TryRemove(key, out _);
        }
    }

    /// <summary>Over length-prefixed parts, so that no two different signatures share a digest.</summary>
    private static Hash DigestOf(string domain, ReadOnlySpan<byte> message, Signature signature)
    {
        int domainLength = Encoding.UTF8.GetByteCount(domain), length = (2 * sizeof(int)) + 1 + domainLength + message.Length + signature.Bytes.Length;
        Span<byte> bytes = length <= OnStack ? stackalloc byte[length] : new byte[length];
        BitConverter.TryWriteBytes(bytes, domainLength);
        BitConverter.TryWriteBytes(bytes[sizeof(int)..], message.Length);
        bytes[2 * sizeof(int)] = (byte)signature.Suite;
        Span<byte> rest = bytes[((2 * sizeof(int)) + 1)..];
        Encoding.UTF8.GetBytes(domain, rest);
        message.CopyTo(rest[domainLength..]);
        signature.Bytes.CopyTo(rest[(domainLength + message.Length)..]);
        Span<byte> digest = stackalloc byte[Hash.Size];
        SHA256.HashData(bytes, digest);
        return new Hash(digest);
    }

    /// <summary>Two generations: when the newer is full, the older is forgotten.</summary>
    private sealed class Share
    {
        private readonly Lock _gate = new();
        private HashSet<Hash> _newer = [], _older = [];

        public bool Knows(Hash digest)
        {
            lock (_gate) return _newer.Contains(digest) || _older.Contains(digest);
        }

        public void Add(Hash digest)
        {
            lock (_gate)
            {
                if (_newer.Count >= PerKey)
                {
                    (_older, _newer) = (_newer, _older);
                    _newer.Clear();
                }
                _newer.Add(digest);
            }
        }
    }
}
