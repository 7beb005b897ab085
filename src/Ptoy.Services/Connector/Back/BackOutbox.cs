using System.Security.Cryptography;
using Ptoy.Protocol;
using Ptoy.Services.Common;

namespace Ptoy.Services.Connector.Back;

/// <summary>How far one resource's way back is.</summary>
/// <param name="Author">Who wrote it.</param>
/// <param name="Type">FHIR resource type.</param>
/// <param name="Id">The author's id.</param>
/// <param name="Digest">Of the version that is to be delivered, or was.</param>
/// <param name="Height">Height that it was registered at: a version from a lower one does not take its place.</param>
/// <param name="Delivered">This version is in the EHR.</param>
/// <param name="Before">An earlier version is.</param>
/// <param name="Refusals">How often the EHR refused this version.</param>
/// <param name="Problem">Why, the last time.</param>
internal sealed record BackRow(
    string Author, string Type, string Id, string Digest, ulong Height, bool Delivered, bool Before, int Refusals, string? Problem);

/// <summary>
/// What is to be delivered, per patient, sealed under a key of its own: when the patient ends the grant, that key is destroyed and with it what
/// was not delivered yet.
/// </summary>
internal sealed class BackOutbox(SealedStore store)
{
    private const string Prefix = "back/";

    /// <summary>Accounts of the patients of whom something is remembered.</summary>
    public IReadOnlyList<string> Patients => [.. store.Owners.Where(o => o.StartsWith(Prefix, StringComparison.Ordinal)).Select(o => o[Prefix.Length..])];

    /// <summary>Takes newer versions over for delivery; returns how many are new.</summary>
    public int Put(string patient, IEnumerable<(BackRecord Record, ulong Height)> records)
    {
        SealedStore partition = store.Partition(Prefix + patient);
        SealedTable rows = partition.Table("rows"), bytes = partition.Table("bytes");
        var fresh = new List<(string Key, BackRow Row, ReadOnlyMemory<byte> Bytes)>();
        foreach ((BackRecord record, ulong height) in records)
        {
            string digest = new Hash(SHA256.HashData(record.Bytes.Span)).ToString();
            BackRow? known = rows.Get(record.Key) is { } row ? ConnectorState.Read<BackRow>(row) : null;
            if (known is not null && (known.Digest == digest || known.Height > height)) continue;
            bool before = known is { Delivered: true } or { Before: true };
            fresh.Add((record.Key, new BackRow(record.Author, record.Type, record.Id, digest, height, false, before, 0, null), record.Bytes));
        }
        if (fresh.Count == 0) return 0;
        partition.Write(batch =>
        {
            foreach ((string key, BackRow row, ReadOnlyMemory<byte> content) in fresh)
            {
                batch.Put(rows, key, ConnectorState.Bytes(row));
                batch.Put(bytes, key, content.Span);
            }
        });
        return fresh.Count;
    }

    /// <summary>Everything remembered of a patient, by key.</summary>
    public IReadOnlyList<(string Key, BackRow Row)> Rows(string patient) => store.HasPartition(Prefix + patient)
        ? [.. store.Partition(Prefix + patient).Table("rows").Scan().Select(r => (r.Key, ConnectorState.Read<BackRow>(r.Value)))] : [];

    /// <summary>The bytes of a version that waits.</summary>
    public byte[]? BytesOf(string patient, string key) => store.Partition(Prefix + patient).Table("bytes").Get(key);

    /// <summary>The EHR has these now.</summary>
    public void Delivered(string patient, IReadOnlyList<(string Key, BackRow Row)> rows) =>
        Change(patient, rows, row => row with { Delivered = true, Problem = null }, deleteBytes: true);

    /// <summary>The EHR refused these.</summary>
    public void Refused(string patient, IReadOnlyList<(string Key, BackRow Row)> rows, string problem) =>
        Change(patient, rows, row => row with { Refusals = row.Refusals + 1, Problem = problem }, deleteBytes: false);

    /// <summary>People looked at it: the EHR is asked again.</summary>
    public void TryAgain(string patient, IReadOnlyList<(string Key, BackRow Row)> rows) => Change(patient, rows, row => row with { Refusals = 0 }, deleteBytes: false);

    /// <summary>The patient ended the grant: nothing of it can be read any more.</summary>
    public void Forget(string patient) => store.Destroy(Prefix + patient);

    private void Change(string patient, IReadOnlyList<(string Key, BackRow Row)> changed, Func<BackRow, BackRow> change, bool deleteBytes)
    {
        if (!store.HasPartition(Prefix + patient)) return;
        SealedStore partition = store.Partition(Prefix + patient);
        SealedTable rows = partition.Table("rows"), bytes = partition.Table("bytes");
        try
        {
            partition.Write(batch =>
            {
                foreach ((string key, BackRow row) in changed)
                {
                    // A newer version may have come while this one was on its way.
                    BackRow now = rows.Get(key) is { } found ? ConnectorState.Read<BackRow>(found) : row;
                    if (now.Digest != row.Digest)
                    {
                        if (deleteBytes) batch.Put(rows, key, ConnectorState.Bytes(now with { Before = true }));
                        continue;
                    }
                    batch.Put(rows, key, ConnectorState.Bytes(change(row)));
                    if (deleteBytes) batch.Delete(bytes, key);
                }
            });
        }
        catch (StoreGoneException)
        {
            // The grant ended in this moment: there is nothing left to remember.
            return;
        }
    }
}
