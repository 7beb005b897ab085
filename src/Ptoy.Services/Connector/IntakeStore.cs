using System.Globalization;
using System.Security.Cryptography;
using Ptoy.Protocol;
using Ptoy.Services.Common;

namespace Ptoy.Services.Connector;

/// <summary>One version of one thing that a source holds about a patient, and where it is.</summary>
/// <param name="Type">FHIR resource type, or one of <see cref="IntakeTypes"/>.</param>
/// <param name="Id">The source's id; null for what is kept by digest.</param>
/// <param name="Digest">SHA-256 of its exact bytes.</param>
/// <param name="Compartment">Compartment name.</param>
/// <param name="Length">Bytes.</param>
/// <param name="RecordId">The record that holds it; null while it waits for the nodes.</param>
/// <param name="Manifest">Root of that record's manifest.</param>
/// <param name="InVault">True in a patient's vault, false in the hospital's custody.</param>
public sealed record IntakeSlice(
    string Type, string? Id, string Digest, string Compartment, int Length, string? RecordId = null, string? Manifest = null, bool InVault = false);

/// <summary>A slice and its place in the patient's row of slices.</summary>
/// <param name="Patient">Number of the patient.</param>
/// <param name="Sequence">From 1, in the order of coming in.</param>
/// <param name="Slice">What it is.</param>
public sealed record PlacedSlice(uint Patient, uint Sequence, IntakeSlice Slice)
{
    /// <summary>Key of the slice: sorts by patient and order of coming in.</summary>
    public string Key => KeyOf(Patient, Sequence);

    internal static string KeyOf(uint patient, uint sequence) => string.Create(CultureInfo.InvariantCulture, $"{patient:x8}/{sequence:x8}");
}

/// <summary>
/// Every version of every resource by patient, source type and id, and the bytes of those that no node holds yet. Nothing of it is held in
/// memory but how much waits, so half a million resources start as quickly as ten. Writers take turns (see <see cref="Intake"/>).
/// </summary>
public sealed class IntakeStore
{
    private readonly SealedStore _store;
    private readonly SealedTable _resources;
    private readonly SealedTable _slices;
    private readonly SealedTable _waiting;
    private readonly SealedTable _next;
    private readonly SealedTable _custody;
    private readonly SortedDictionary<uint, long> _waitingBytes = [];
    private readonly HashSet<uint> _inCustody = [];
    private readonly Lock _lock = new();

    internal IntakeStore(SealedStore store)
    {
        _store = store;
        (_resources, _slices) = (store.Table("resources"), store.Table("slices", ordered: true));
        (_waiting, _next) = (store.Table("waiting", ordered: true), store.Table("next", ordered: true));
        _custody = store.Table("custody", ordered: true);
        foreach ((string key, byte[] value) in _waiting.Scan()) Grow(NumberOf(key), value.Length);
        foreach ((string key, byte[] _) in _custody.Scan()) _inCustody.Add(NumberOf(key));
    }

    /// <summary>Bytes that wait to be handed to the nodes.</summary>
    public long WaitingBytes
    {
        get { lock (_lock) return _waitingBytes.Values.Sum(); }
    }

    /// <summary>Numbers of the patients for whom something waits.</summary>
    public IReadOnlyList<uint> PatientsWaiting
    {
        get { lock (_lock) return [.. _waitingBytes.Keys]; }
    }

    /// <summary>Numbers of the patients of whom something is in custody.</summary>
    public IReadOnlyList<uint> PatientsInCustody
    {
        get { lock (_lock) return [.. _inCustody]; }
    }

    /// <summary>All slices of a patient, in the order of coming in: the newest version of a resource is the last with its type and id.</summary>
    public IEnumerable<PlacedSlice> SlicesOf(uint patient)
    {
        foreach ((string key, byte[] value) in _slices.Scan(PrefixOf(patient)))
            yield return new PlacedSlice(patient, SequenceOf(key), ConnectorState.Read<IntakeSlice>(value));
    }

    /// <summary>How many slices a patient has.</summary>
    public int CountOf(uint patient) => _slices.Scan(PrefixOf(patient)).Count();

    /// <summary>Digests of all versions of a resource, oldest first; empty when it is not known.</summary>
    public IReadOnlyList<string> VersionsOf(uint patient, string type, string? id, string digest) =>
        _resources.Get(ResourceKey(patient, type, id, digest)) is { } row ? ConnectorState.Read<string[]>(row) : [];

    /// <summary>The slices of a patient that wait for a node, with their bytes, up to so many and so many bytes (but at least one).</summary>
    internal IReadOnlyList<(PlacedSlice Slice, byte[] Bytes)> Waiting(uint patient, int count, long bytes)
    {
        var found = new List<(PlacedSlice, byte[])>();
        long sum = 0;
        foreach ((string key, byte[] value) in _waiting.Scan(PrefixOf(patient)))
        {
            if (found.Count == count || (found.Count > 0 && sum + value.Length > bytes)) break;
            byte[] row = _slices.Get(key) ?? throw new InvalidDataException("connector state: bytes wait that belong to no slice");
            found.Add((new PlacedSlice(patient, SequenceOf(key), ConnectorState.Read<IntakeSlice>(row)), value));
            sum += value.Length;
        }
        return found;
    }

