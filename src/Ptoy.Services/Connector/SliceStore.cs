using System.Security.Cryptography;
using Ptoy.Client.Keys;
using Ptoy.Client.Sealing;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Services.Connector;

/// <summary>A slice to store: exact bytes, their digest, their compartment.</summary>
internal sealed record Slice(ReadOnlyMemory<byte> Bytes, Hash Digest, string Compartment)
{
    public static Slice Of(ReadOnlyMemory<byte> bytes, string compartment) => new(bytes, new Hash(SHA256.HashData(bytes.Span)), compartment);
}

/// <summary>
/// Where slices go: into the organisation's custody, or a patient's vault. Thin: everything that decides is elsewhere.
/// </summary>
internal sealed class SliceStore(AccountKeys organisation, TransactionSender sender, CustodyKeys custody, ReadOnlyMemory<byte> tagKey)
{
    private const string CustodyPurpose = "HOPERAT";
    private readonly RecordWriter _writer = new(sender);

    /// <summary>Custody: sealed under the patient's custody key first, then as records of the organisation to its own key.</summary>
    public async Task<StoredSlice[]> KeepAsync(string patientId, IReadOnlyList<Slice> slices, CancellationToken cancellation)
    {
        RecordToWrite[] records = [.. slices.Select(s => new RecordToWrite(custody.Seal(patientId, s.Bytes.Span), Compartments.Tag(tagKey.Span, s.Compartment)))];
        var written = await _writer.WriteToAsync(organisation.Address, 0, records, [organisation.Sealing.Public], null, cancellation);
        return Stored(slices, written);
    }

    /// <summary>True while the patient's contract lets the organisation write: asked before anything is sealed and uploaded in vain.</summary>
    public async Task<bool> MayWriteAsync(Address patient, ReadOnlyMemory<byte> patientTagKey, CancellationToken cancellation)
    {
        string account = organisation.Address.ToString();
        string tag = Compartments.Tag(patientTagKey.Span, Compartments.Other).ToString();
        object question = new { requester = account, onBehalfOf = account, action = "write", purpose = "TREAT", tag };
        var decision = await sender.Node.ViewAsync(new ContractId("Patient", patient), "decide", [question], cancellation);
        return decision.GetProperty("permit").GetBoolean();
    }

    /// <summary>The vault: sealed to the patient's keys, and to whomever the patient lets read.</summary>
    public async Task<StoredSlice[]> BindAsync(Address patient, ReadOnlyMemory<byte> patientTagKey, IReadOnlyList<Slice> slices, CancellationToken cancellation)
    {
        RecordToWrite[] records = [.. slices.Select(s => new RecordToWrite(s.Bytes, Compartments.Tag(patientTagKey.Span, s.Compartment)))];
        var written = await _writer.WriteToPatientAsync(patient, records, organisation.Address, cancellation);
        return Stored(slices, written);
    }

    /// <summary>Fetches a patient's slices from custody, through the network, and checks each against its digest.</summary>
    public async Task<IReadOnlyList<Slice>> FetchAsync(string patientId, IReadOnlyCollection<StoredSlice> stored, CancellationToken cancellation)
    {
        using var ring = new KeyRing(new SealingKey(organisation.Sealing.Export()));
        var reader = new RecordReader(sender.Node, organisation.Address, CustodyPurpose, ring);
        Dictionary<string, StoredSlice> byRecord = stored.ToDictionary(s => s.RecordId);
        RecordInfo[] infos = [.. stored.Select(s => new RecordInfo(s.RecordId, s.Manifest, 0, "", 0, 0, "", 0))];
        var slices = new List<Slice>();
        await foreach (OpenedRecord record in reader.OpenAsync(infos, cancellation))
        {
            StoredSlice expected = byRecord[record.Info.RecordId];
            Slice slice = Slice.Of(custody.Open(patientId, record.Content), expected.Compartment);
            if (slice.Digest.ToString() != expected.Digest) throw new InvalidDataException("custody: a record has other bytes than were stored");
            slices.Add(slice);
        }
        return slices;
    }

    /// <summary>Gives custody manifests up: nodes erase bytes and wraps. One that is retired already is passed over.</summary>
    public async Task RetireAsync(IEnumerable<string> manifests, CancellationToken cancellation)
    {
        foreach (string root in manifests)
        {
            var entry = await sender.Node.ViewAsync(ContractId.Single("Records"), "manifest", [root], cancellation);
            if (entry.ValueKind != System.Text.Json.JsonValueKind.Object || entry.GetProperty("retired").GetBoolean()) continue;
            await sender.SendAsync(ContractId.Single("Records"), "retire", [root], cancellation);
        }
    }

    private static StoredSlice[] Stored(IReadOnlyList<Slice> slices, IReadOnlyList<WrittenManifest> written)
    {
        (string Id, string Root)[] places = [.. written.SelectMany(m => m.RecordIds.Select(id => (id.ToString(), m.Root.ToString())))];
        return [.. slices.Select((s, i) => new StoredSlice(s.Digest.ToString(), s.Compartment, places[i].Id, places[i].Root))];
    }
}
