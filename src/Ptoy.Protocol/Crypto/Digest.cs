using System.Text;

namespace Ptoy.Protocol.Crypto;

/// <summary>
/// Domain-separated SHA-256: H(domain, parts…) = SHA-256(u8 length of domain ‖ domain ‖ parts…).
/// A domain names one use; two uses never share one, so a hash made for one cannot be taken for another.
/// Callers that hash several variable-length parts encode the lengths themselves.
/// </summary>
public static class Digest
{
    /// <summary>Hashes one part under a domain of at most 64 ASCII characters.</summary>
    public static Hash Of(string domain, ReadOnlySpan<byte> part) => Of(domain, part, default);

    /// <summary>Hashes the concatenation of two parts under a domain.</summary>
    public static Hash Of(string domain, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        const int MaxDomain = 64;
        if (domain.Length > MaxDomain) throw new ArgumentException("a domain has at most 64 characters", nameof(domain));
        Span<byte> head = stackalloc byte[1 + MaxDomain], digest = stackalloc byte[Hash.Size];
        head[0] = (byte)domain.Length;
        Encoding.ASCII.GetBytes(domain, head[1..]);
        Sha256.Hash(head[..(1 + domain.Length)], first, second, digest);
        return new Hash(digest);
    }

    /// <summary>Hashes two hashes: an inner node.</summary>
    public static Hash Of(string domain, Hash left, Hash right)
    {
        Span<byte> l = stackalloc byte[Hash.Size], r = stackalloc byte[Hash.Size];
        left.CopyTo(l);
        right.CopyTo(r);
        return Of(domain, l, r);
    }
}
