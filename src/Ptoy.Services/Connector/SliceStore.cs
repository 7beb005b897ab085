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

/// <summary>Exact bytes to seal into a compartment.</summary>
internal sealed record Slice(ReadOnlyMemory<byte> Bytes, string Compartment);

/// <summary>
/// Where slices go: into the organisation's custody, or a patient's vault. Thin: everything that decides is elsewhere. Callers keep to what
/// fits into one manifest.
/// </summary>
internal sealed class SliceStore(AccountKeys organisation, TransactionSender sender, CustodyKeys custody, ReadOnlyMemory<byte> tagKey)
{
    private const string CustodyPurpose = "HOPERAT";

    public const int MaxRecords = 500;

    public const long MaxBytes = 8 * 1024 * 1024;

    /// <summary>Custody: sealed under the patient's custody key first, then as records of the organisation to its own key.</summary>
    public async Task<WrittenManifest> KeepAsync(
        string patientId, IReadOnlyList<Slice> slices, Action<RegisteringManifest> registering, CancellationToken cancellation)
    {
        IReadOnlyList<byte[]> contents = custody.SealAll(patientId, [.. slices.Select(s => s.Bytes)]);
        RecordToWrite[] records = [.. slices.Select((s, i) => new RecordToWrite(contents[i], Compartments.Tag(tagKey.Span, s.Compartment)))];
        var writer = new RecordWriter(sender) { Registering = registering };
        return (await writer.WriteToAsync(organisation.Address, 0, records, [organisation.Sealing.Public], null, cancellation)).Single();
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
    public async Task<WrittenManifest> BindAsync(
        Address patient, ReadOnlyMemory<byte> patientTagKey, IReadOnlyList<Slice> slices, Action<RegisteringManifest> registering, CancellationToken cancellation)
    {
        RecordToWrite[] records = [.. slices.Select(s => new RecordToWrite(s.Bytes, Compartments.Tag(patientTagKey.Span, s.Compartment)))];
        var writer = new RecordWriter(sender) { Registering = registering };
        return (await writer.WriteToPatientAsync(patient, records, organisation.Address, cancellation)).Single();
    }

    /// <summary>Ends a registration that a crash cut off; false when it has to be done anew.</summary>
    public Task<bool> ResumeAsync(RegisteringManifest manifest, CancellationToken cancellation) => new RecordWriter(sender).ResumeAsync(manifest, cancellation);

    /// <summary>Fetches a patient's slices from custody, through the network, and checks each against its digest.</summary>
    public async Task<IReadOnlyList<Slice>> FetchAsync(string patientId, IReadOnlyList<IntakeSlice> stored, CancellationToken cancellation)
    {
        using var ring = new KeyRing(new SealingKey(organisation.Sealing.Export()));
        var reader = new RecordReader(sender.Node, organisation.Address, CustodyPurpose, ring);
        RecordInfo[] infos = [.. stored.Select(s => new RecordInfo(s.RecordId!, s.Manifest!, 0, "", 0, 0, "", 0))];
        var slices = new List<Slice>();
        await foreach (OpenedRecord record in reader.OpenAsync(infos, cancellation))
        {
            IntakeSlice expected = stored[slices.Count];
            var slice = new Slice(custody.Open(patientId, record.Content), expected.Compartment);
            if (new Hash(SHA256.HashData(slice.Bytes.Span)).ToString() != expected.Digest) throw new InvalidDataException("custody: a record has other bytes than were stored");
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
}
