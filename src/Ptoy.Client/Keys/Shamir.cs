namespace Ptoy.Client.Keys;

/// <summary>One share of a secret: the point's x, from 1 to 255, and one y for each byte.</summary>
public sealed record ShamirShare(byte Index, byte[] Bytes)
{
    /// <summary>x in two hexadecimal characters, a dash, the bytes in hexadecimal.</summary>
    public override string ToString() => $"{Index:x2}-{Convert.ToHexStringLower(Bytes)}";

    /// <summary>Parses <see cref="ToString"/>. Throws <see cref="FormatException"/>.</summary>
    public static ShamirShare Parse(string text)
    {
        const string Form = "a share is written xx-hex";
        if (text.Length < 5 || text[2] != '-') throw new FormatException(Form);
        try
        {
            byte index = Convert.FromHexString(text.AsSpan(0, 2))[0];
            return index == 0 ? throw new FormatException("a share's number is not 0") : new ShamirShare(index, Convert.FromHexString(text.AsSpan(3)));
        }
        catch (FormatException e) when (e.Message != "a share's number is not 0")
        {
            throw new FormatException(Form);
        }
    }

    /// <inheritdoc/>
    public bool Equals(ShamirShare? other) => other is not null && Index == other.Index && Bytes.AsSpan().SequenceEqual(other.Bytes);

    /// <inheritdoc/>
    public override int GetHashCode() => Index;
}

/// <summary>
/// Shamir's secret sharing (CACM 1979), byte by byte over GF(2^8) with the polynomial of AES. Pure: the random coefficients are
/// a parameter. Multiplication has no tables and no branches on secrets.
/// </summary>
public static class Shamir
{
    /// <summary>How many random bytes <see cref="Split"/> takes.</summary>
    public static int RandomSize(int secretLength, int threshold) => secretLength * (threshold - 1);

    /// <summary>Splits a secret into <paramref name="count"/> shares, any <paramref name="threshold"/> of which give it back.</summary>
    public static IReadOnlyList<ShamirShare> Split(ReadOnlySpan<byte> secret, int threshold, int count, ReadOnlySpan<byte> random)
    {
        if (secret.IsEmpty) throw new ArgumentException("the secret is empty", nameof(secret));
        if (threshold < 2) throw new ArgumentOutOfRangeException(nameof(threshold), $"a threshold is at least 2, not {threshold}");
        if (count < threshold || count > 255) throw new ArgumentOutOfRangeException(nameof(count), $"there are {threshold} to 255 shares, not {count}");
        if (random.Length != RandomSize(secret.Length, threshold))
            throw new ArgumentException($"{RandomSize(secret.Length, threshold)} random bytes are needed, not {random.Length}", nameof(random));
        var shares = new ShamirShare[count];
        for (int s = 0; s < count; s++)
        {
            byte x = (byte)(s + 1);
            var bytes = new byte[secret.Length];
            for (int i = 0; i < secret.Length; i++)
            {
                byte y = 0;
                for (int c = threshold - 2; c >= 0; c--) y = Multiply((byte)(y ^ random[(i * (threshold - 1)) + c]), x);
                bytes[i] = (byte)(y ^ secret[i]);
            }
            shares[s] = new ShamirShare(x, bytes);
        }
        return shares;
    }

    /// <summary>
    /// The secret that the shares' polynomial has at 0. With fewer shares than the threshold, or damaged ones, the result is
    /// some other value: callers share a checksum with the secret. Throws <see cref="FormatException"/> for shares that cannot
    /// belong together.
    /// </summary>
    public static byte[] Combine(IReadOnlyList<ShamirShare> shares)
    {
        if (shares.Count < 2) throw new FormatException($"{shares.Count} shares: at least 2 are needed");
        int length = shares[0].Bytes.Length;
        if (shares.Any(s => s.Bytes.Length != length)) throw new FormatException("the shares have different lengths");
        if (shares.Any(s => s.Index == 0)) throw new FormatException("a share's number is 0");
        if (shares.Select(s => s.Index).Distinct().Count() != shares.Count) throw new FormatException("a share is given twice");
        var secret = new byte[length];
        foreach (ShamirShare share in shares)
        {
            byte basis = 1;
            foreach (ShamirShare other in shares)
            {
                if (other.Index != share.Index) basis = Multiply(basis, Multiply(other.Index, Invert((byte)(other.Index ^ share.Index))));
            }
            for (int i = 0; i < length; i++) secret[i] ^= Multiply(share.Bytes[i], basis);
        }
        return secret;
    }

    internal static byte Multiply(byte a, byte b)
    {
        int x = a, y = b, product = 0;
        for (int i = 0; i < 8; i++)
        {
            product ^= -(y & 1) & x;
            x = (x << 1) ^ (-(x >> 7) & 0x11b);
            y >>= 1;
        }
        return (byte)product;
    }

    // a^254 = a^-1, since the multiplicative group has 255 elements.
    internal static byte Invert(byte a)
    {
        byte result = 1, power = a;
        for (int i = 1; i < 8; i++)
        {
            power = Multiply(power, power);
            result = Multiply(result, power);
        }
        return result;
    }
}
