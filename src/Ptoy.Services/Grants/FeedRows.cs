using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Common;

namespace Ptoy.Services.Grants;

/// <summary>Where a feed is with a patient.</summary>
/// <param name="Provisions">Digest of the provisions when they were last put to the contract.</param>
/// <param name="Manifests">How many manifests were looked at.</param>
/// <param name="Version">Counts the changes of what is kept.</param>
/// <param name="Told">The version that consumers were told.</param>
/// <param name="Until">When access may change by itself, Unix ms; 0: not by itself.</param>
internal sealed record FeedState(string Provisions, int Manifests, long Version, long Told, long Until)
{
    public static FeedState None { get; } = new("", 0, 0, 0, 0);
}

/// <summary>What is written in front of a record's bytes.</summary>
internal sealed record FeedHead(string Type, string Id, string Compartment, string Author, ulong Height, long TimeMs, string Tag);

/// <summary>
/// A feed's rows: in the patient's partition the records and the state; in the store itself, patients who are gone and whose consumers have not
/// been told yet.
/// </summary>
internal sealed class FeedRows(SealedStore store)
{
    private const string StateKey = "state";
    private readonly SealedTable _gone = store.Table("grants/gone");

    public IReadOnlyList<Address> Patients => [.. store.Owners.Where(o => Address.TryParse(o, out _)).Select(Address.Parse)];

    public IReadOnlyList<Address> Gone => [.. _gone.Keys().Select(Address.Parse)];

    public SealedStore Partition(Address patient) => store.Partition(patient.ToString());

    public bool Has(Address patient) => store.HasPartition(patient.ToString());

    public FeedState State(Address patient) =>
        Has(patient) && States(patient).Get(StateKey) is { } row ? JsonSerializer.Deserialize<FeedState>(row, RpcJson.Options)! : FeedState.None;

    public void Put(Address patient, FeedState state) => States(patient).Put(StateKey, JsonSerializer.SerializeToUtf8Bytes(state, RpcJson.Options));

    /// <summary>Tags of the records kept, by record.</summary>
    public IReadOnlyDictionary<string, string> Tags(Address patient)
    {
        if (!Has(patient)) return new Dictionary<string, string>();
        return Table(patient).Scan().ToDictionary(r => Id(r.Key), r => Head(r.Value, out _).Tag);
    }

    /// <summary>Writes new records and takes away those that may not be seen any more, with the state, at once.</summary>
    public void Change(Address patient, IReadOnlyList<(FhirRecord Record, string Tag)> fresh, IReadOnlySet<string> dropped, FeedState state)
    {
        SealedTable table = Table(patient), states = States(patient);
        string[] keys = dropped.Count == 0 ? [] : [.. table.Keys().Where(k => dropped.Contains(Id(k)))];
        store.Write(batch =>
        {
            foreach (string key in keys) batch.Delete(table, key);
            foreach ((FhirRecord record, string tag) in fresh) batch.Put(table, $"{record.Height:d20}/{record.RecordId}", Encode(record, tag));
            batch.Put(states, StateKey, JsonSerializer.SerializeToUtf8Bytes(state, RpcJson.Options));
        });
    }

    public PatientRecords Records(Address patient) => new(patient, [.. Table(patient).Scan().Select(r => Decode(Id(r.Key), r.Value))]);

    /// <summary>Notes that the patient is gone, then destroys the partition.</summary>
    public void Destroy(Address patient)
    {
        _gone.Put(patient.ToString(), []);
        store.Destroy(patient.ToString());
    }

    public void Told(Address patient) => _gone.Delete(patient.ToString());

    // Record ids and heights are on chain for everybody: the order by height is worth showing them on this disk.
    private SealedTable Table(Address patient) => Partition(patient).Table("records", ordered: true);

    private SealedTable States(Address patient) => Partition(patient).Table("feed");

    private static string Id(string key) => key[(key.IndexOf('/', StringComparison.Ordinal) + 1)..];

    private static byte[] Encode(FhirRecord record, string tag)
    {
        byte[] head = JsonSerializer.SerializeToUtf8Bytes(
            new FeedHead(record.Type, record.Id, record.Compartment, record.Author, record.Height, record.Time.ToUnixTimeMilliseconds(), tag), RpcJson.Options);
        return [.. BitConverter.GetBytes(head.Length), .. head, .. record.Bytes.Span];
    }

    private static FeedHead Head(byte[] row, out int end)
    {
        end = 4 + BitConverter.ToInt32(row);
        return JsonSerializer.Deserialize<FeedHead>(row.AsSpan(4, end - 4), RpcJson.Options)!;
    }

    private static FhirRecord Decode(string id, byte[] row)
    {
        FeedHead head = Head(row, out int end);
        return new FhirRecord(id, head.Type, head.Id, head.Compartment, row.AsMemory(end), head.Author, head.Height, DateTimeOffset.FromUnixTimeMilliseconds(head.TimeMs));
    }
}
