using System.Text;

namespace Ptoy.Services.Connector.Hl7.Parsing;

/// <summary>How the bytes of a message became text.</summary>
/// <param name="Text">The message, without byte order mark.</param>
/// <param name="Charset">What it was read as.</param>
/// <param name="AsDeclared">False when MSH-18 said something else, or nothing where something was needed.</param>
internal sealed record Hl7Text(string Text, Encoding Charset, bool AsDeclared);

/// <summary>
/// Character sets (MSH-18, HL7 table 0211). The rule: a byte order mark wins; then what MSH-18 names, when the bytes are valid in it; then
/// UTF-8, when they are valid UTF-8; then ISO 8859-1, in which all bytes are. So no message is lost for a wrong or missing character set,
/// and the report counts those that were not what they said.
/// </summary>
internal static class Hl7Charset
{
    private const int HeaderLimit = 4096;
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private static readonly UnicodeEncoding StrictUtf16Little = new(bigEndian: false, byteOrderMark: false, throwOnInvalidBytes: true);
    private static readonly UnicodeEncoding StrictUtf16Big = new(bigEndian: true, byteOrderMark: false, throwOnInvalidBytes: true);

    public static Hl7Text Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes is [0xEF, 0xBB, 0xBF, ..]) return Decoded(bytes[3..], StrictUtf8, "UNICODE UTF-8");
        if (bytes is [0xFF, 0xFE, ..]) return Decoded(bytes[2..], StrictUtf16Little, "UNICODE UTF-16");
        if (bytes is [0xFE, 0xFF, ..]) return Decoded(bytes[2..], StrictUtf16Big, "UNICODE UTF-16");
        if (bytes is [(byte)'M' or (byte)'F' or (byte)'B', 0, ..]) return Decoded(bytes, StrictUtf16Little, "UNICODE UTF-16");
        if (bytes is [0, (byte)'M' or (byte)'F' or (byte)'B', ..]) return Decoded(bytes, StrictUtf16Big, "UNICODE UTF-16");
        string declared = Declared(bytes);
        Encoding? named = Find(declared);
        return named is null ? Decoded(bytes, StrictUtf8, declared) : Decoded(bytes, named, declared);
    }

    /// <summary>Bytes of an escape sequence: by the message's character set, else as ISO 8859-1.</summary>
    public static string DecodeLoosely(byte[] bytes, Encoding charset)
    {
        try { return charset.GetString(bytes); }
        catch (DecoderFallbackException) { return Encoding.Latin1.GetString(bytes); }
    }

    private static Hl7Text Decoded(ReadOnlySpan<byte> bytes, Encoding first, string declared)
    {
        bool plain = declared.Length == 0 && !bytes.ContainsAnyExceptInRange((byte)0, (byte)0x7F);
        Encoding? meant = Find(declared);
        foreach (Encoding charset in new[] { first, StrictUtf8 })
        {
            try
            {
                return new Hl7Text(charset.GetString(bytes), charset, plain || (charset.Equals(first) && Means(meant, charset)));
            }
            catch (DecoderFallbackException)
            {
                // Not written in it: the next one is tried, and ISO 8859-1 takes everything.
            }
        }
        return new Hl7Text(Encoding.Latin1.GetString(bytes), Encoding.Latin1, AsDeclared: false);
    }

    /// <summary>True when the declared set is the one that was read; UTF-16 says nothing about the order of bytes.</summary>
    private static bool Means(Encoding? declared, Encoding read) => declared is UnicodeEncoding ? read is UnicodeEncoding : read.Equals(declared);

    /// <summary>MSH-18, first repetition, read as ASCII: delimiters and names of character sets are.</summary>
    private static string Declared(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> head = bytes[..Math.Min(bytes.Length, HeaderLimit)];
        int end = head.IndexOfAny((byte)'\r', (byte)'\n');
        string line = Encoding.Latin1.GetString(end < 0 ? head : head[..end]);
        if (line.Length < 5) return "";
        string[] fields = line.Split(line[3]);
        if (fields.Length <= 17) return "";
        char repetition = fields[1].Length > 1 ? fields[1][1] : '~';
        return fields[17].Split(repetition)[0].Trim();
    }

    private static Encoding? Find(string declared)
    {
        string name = declared.ToUpperInvariant().Replace('_', '-').Replace(' ', '-');
        if (name is "ASCII" or "US-ASCII" or "ISO-IR6") return Strict("us-ascii");
        if (name is "UNICODE-UTF-8" or "UTF-8" or "UTF8" or "UNICODE" or "ISO-IR192") return StrictUtf8;
        if (name is "UNICODE-UTF-16" or "UTF-16") return StrictUtf16Big;
        string? part = name.StartsWith("8859/", StringComparison.Ordinal) ? name[5..]
            : name.StartsWith("ISO-8859-", StringComparison.Ordinal) ? name[9..]
            : name.StartsWith("8859-", StringComparison.Ordinal) ? name[5..] : null;
        if (part == "1") return Encoding.Latin1;
        if (part is { Length: 1 or 2 } && part.All(char.IsAsciiDigit)) return Strict($"iso-8859-{part}");
        return name is "WINDOWS-1252" or "CP1252" ? Strict("windows-1252") : null;
    }

    private static Encoding? Strict(string name)
    {
        try
        {
            Encoding? found = CodePagesEncodingProvider.Instance.GetEncoding(
                name, EncoderFallback.ReplacementFallback, DecoderFallback.ExceptionFallback);
            return found ?? Encoding.GetEncoding(name, EncoderFallback.ReplacementFallback, DecoderFallback.ExceptionFallback);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