    /// <summary>Manifests of the organisation's that hold a patient's custody.</summary>
    internal string[] CustodyOf(uint patient) => _custody.Get(NumberKey(patient)) is { } row ? ConnectorState.Read<string[]>(row) : [];

    /// <summary>
    /// Keeps what is new of a batch in one synced write. With <paramref name="isCurrent"/> bytes equal to an older version's are a new version.
    /// </summary>
    internal IntakeOutcome Take(uint patient, IReadOnlyList<IntakeResource> resources, bool isCurrent)
    {
        uint next = _next.Get(NumberKey(patient)) is { } row ? ConnectorState.Read<uint>(row) : 1;
        int fresh = 0, versions = 0, known = 0;
        long bytes = 0;
        var rows = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var added = new List<(string Key, IntakeSlice Slice, ReadOnlyMemory<byte> Bytes)>();
        foreach (IntakeResource resource in resources)
        {
            string digest = new Hash(SHA256.HashData(resource.Bytes.Span)).ToString();
            string key = ResourceKey(patient, resource.Type, resource.Id, digest);
            if (!rows.TryGetValue(key, out List<string>? digests)) rows[key] = digests = _resources.Get(key) is { } old ? [.. ConnectorState.Read<string[]>(old)] : [];
            if (isCurrent ? digests.LastOrDefault() == digest : digests.Contains(digest))
            {
                known++;
                continue;
            }
            if (digests.Count == 0) fresh++;
            else versions++;
            digests.Add(digest);
            added.Add((PlacedSlice.KeyOf(patient, next++), new IntakeSlice(resource.Type, resource.Id, digest, resource.Compartment, resource.Bytes.Length), resource.Bytes));
            bytes += resource.Bytes.Length;
        }
        if (added.Count == 0) return new IntakeOutcome(0, 0, known);
        _store.Write(batch =>
        {
            foreach ((string key, IntakeSlice slice, ReadOnlyMemory<byte> content) in added)
            {
                batch.Put(_resources, ResourceKey(patient, slice.Type, slice.Id, slice.Digest), ConnectorState.Bytes(rows[ResourceKey(patient, slice.Type, slice.Id, slice.Digest)]));
                batch.Put(_slices, key, ConnectorState.Bytes(slice));
                batch.Put(_waiting, key, content.Span);
            }
            batch.Put(_next, NumberKey(patient), ConnectorState.Bytes(next));
        });
        Grow(patient, bytes);
        return new IntakeOutcome(fresh, versions, known);
    }

    /// <summary>
    /// Says where slices are now, in one synced write with <paramref name="also"/>: their bytes need not wait any more.
    /// </summary>
    internal void Stored(uint patient, IReadOnlyList<PlacedSlice> slices, Action<SealedBatch>? also = null)
    {
        string[] custody = [.. CustodyOf(patient).Concat(slices.Where(s => !s.Slice.InVault).Select(s => s.Slice.Manifest!)).Distinct()];
        long bytes = 0;
        _store.Write(batch =>
        {
            foreach (PlacedSlice slice in slices)
            {
                batch.Put(_slices, slice.Key, ConnectorState.Bytes(slice.Slice));
                if (_waiting.Get(slice.Key) is null) continue;
                batch.Delete(_waiting, slice.Key);
                bytes += slice.Slice.Length;
            }
            if (custody.Length > 0) batch.Put(_custody, NumberKey(patient), ConnectorState.Bytes(custody));
            also?.Invoke(batch);
        });
        if (bytes > 0) Grow(patient, -bytes);
        if (custody.Length > 0) lock (_lock) _inCustody.Add(patient);
    }

    /// <summary>The patient has nothing in custody any more.</summary>
    internal void CustodyEnded(uint patient)
    {
        _store.Write(batch => batch.Delete(_custody, NumberKey(patient)));
        lock (_lock) _inCustody.Remove(patient);
    }

    private void Grow(uint patient, long bytes)
    {
        lock (_lock)
        {
            long now = _waitingBytes.GetValueOrDefault(patient) + bytes;
            if (now > 0) _waitingBytes[patient] = now;
            else _waitingBytes.Remove(patient);
        }
    }

    private static string ResourceKey(uint patient, string type, string? id, string digest) =>
        id is null ? $"{NumberKey(patient)}#{type}#{digest}" : $"{NumberKey(patient)}|{type}|{id}";

    private static string NumberKey(uint patient) => patient.ToString("x8", CultureInfo.InvariantCulture);

    private static string PrefixOf(uint patient) => NumberKey(patient) + "/";

    private static uint NumberOf(string key) => uint.Parse(key.AsSpan(0, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static uint SequenceOf(string key) => uint.Parse(key.AsSpan(9), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
