using System.Buffers.Binary;
using System.Text;

namespace Ptoy.EndToEnd.Scan;

/// <summary>
/// Looks for many strings at once in bytes, each as UTF-8, UTF-16 (both orders) and base64 (in each of the three places that it can
/// begin). One pass: a filter on the next six bytes, then a comparison.
/// </summary>
public sealed class ByteSearcher
{
    private const int KeyBytes = 6;
    private const ulong KeyMask = (1UL << (8 * KeyBytes)) - 1;

    private readonly Dictionary<ulong, List<(byte[] Pattern, string Text)>> _byKey = [];
    private readonly bool[] _filter = new bool[1 << 20];

    /// <summary>Prepares the patterns of these strings.</summary>
    public ByteSearcher(IEnumerable<string> strings)
    {
        foreach (string text in strings)
        {
            foreach (byte[] pattern in Spellings(text)) AddBytes(pattern, text);
        }
    }

    /// <summary>The strings found in these bytes, each once.</summary>
    public IReadOnlySet<string> Find(ReadOnlySpan<byte> bytes)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i + sizeof(ulong) <= bytes.Length; i++) Match(bytes[i..], BinaryPrimitives.ReadUInt64LittleEndian(bytes[i..]) & KeyMask, found);
        // The last bytes, too short for a whole read.
        for (int i = Math.Max(0, bytes.Length - sizeof(ulong) + 1); i + KeyBytes <= bytes.Length; i++)
        {
            ulong key = 0;
            for (int b = KeyBytes - 1; b >= 0; b--) key = (key << 8) | bytes[i + b];
            Match(bytes[i..], key, found);
        }
        return found;
    }

    private void Match(ReadOnlySpan<byte> bytes, ulong key, HashSet<string> found)
    {
        if (!_filter[Slot(key)] || !_byKey.TryGetValue(key, out var candidates)) return;
        foreach ((byte[] pattern, string text) in candidates)
        {
            if (bytes.StartsWith(pattern)) found.Add(text);
        }
    }

    /// <summary>Adds exact bytes to look for, reported as <paramref name="text"/>; patterns shorter than six bytes are left out.</summary>
    public void AddBytes(byte[] pattern, string text)
    {
        if (pattern.Length < KeyBytes) return;
        ulong key = 0;
        for (int b = KeyBytes - 1; b >= 0; b--) key = (key << 8) | pattern[b];
        _filter[Slot(key)] = true;
        if (!_byKey.TryGetValue(key, out var list)) _byKey[key] = list = [];
        list.Add((pattern, text));
    }

    private static int Slot(ulong key) => (int)((key * 0x9E3779B97F4A7C15) >> 44);

    private static IEnumerable<byte[]> Spellings(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        yield return utf8;
        yield return Encoding.Unicode.GetBytes(text);
        yield return Encoding.BigEndianUnicode.GetBytes(text);
        for (int shift = 0; shift < 3; shift++)
        {
            // Characters that also depend on neighbouring bytes are cut off at both ends.
            string base64 = Convert.ToBase64String([.. new byte[shift], .. utf8]).TrimEnd('=');
            int first = shift == 0 ? 0 : shift + 1;
            int whole = (shift + utf8.Length) * 8 / 6;
            if (whole > first) yield return Encoding.ASCII.GetBytes(base64[first..whole]);
        }
    }
}
