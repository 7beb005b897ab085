namespace Ptoy.Services.Fhir;

/// <summary>One line of a list of resources.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Position">Offset of its first byte in the file.</param>
/// <param name="Bytes">The resource's bytes, without white space around it. Null: the line is longer than is taken.</param>
public sealed record NdjsonLine(int Number, long Position, byte[]? Bytes);

/// <summary>Reads newline-delimited JSON line by line, whatever the size of the file. Empty lines are passed over.</summary>
public static class NdjsonReader
{
    private const int Block = 1 << 16;

    /// <summary>The lines of a stream.</summary>
    /// <param name="stream">UTF-8; a byte order mark is passed over.</param>
    /// <param name="maxLine">Longest line in bytes; a longer one comes without its bytes and the next ones go on.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async IAsyncEnumerable<NdjsonLine> ReadAsync(
        Stream stream, int maxLine, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var block = new byte[Block];
        using var line = new MemoryStream();
        bool tooLong = false;
        long start = 0, at = 0;
        int number = 0, read;
        while ((read = await stream.ReadAsync(block, cancellation)) > 0)
        {
            int from = 0;
            while (from < read)
            {
                int end = block.AsSpan(from, read - from).IndexOf((byte)'\n');
                int length = end < 0 ? read - from : end;
                if (line.Length + length > maxLine) tooLong = true;
                if (!tooLong) line.Write(block, from, length);
                from += length;
                at += length;
                if (end < 0) continue;
                from++;
                at++;
                number++;
                if (Line(number, start, line, tooLong) is { } found) yield return found;
                line.SetLength(0);
                (start, tooLong) = (at, false);
            }
        }
        if (Line(number + 1, start, line, tooLong) is { } last) yield return last;
    }

    private static NdjsonLine? Line(int number, long start, MemoryStream line, bool tooLong)
    {
        if (tooLong) return new NdjsonLine(number, start, null);
        ReadOnlySpan<byte> bytes = line.GetBuffer().AsSpan(0, (int)line.Length);
        int mark = start == 0 && bytes.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]) ? 3 : 0;
        ReadOnlySpan<byte> rest = bytes[mark..].TrimEnd(" \t\r"u8);
        ReadOnlySpan<byte> trimmed = rest.TrimStart(" \t\r"u8);
        return trimmed.IsEmpty ? null : new NdjsonLine(number, start + mark + (rest.Length - trimmed.Length), trimmed.ToArray());
    }
}
