using Ptoy.Services.Common;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Connector;

/// <summary>Finds a source's patients by their identifiers (medical record numbers and the like), sealed at rest.</summary>
public sealed class IdentifierIndex
{
    private readonly SealedStore _store;
    private readonly SealedTable _rows;
    private readonly Func<uint, ConnectorPatient> _patient;

    internal IdentifierIndex(SealedStore store, Func<uint, ConnectorPatient> patient) =>
        (_store, _rows, _patient) = (store, store.Table("identifiers"), patient);

    /// <summary>The patients of a source with an identifier. Without a system, those with the value in any system.</summary>
    public IReadOnlyList<ConnectorPatient> Find(string source, string? system, string value) =>
        [.. Numbers(KeyOf(source, system, value)).Select(_patient)];

    /// <summary>Keeps a patient's identifiers. What was known before stays: an old number still names the same person.</summary>
    internal void Put(ConnectorPatient patient, IReadOnlyList<PersonIdentifier> identifiers)
    {
        string[] missing = [.. identifiers.SelectMany(i => new[] { KeyOf(patient.Source, i.System, i.Value), KeyOf(patient.Source, null, i.Value) }).Distinct()
            .Where(key => !Numbers(key).Contains(patient.Number))];
        if (missing.Length == 0) return;
        _store.Write(batch =>
        {
            foreach (string key in missing) batch.Put(_rows, key, ConnectorState.Bytes((uint[])[.. Numbers(key), patient.Number]));
        });
    }

    private uint[] Numbers(string key) => _rows.Get(key) is { } row ? ConnectorState.Read<uint[]>(row) : [];

    private static string KeyOf(string source, string? system, string value) => $"{source}|{system ?? "*"}|{value}";
}
