using System.Globalization;
using System.Text;

namespace Ptoy.Services.Connector.Hl7.Parsing;

/// <summary>A batch as it came: the exact bytes of each message, and the header to answer to.</summary>
/// <param name="Header">The text of BHS, or of FHS where there is no BHS.</param>
/// <param name="Messages">In order.</param>
/// <param name="Problem">Set when a trailer is missing or counts other than what came: a part was lost, and nothing of it is to be
/// taken.</param>
internal sealed record Hl7Batch(string Header, IReadOnlyList<ReadOnlyMemory<byte>> Messages, Hl7Problem? Problem)
{
    /// <summary>Most messages in one batch.</summary>
    public const int MaxMessages = 10_000;

    /// <summary>True when the bytes are a batch: FHS or BHS comes first.</summary>
    public static bool IsBatch(ReadOnlySpan<byte> bytes)
    {
        string start = Hl7Charset.Decode(bytes[..Math.Min(64, bytes.Length & ~1)]).Text.TrimStart('\r', '\n', ' ', '\uFEFF');
        return start.StartsWith("FHS", StringComparison.Ordinal) || start.StartsWith("BHS", StringComparison.Ordinal);
    }

    /// <summary>Takes a batch apart.</summary>
    public static Hl7Batch Read(ReadOnlyMemory<byte> bytes)
    {
        if (Hl7Charset.Decode(bytes.Span).Charset is UnicodeEncoding wide) bytes = NarrowOf(bytes, wide);
        var reader = new Reader(bytes);
        try
        {
            foreach ((int start, int length) in Lines(bytes.Span)) reader.Take(start, length);
            return reader.Finish();
        }
        catch (Hl7Exception e)
        {
            return reader.Failed(e.Problem);
        }
    }

    // UTF-16 is split as UTF-8: the messages of such a batch are kept as UTF-8 with a byte order mark, which says so.
    private static byte[] NarrowOf(ReadOnlyMemory<byte> bytes, UnicodeEncoding wide) =>
        Encoding.UTF8.GetBytes(wide.GetString(bytes.Span).TrimStart('\uFEFF'));

    private static List<(int Start, int Length)> Lines(ReadOnlySpan<byte> bytes)
    {
        var lines = new List<(int, int)>();
        int start = 0;
        while (start < bytes.Length)
        {
            int length = bytes[start..].IndexOfAny((byte)'\r', (byte)'\n');
            if (length < 0) length = bytes.Length - start;
            lines.Add((start, length));
            start += length + 1;
        }
        return lines;
    }

    /// <summary>Goes through the lines, keeping where messages begin and end and what trailers say.</summary>
    private sealed class Reader(ReadOnlyMemory<byte> bytes)
    {
        private readonly List<ReadOnlyMemory<byte>> _messages = [];
        private string? _file, _batch, _firstBatch;
        private int _start = -1, _inBatch, _batches;

        public void Take(int start, int length)
        {
            ReadOnlySpan<byte> line = bytes.Span.Slice(start, length);
            if (_messages.Count == 0 && _start < 0 && line.StartsWith("\uFEFF"u8)) line = line[3..];
            string name = line.Length >= 3 ? Encoding.Latin1.GetString(line[..3]) : "";
            if (name is not ("FHS" or "BHS" or "MSH" or "BTS" or "FTS"))
            {
                if (_start < 0 && length > 0 && line.ContainsAnyExcept((byte)' '))
                    throw Wrong("a segment before the first MSH of the batch");
                return;
            }
            EndMessage(start);
            string text = Encoding.Latin1.GetString(line);
            if (name == "FHS") _file = _file is null ? text : throw Wrong("FHS twice");
            else if (name == "BHS") Begin(text);
            else if (name == "MSH") _start = start;
            else if (name == "BTS") EndBatch(text);
            else EndFile(text);
        }

        public Hl7Batch Finish()
        {
            EndMessage(bytes.Length);
            if (_batch is not null) throw Wrong("ends before its trailer BTS");
            if (_file is not null) throw Wrong("ends before its trailer FTS");
            return new Hl7Batch(_firstBatch ?? throw Wrong("no header"), _messages, null);
        }

        /// <summary>What was found until something was wrong: enough to answer to.</summary>
        public Hl7Batch Failed(Hl7Problem problem)
        {
            if (_start >= 0 && _messages.Count < MaxMessages) _messages.Add(bytes[_start..]);
            return new Hl7Batch(_firstBatch ?? _file ?? "BHS|^~\\&", _messages, problem);
        }

        private void Begin(string text)
        {
            if (_batch is not null) throw Wrong("BHS before the BTS of the batch before");
            (_batch, _inBatch) = (text, 0);
            _firstBatch ??= text;
        }

        private void EndBatch(string text)
        {
            if (_batch is null) throw Wrong("BTS without BHS");
            Check("BTS-1", text, _batch[3], _inBatch);
            _batch = null;
            _batches++;
        }

        private void EndFile(string text)
        {
            if (_file is null) throw Wrong("FTS without FHS");
            if (_batch is not null) throw Wrong("FTS before BTS");
            Check("FTS-1", text, _file[3], Math.Max(1, _batches));
            _firstBatch ??= _file;
            _file = null;
        }

        private void EndMessage(int end)
        {
            if (_start < 0) return;
            if (_messages.Count >= MaxMessages) throw Wrong($"more than {MaxMessages} messages");
            _messages.Add(bytes[_start..end]);
            _inBatch++;
            _start = -1;
        }

        private static void Check(string place, string line, char field, int found)
        {
            string[] fields = line.Split(field);
            if (fields.Length < 2 || fields[1].Trim().Length == 0) return;
            if (!int.TryParse(fields[1].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int said) || said != found)
                throw Wrong($"{place} does not say the {found} that came: a part was lost");
        }

        private static Hl7Exception Wrong(string reason) => Hl7Exception.Of(100, "batch", reason);
    }
}
