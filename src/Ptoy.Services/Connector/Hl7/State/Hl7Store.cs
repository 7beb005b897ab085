using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Ptoy.Services.Common;
using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.State;

/// <summary>
/// What the feed keeps on disk, in tables of the connector's sealed store: acknowledged messages until they are worked on, digests by which
/// replays are recognised, what former messages said of a patient, messages that staff should see, and counts.
/// </summary>
internal sealed class Hl7Store
{
    /// <summary>Bytes that a row has more than its message: when it came.</summary>
    public const int Overhead = 8;

    private readonly SealedStore _store;
    private readonly SealedTable _spool, _seen, _days, _known, _kept, _lines, _counts;

    public Hl7Store(SealedStore store)
    {
        _store = store;
        _spool = store.Table("hl7.spool", ordered: true);
        _seen = store.Table("hl7.seen");
        _days = store.Table("hl7.seen.days", ordered: true);
        _known = store.Table("hl7.known");
        _kept = store.Table("hl7.kept", ordered: true);
        _lines = store.Table("hl7.kept.lines", ordered: true);
        _counts = store.Table("hl7.counts");
    }

    /// <summary>The name under which a message is remembered: sender, control id and digest of the exact bytes, hashed.</summary>
    public static string NameOf(Hl7Message message, ReadOnlySpan<byte> bytes)
    {
        string digest = Convert.ToHexStringLower(SHA256.HashData(bytes));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{message.Sender}\n{message.ControlId}\n{digest}")));
    }

    /// <summary>Null for a name never seen; else whether its message was taken.</summary>
    public bool? WasTaken(string name) => _seen.Get(name) is { } value ? BinaryPrimitives.ReadInt64BigEndian(value) > 0 : null;

    /// <summary>Numbers of the acknowledged messages that wait, in the order in which they came, with their bytes' count.</summary>
    public IEnumerable<(long Number, int Bytes)> Waiting() => _spool.Scan().Select(r => (Number(r.Key), r.Value.Length));

    /// <summary>One waiting message, or null.</summary>
    public (DateTimeOffset Time, byte[] Message)? Find(long number) => _spool.Get(Key(number)) is { } value ? Open(value) : null;

    /// <summary>The number of the last message ever numbered.</summary>
    public long LastNumber() => _counts.Get("last") is { } value ? BinaryPrimitives.ReadInt64BigEndian(value) : 0;

    /// <summary>How many messages are kept for staff.</summary>
    public int CountKept() => _kept.Keys().Count;

    /// <summary>Writes messages in one batch; they are on the device when this returns.</summary>
    public void Accept(IReadOnlyList<Accepted> messages, IReadOnlyDictionary<string, long> counts) => _store.Write(batch =>
    {
        foreach (Accepted message in messages)
        {
            string key = Key(message.Number);
            batch.Put(message.Kept is null ? _spool : _kept, key, Seal(message.Time, message.Bytes));
            if (message.Kept is { } line)
                batch.Put(_lines, key, JsonSerializer.SerializeToUtf8Bytes(line with { Number = message.Number }));
            // One that is not taken is remembered too: a sender that tries for ever shall not fill the list.
            batch.Put(_seen, message.Name, Bytes(message.Kept is null ? message.Number : -message.Number));
            batch.Put(_days, string.Create(CultureInfo.InvariantCulture, $"{message.Time:yyyyMMdd}/{message.Name}"), []);
        }
        if (messages.Count > 0) batch.Put(_counts, "last", Bytes(messages[^1].Number));
        foreach ((string name, long count) in counts) batch.Put(_counts, $"n/{name}", Bytes(count));
    });

    /// <summary>Ends work on a message: what it came to is written, and it is gone from the spool, in one batch.</summary>
    public void Finish(long number, Finished finished) => _store.Write(batch =>
    {
        string key = Key(number);
        foreach ((string name, string[] fields) in finished.Known) batch.Put(_known, name, JsonSerializer.SerializeToUtf8Bytes(fields));
        foreach ((string name, long count) in finished.Counts) batch.Put(_counts, $"n/{name}", Bytes(count));
        for (int i = 0; i < finished.Lines.Count; i++)
            batch.Put(_lines, i == 0 ? key
                : $"{key}.{i:0000}", JsonSerializer.SerializeToUtf8Bytes(finished.Lines[i] with { Number = number }));
        if (finished.Keep && _spool.Get(key) is { } value) batch.Put(_kept, key, value);
        batch.Delete(_spool, key);
    });

