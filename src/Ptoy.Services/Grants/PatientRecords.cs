using Ptoy.Protocol;

namespace Ptoy.Services.Grants;

/// <summary>An opened record of a patient.</summary>
/// <param name="RecordId">Its id on the network, hexadecimal: what a result cites.</param>
/// <param name="Type">FHIR resource type; empty for what is not a FHIR resource.</param>
/// <param name="Id">The resource's id; empty where it has none.</param>
/// <param name="Compartment">Name of its compartment; empty where no letter has told it.</param>
/// <param name="Bytes">Exactly what was sealed.</param>
/// <param name="Author">Account that registered it.</param>
/// <param name="Height">Height of its registration.</param>
/// <param name="Time">Block time of its registration.</param>
public sealed record FhirRecord(
    string RecordId, string Type, string Id, string Compartment, ReadOnlyMemory<byte> Bytes, string Author, ulong Height, DateTimeOffset Time);

/// <summary>What a patient lets a service see now, in the order of registration.</summary>
/// <param name="Patient">The patient's account.</param>
/// <param name="Records">All versions of everything.</param>
public sealed record PatientRecords(Address Patient, IReadOnlyList<FhirRecord> Records)
{
    /// <summary>The newest version of each resource, by author, type and id; what has no id is its own version.</summary>
    public IReadOnlyList<FhirRecord> Current()
    {
        var newest = new Dictionary<string, FhirRecord>(StringComparer.Ordinal);
        foreach (FhirRecord record in Records) newest[record.Id.Length > 0 ? $"{record.Author}|{record.Type}|{record.Id}" : record.RecordId] = record;
        return [.. newest.Values.OrderBy(r => r.Height)];
    }
}

/// <summary>Somebody who works with what patients let a service see.</summary>
public interface IGrantConsumer
{
    /// <summary>
    /// What may be seen of a patient changed: new records, or fewer. Told at least once for each change, and again after a restart in the middle.
    /// What is derived goes into the patient's partition of the store, so that it goes when the grant goes. A
    /// <see cref="Common.StoreGoneException"/> on the way means that it has gone.
    /// </summary>
    Task PatientChangedAsync(PatientRecords records, CancellationToken cancellation);

    /// <summary>The patient's partition has been destroyed. What is kept elsewhere (memory, files) goes now. Told at least once.</summary>
    Task PatientGoneAsync(Address patient, CancellationToken cancellation);
}
