using System.Text;

namespace Ptoy.Fuzz;

/// <summary>Makes new inputs of old ones: a few random changes each, of bytes and of what JSON and MessagePack care about.</summary>
internal sealed class Mutator(Random random, IEnumerable<byte[]> first)
{
    private readonly List<byte[]> _seeds = [.. first];

    private const int MaxLength = 96 * 1024;

    private static readonly byte[][] Tokens =
    [
        .. new[]
        {
            "null", "true", "{}", "[]", "\"\"", "{", "[", "]", "}", "\"", ":", ",", "-1", "1e999", "0.1", "18446744073709551616", "9223372036854775808",
            "\"\\ud800\"", "\\udc00", "\\u0000", "\u212a", "\u00e9", "__proto__", "constructor", "//", "/*", "`", "=>", "...", "\n", "ptoy1", "1:",
        }.Select(Encoding.UTF8.GetBytes),
        [0xff], [0xc0], [0x80], [0xdd, 0x7f, 0xff, 0xff, 0xff], [0xc6, 0x7f, 0xff, 0xff, 0xff], [0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        [0x91], [0xed, 0xa0, 0x80], [0xef, 0xbb, 0xbf],
    ];

    /// <summary>Another input to make new ones of.</summary>
    public void Add(byte[] seed) => _seeds.Add(seed);

    public byte[] Next()
    {
        if (_seeds.Count == 0 || random.Next(20) == 0) return Random(random.Next(200));
        byte[] bytes = _seeds[random.Next(_seeds.Count)];
        for (int i = 1 + random.Next(4); i > 0; i--) bytes = Change(bytes);
        return bytes.Length <= MaxLength ? bytes : bytes[..MaxLength];
    }

    private byte[] Change(byte[] bytes)
    {
        if (bytes.Length == 0) return Random(8);
        int at = random.Next(bytes.Length), end = Math.Min(bytes.Length, at + 1 + random.Next(16));
        switch (random.Next(9))
        {
            case 0: return Flip(bytes, at);
            case 1: return [.. bytes[..at], (byte)random.Next(256), .. bytes[(at + 1)..]];
            case 2: return [.. bytes[..at], .. bytes[end..]];
            case 3: return [.. bytes[..end], .. bytes[at..end], .. bytes[end..]];
            case 4: return [.. bytes[..at], .. Random(random.Next(8)), .. bytes[at..]];
            case 5: return bytes[..at];
            case 6: return [.. bytes[..at], .. Tokens[random.Next(Tokens.Length)], .. bytes[at..]];
            case 7: return [.. bytes[..at], .. Tokens[random.Next(Tokens.Length)], .. bytes[end..]];
            default: return Splice(bytes, at);
        }
    }

    private byte[] Flip(byte[] bytes, int at)
    {
        byte[] changed = [.. bytes];
        changed[at] ^= (byte)(1 << random.Next(8));
        return changed;
    }

    private byte[] Splice(byte[] bytes, int at)
    {
        byte[] other = _seeds[random.Next(_seeds.Count)];
        return [.. bytes[..at], .. other[random.Next(other.Length + 1)..]];
    }

    private byte[] Random(int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}
