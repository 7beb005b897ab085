using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Services.Common;
using Ptoy.Services.Facade.Index;

namespace Ptoy.Services.Facade;

/// <summary>
/// The façade's copies: opened resources in each patient's partition of the sealed store, and the index in memory made from them. When a
/// patient's partition is destroyed, both are gone.
/// </summary>
internal sealed class FacadeLibrary(SealedStore store) : IResourceBytes
{
    private const string TableName = "facade/resources";
    private const int BatchRows = 2_000;
    private readonly ConcurrentDictionary<Address, SealedTable> _tables = new();
    private readonly Lock _writing = new();

    public FacadeIndex Index { get; } = new();

    /// <summary>Resources that could not be indexed: not FHIR JSON with an id.</summary>
    public long Skipped { get; private set; }

    private sealed record RowHead(string Type, string Id, string Compartment, ulong Height, long TimeMs);

    /// <summary>Makes the index from what is stored. Returns the number of patients.</summary>
    public int Load(CancellationToken cancellation)
    {
        int patients = 0;
        foreach (string owner in store.Owners)
        {
            cancellation.ThrowIfCancellationRequested();
            if (!Address.TryParse(owner, out Address patient)) continue;
            lock (_writing)
            {
                IndexedResource[] resources = [.. Rows(patient)];
                if (resources.Length == 0) continue;
                Replace(patient, resources);
                patients++;
            }
        }
        return patients;
    }

    /// <summary>Takes a patient's records as they are now: what is new is stored, what is no longer there goes.</summary>
    public void Change(Address patient, IReadOnlyCollection<IndexedResource> resources)
    {
        lock (_writing)
        {
            SealedTable table = Table(patient);
            var known = table.Keys().ToHashSet(StringComparer.Ordinal);
            IndexedResource[] fresh = [.. resources.Where(r => !known.Contains(r.RecordId))];
            string[] gone = [.. known.Except(resources.Select(r => r.RecordId))];
            foreach (IndexedResource[] part in fresh.Chunk(BatchRows)) store.Write(b =>
                { foreach (IndexedResource r in part) b.Put(table, r.RecordId, Row(r)); });
            if (gone.Length > 0) store.Write(b => { foreach (string id in gone) b.Delete(table, id); });
            Replace(patient, resources);
        }
    }

    /// <summary>Adds one resource that was just written to a patient's vault.</summary>
    public void Add(Address patient, IndexedResource resource)
    {
        lock (_writing)
        {
            SealedTable table = Table(patient);
            store.Write(b => b.Put(table, resource.RecordId, Row(resource)));
            Replace(patient, [.. Rows(patient)]);
        }
    }

    /// <summary>Forgets a patient whose partition is being destroyed.</summary>
    public void Forget(Address patient)
    {
        Index.Remove(patient);
        _tables.TryRemove(patient, out _);
    }

    public byte[]? Read(Address patient, string recordId)
    {
        try
        {
            // A table of a patient who is gone must not be made again by reading.
            if (!_tables.ContainsKey(patient) && !store.HasPartition(patient.ToString())) return null;
            return Table(patient).Get(recordId) is { } row ? row[(2 + HeadLength(row))..] : null;
        }
        catch (StoreGoneException)
        {
            return null;
        }
    }

    private void Replace(Address patient, IEnumerable<IndexedResource> resources)
    {
        var builder = new ShelfBuilder(Index.Terms);
        Index.Replace(builder.Build(patient, resources));
        Skipped += builder.Skipped;
    }

    private SealedTable Table(Address patient) => _tables.GetOrAdd(patient, p => store.Partition(p.ToString()).Table(TableName));

    private IEnumerable<IndexedResource> Rows(Address patient)
    {
        foreach ((string recordId, byte[] row) in Table(patient).Scan())
        {
            int head = HeadLength(row);
            RowHead it = JsonSerializer.Deserialize<RowHead>(row.AsSpan(2, head))!;
            yield return new IndexedResource(
                recordId, it.Type, it.Id, it.Compartment, row.AsMemory(2 + head), it.Height,
                    DateTimeOffset.FromUnixTimeMilliseconds(it.TimeMs));
        }
    }

    private static int HeadLength(byte[] row) => BinaryPrimitives.ReadUInt16BigEndian(row);

    private static byte[] Row(IndexedResource resource)
    {
        byte[] head = JsonSerializer.SerializeToUtf8Bytes(
            new RowHead(resource.Type, resource.Id, resource.Compartment, resource.Height, resource.Time.ToUnixTimeMilliseconds()));
        byte[] row = new byte[2 + head.Length + resource.Bytes.Length];
        BinaryPrimitives.WriteUInt16BigEndian(row, (ushort)head.Length);
        head.CopyTo(row, 2);
        resource.Bytes.Span.CopyTo(row.AsSpan(2 + head.Length));
        return row;
    }
}