    /// <summary>What is known of a patient under a key.</summary>
    public string[]? Known(string patient, string key) => _known.Get(KnownKey(patient, key)) is { } value
        ? JsonSerializer.Deserialize<string[]>(value) : null;

    /// <summary>
    /// The full key of something known of a patient. The patient comes first and hashed, since numbers may hold anything.
    /// </summary>
    public static string KnownKey(string patient, string key) =>
        $"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(patient)).AsSpan(0, 16))}/{key}";

    /// <summary>Counts by name.</summary>
    public Dictionary<string, long> Counts() =>
        _counts.Scan("n/").ToDictionary(r => r.Key[2..], r => BinaryPrimitives.ReadInt64BigEndian(r.Value), StringComparer.Ordinal);

    /// <summary>What staff should see, oldest first.</summary>
    public IEnumerable<KeptLine> Lines() => _lines.Scan().Select(r => JsonSerializer.Deserialize<KeptLine>(r.Value)!);

    /// <summary>The exact bytes of a kept message, or null.</summary>
    public byte[]? KeptMessage(long number) => _kept.Get(Key(number)) is { } value ? Open(value).Message : null;

    /// <summary>Removes what staff have dealt with. False when there is no such number.</summary>
    public bool Forget(long number) => Take(number, (_, _) => { });

    /// <summary>
    /// Puts a kept message back to be worked on, once what stopped it is mended or, for a merge, once staff have approved it. False when
    /// there is no such number.
    /// </summary>
    public bool Retry(long number, bool approve) => Take(number, (batch, value) =>
    {
        batch.Put(_spool, Key(number), value);
        if (approve) batch.Put(_counts, $"approved/{Key(number)}", []);
    });

    /// <summary>True when staff have approved the merges of a message.</summary>
    public bool IsApproved(long number) => _counts.Has($"approved/{Key(number)}");

    /// <summary>Forgets names seen before a day, at most so many. Returns how many.</summary>
    public int Prune(DateTimeOffset before, int most)
    {
        string limit = string.Create(CultureInfo.InvariantCulture, $"{before:yyyyMMdd}/");
        string[] old = [.. _days.Scan().Select(r => r.Key).TakeWhile(k => string.CompareOrdinal(k, limit) < 0).Take(most)];
        if (old.Length == 0) return 0;
        _store.Write(batch =>
        {
            foreach (string key in old)
            {
                batch.Delete(_days, key);
                batch.Delete(_seen, key["yyyyMMdd/".Length..]);
            }
        });
        return old.Length;
    }

    private bool Take(long number, Action<SealedBatch, byte[]> also)
    {
        if (_kept.Get(Key(number)) is not { } value) return false;
        string[] lines = [.. _lines.Keys(Key(number))];
        _store.Write(batch =>
        {
            also(batch, value);
            foreach (string line in lines) batch.Delete(_lines, line);
            batch.Delete(_kept, Key(number));
        });
        return true;
    }

    private static byte[] Seal(DateTimeOffset time, ReadOnlyMemory<byte> message)
    {
        var value = new byte[Overhead + message.Length];
        BinaryPrimitives.WriteInt64BigEndian(value, time.ToUnixTimeMilliseconds());
        message.Span.CopyTo(value.AsSpan(Overhead));
        return value;
    }

    private static (DateTimeOffset Time, byte[] Message) Open(byte[] value) =>
        (DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(value)), value[Overhead..]);

    private static string Key(long number) => number.ToString("D19", CultureInfo.InvariantCulture);

    private static long Number(string key) => long.Parse(key, NumberStyles.None, CultureInfo.InvariantCulture);

    private static byte[] Bytes(long number)
    {
        var value = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(value, number);
        return value;
    }
}
