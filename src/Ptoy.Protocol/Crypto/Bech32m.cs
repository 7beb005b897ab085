using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Ptoy.Protocol.Crypto;

/// <summary>Bech32m (BIP-350): base-32 text with a prefix and a checksum that finds up to four wrong characters.</summary>
public static class Bech32m
{
    private const string Charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    private const uint Constant = 0x2bc830a3;
    private const int ChecksumLength = 6;
    private const int MaxLength = 90;
    private static readonly uint[] Generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

    private static readonly uint[] Steps = AllSteps();

    /// <summary>Encodes bytes under a lower-case prefix.</summary>
    public static string Encode(string prefix, ReadOnlySpan<byte> bytes)
    {
        byte[] data = ToFiveBits(bytes);
        uint checksum = Polymod(prefix, data, new byte[ChecksumLength]) ^ Constant;
        var text = new StringBuilder(prefix.Length + 1 + data.Length + ChecksumLength).Append(prefix).Append('1');
        foreach (byte d in data) text.Append(Charset[d]);
        for (int i = 0; i < ChecksumLength; i++) text.Append(Charset[(int)(checksum >> (5 * (5 - i))) & 31]);
        return text.ToString();
    }

    /// <summary>Decodes text with that prefix; false when the prefix, a character, the checksum or the padding is wrong.</summary>
    public static bool TryDecode(string text, string prefix, [NotNullWhen(true)] out byte[]? bytes)
    {
        bytes = null;
        if (!TryDecodeData(text, out string? found, out byte[]? data) || found != prefix) return false;
        bytes = ToBytes(data);
        return bytes is not null;
    }

    /// <summary>Decodes to prefix and five-bit groups, as BIP-350's test vectors do.</summary>
    public static bool TryDecodeData(string text, [NotNullWhen(true)] out string? prefix, [NotNullWhen(true)] out byte[]? data)
    {
        prefix = null;
        data = null;
        // Folding the case of other letters can end in ASCII: the Kelvin sign becomes a k.
        if (text.Length > MaxLength || !System.Text.Ascii.IsValid(text)) return false;
        bool lower = text.Any(char.IsAsciiLetterLower), upper = text.Any(char.IsAsciiLetterUpper);
        if (lower && upper) return false;
        string folded = text.ToLowerInvariant();
        int separator = folded.LastIndexOf('1');
        if (separator < 1 || separator + 1 + ChecksumLength > folded.Length) return false;
        string hrp = folded[..separator];
        if (hrp.Any(c => c is < '!' or > '~')) return false;
        var all = new byte[folded.Length - separator - 1];
        for (int i = 0; i < all.Length; i++)
        {
            int value = Charset.IndexOf(folded[separator + 1 + i], StringComparison.Ordinal);
            if (value < 0) return false;
            all[i] = (byte)value;
        }
        if (Polymod(hrp, all, []) != Constant) return false;
        prefix = hrp;
        data = all[..^ChecksumLength];
        return true;
    }

    private static uint Polymod(string prefix, ReadOnlySpan<byte> data, ReadOnlySpan<byte> tail)
    {
        uint c = 1;
        foreach (char p in prefix) c = Round(c, (uint)p >> 5);
        c = Round(c, 0);
        foreach (char p in prefix) c = Round(c, (uint)p & 31);
        foreach (byte d in data) c = Round(c, d);
        foreach (byte d in tail) c = Round(c, d);
        return c;
    }

    private static uint Round(uint c, uint value)
    {
        return (((c & 0x1ffffff) << 5) ^ value) ^ Steps[(int)(c >> 25)];
    }

    // What each of the 32 values of the top five bits adds.
    private static uint[] AllSteps()
    {
        var steps = new uint[32];
        for (int top = 0; top < steps.Length; top++)
        {
            for (int i = 0; i < Generator.Length; i++)
            {
                if (((top >> i) & 1) != 0) steps[top] ^= Generator[i];
            }
        }
        return steps;
    }

    private static byte[] ToFiveBits(ReadOnlySpan<byte> bytes)
    {
        var data = new byte[((bytes.Length * 8) + 4) / 5];
        int bits = 0, count = 0, index = 0;
        foreach (byte b in bytes)
        {
            bits = ((bits << 8) | b) & 0xfff;
            count += 8;
            while (count >= 5)
            {
                count -= 5;
                data[index++] = (byte)((bits >> count) & 31);
            }
        }
        if (count > 0) data[index] = (byte)((bits << (5 - count)) & 31);
        return data;
    }

    private static byte[]? ToBytes(byte[] data)
    {
        var bytes = new byte[data.Length * 5 / 8];
        int bits = 0, count = 0, index = 0;
        foreach (byte d in data)
        {
            bits = ((bits << 5) | d) & 0xfff;
            count += 5;
            if (count < 8) continue;
            count -= 8;
            bytes[index++] = (byte)(bits >> count);
        }
        bool padded = count < 5 && (bits & ((1 << count) - 1)) == 0;
        return padded ? bytes : null;
    }
}
