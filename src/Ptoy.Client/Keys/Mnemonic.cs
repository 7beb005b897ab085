using System.Security.Cryptography;
using System.Text;

namespace Ptoy.Client.Keys;

/// <summary>A BIP-39 phrase: 12 or 24 English words that stand for 128 or 256 bits and a checksum.</summary>
public sealed class Mnemonic
{
    private const int SeedIterations = 2048;
    private static readonly string[] WordList = LoadWords();
    private static readonly Dictionary<string, int> IndexOf = WordList.Select((w, i) => (w, i)).ToDictionary(p => p.w, p => p.i, StringComparer.Ordinal);

    private Mnemonic(string phrase) => Phrase = phrase;

    /// <summary>The words, lower-case, one space between.</summary>
    public string Phrase { get; }

    /// <summary>A new random phrase of 12 or 24 words.</summary>
    public static Mnemonic Create(int words = 24) => words is 12 or 24
        ? FromEntropy(RandomNumberGenerator.GetBytes(words / 3 * 4))
        : throw new ArgumentException($"a phrase has 12 or 24 words, not {words}", nameof(words));

    /// <summary>The phrase of 16 to 32 bytes of entropy, in steps of 4.</summary>
    public static Mnemonic FromEntropy(ReadOnlySpan<byte> entropy)
    {
        if (entropy.Length is < 16 or > 32 || entropy.Length % 4 != 0)
            throw new ArgumentException($"entropy has 16, 20, 24, 28 or 32 bytes, not {entropy.Length}", nameof(entropy));
        byte[] bits = [.. entropy, SHA256.HashData(entropy)[0]];
        int count = entropy.Length * 3 / 4;
        return new Mnemonic(string.Join(' ', Enumerable.Range(0, count).Select(i => WordList[Read(bits, i * 11, 11)])));
    }

    /// <summary>
    /// Reads a phrase; case and extra spaces do not matter. Throws <see cref="FormatException"/> that names the wrong word, or
    /// says that the checksum does not match (a word replaced by another of the list, or words in another order).
    /// </summary>
    public static Mnemonic Parse(string text)
    {
        string[] words = text.ToLowerInvariant().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length is not (12 or 15 or 18 or 21 or 24)) throw new FormatException($"a phrase has 12 or 24 words, not {words.Length}");
        var bits = new byte[((words.Length * 11) + 7) / 8];
        for (int i = 0; i < words.Length; i++)
        {
            if (!IndexOf.TryGetValue(words[i], out int index)) throw new FormatException(Unknown(words[i], i + 1));
            Write(bits, i * 11, 11, index);
        }
        int checksumBits = words.Length / 3, entropyBytes = words.Length * 4 / 3;
        byte expected = SHA256.HashData(bits.AsSpan(0, entropyBytes))[0];
        int shift = 8 - checksumBits;
        if (bits[entropyBytes] >> shift != expected >> shift)
            throw new FormatException("the phrase's checksum does not match: a word is not the one written down, or two words changed places");
        return new Mnemonic(string.Join(' ', words));
    }

    /// <summary>
    /// The 64-byte seed: PBKDF2-HMAC-SHA512 over the phrase. The passphrase must be ASCII: this program runs without
    /// culture data, so it could not normalise other text as BIP-39 demands.
    /// </summary>
    public byte[] ToSeed(string passphrase = "")
    {
        if (passphrase.Any(c => c is < ' ' or > '~')) throw new FormatException("the phrase's passphrase may have ASCII characters only");
        return Rfc2898DeriveBytes.Pbkdf2(
            Encoding.ASCII.GetBytes(Phrase), Encoding.ASCII.GetBytes("mnemonic" + passphrase), SeedIterations, HashAlgorithmName.SHA512, 64);
    }

    private static string Unknown(string word, int position)
    {
        // BIP-39 words differ in their first four letters, so a prefix finds what was meant.
        string[] near = word.Length < 3 ? [] : [.. WordList.Where(w => w.StartsWith(word[..3], StringComparison.Ordinal)).Take(3)];
        string hint = near.Length == 0 ? "" : $"; near it are: {string.Join(", ", near)}";
        return $"word {position} ('{word}') is not in the BIP-39 English list{hint}";
    }

    private static int Read(ReadOnlySpan<byte> bits, int from, int count)
    {
        int value = 0;
        for (int i = from; i < from + count; i++) value = (value << 1) | ((bits[i / 8] >> (7 - (i % 8))) & 1);
        return value;
    }

    private static void Write(Span<byte> bits, int from, int count, int value)
    {
        for (int i = 0; i < count; i++)
        {
            if (((value >> (count - 1 - i)) & 1) != 0) bits[(from + i) / 8] |= (byte)(1 << (7 - ((from + i) % 8)));
        }
    }

    private static string[] LoadWords()
    {
        using Stream stream = typeof(Mnemonic).Assembly.GetManifestResourceStream("bip39-english.txt")
            ?? throw new InvalidOperationException("the word list is missing from the assembly");
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
