using System.Text.Json;

namespace Ptoy.Protocol.Records;

/// <summary>One key that a record of a tag was wrapped to.</summary>
public sealed record WrapRecipient(Hash Tag, Hash KeyId);

/// <summary>
/// What <c>Records.register</c> is told about a manifest: root, bytes, count, epoch, the tags in it and who it is wrapped to.
/// All of it follows from manifest and wraps, so a node can check what an author claims.
/// </summary>
public sealed record Registration(Hash Root, ulong Bytes, int Count, int Epoch, IReadOnlyList<Hash> Tags, IReadOnlyList<WrapRecipient> Recipients)
{
    /// <summary>The registration of a manifest with its wraps. Throws <see cref="ArgumentException"/> when its entries are of several epochs.</summary>
    public static Registration Of(Manifest manifest, WrapSet wraps)
    {
        byte epoch = manifest.Entries[0].Epoch;
        if (manifest.Entries.Any(e => e.Epoch != epoch)) throw new ArgumentException("the entries are of several epochs", nameof(manifest));
        var recipients = new HashSet<WrapRecipient>();
        foreach (RecipientWraps recipient in wraps.Recipients)
        {
            foreach (WrappedKey key in recipient.Keys) recipients.Add(new WrapRecipient(manifest.Entries[key.Entry].Tag, recipient.KeyId));
        }
        return new Registration(
            manifest.Root(), manifest.TotalBytes, manifest.Entries.Length, epoch, [.. manifest.Entries.Select(e => e.Tag).Distinct().Order()],
            [.. recipients.OrderBy(r => r.Tag).ThenBy(r => r.KeyId)]);
    }

    /// <summary>
    /// Epoch, tags and recipients as one line, which a contract can build too: <c>epoch|tag,…|tag:keyId,…</c>, in the order of
    /// <see cref="ToJson"/>. Its SHA-256 is part of what storage receipts sign.
    /// </summary>
    public string FactsText() => $"{Epoch}|{string.Join(',', Tags)}|{string.Join(',', Recipients.Select(r => $"{r.Tag}:{r.KeyId}"))}";

    /// <summary>
    /// The JSON argument: <c>{root, bytes, count, epoch, tags: [hex], recipients: [{tag, keyId}]}</c>. Recipients are sorted by
    /// tag, then key id.
    /// </summary>
    public string ToJson()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("root", Root.ToString());
            writer.WriteNumber("bytes", Bytes);
            writer.WriteNumber("count", Count);
            writer.WriteNumber("epoch", Epoch);
            writer.WriteStartArray("tags");
            foreach (Hash tag in Tags) writer.WriteStringValue(tag.ToString());
            writer.WriteEndArray();
            writer.WriteStartArray("recipients");
            foreach (WrapRecipient recipient in Recipients)
            {
                writer.WriteStartObject();
                writer.WriteString("tag", recipient.Tag.ToString());
                writer.WriteString("keyId", recipient.KeyId.ToString());
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }
}
