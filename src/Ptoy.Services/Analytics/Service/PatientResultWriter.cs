using System.Text.Json;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Analytics.Service;

/// <summary>Writes results as sealed records of the patient, where the patient's contract permits this account to write.</summary>
internal sealed class PatientResultWriter : IResultWriter, IDisposable
{
    private GranteeSession? _session;
    private TransactionSender? _sender;

    /// <summary>Begins to write with a session; until then nothing is written, and it is tried again later.</summary>
    public void Use(GranteeSession session) => (_session, _sender) = (session, new TransactionSender(session.Node));

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> WriteAsync(Address patient, IReadOnlyList<ResultDocument> documents, CancellationToken cancellation)
    {
        if (_session is not { } session || _sender is not { } sender) return [];
        var records = new List<RecordToWrite>();
        var compartments = new List<string>();
        IReadOnlyList<JsonElement> provisions = await session.ProvisionsAsync(patient, cancellation);
        foreach (ResultDocument document in documents)
        {
            if (session.TagOf(patient, document.Compartment) is not { } tag || !provisions.Any(p => PermitsWriting(p, tag))) continue;
            records.Add(new RecordToWrite(document.Bytes, tag));
            compartments.Add(document.Compartment);
        }
        if (records.Count == 0) return [];
        try
        {
            await new RecordWriter(sender).WriteToPatientAsync(patient, records, session.Account, cancellation);
        }
        catch (TransactionFailedException)
        {
            // Revoked in this moment, or the patient's storage is full: the results stay here, and are tried with the next change.
            return [];
        }
        return compartments;
    }

    /// <inheritdoc/>
    public void Dispose() => _sender?.Dispose();

    // Purposes do not matter for writing. Whether the provision has begun, and whether another denies, the contract says when it is written.
    private static bool PermitsWriting(JsonElement provision, Hash tag)
    {
        if (provision.GetProperty("type").GetString() != "permit") return false;
        if (!provision.GetProperty("actions").EnumerateArray().Any(a => a.GetString() == "write")) return false;
        JsonElement tags = provision.GetProperty("tags");
        return tags.ValueKind == JsonValueKind.String || tags.EnumerateArray().Any(t => t.GetString() == tag.ToString());
    }
}
