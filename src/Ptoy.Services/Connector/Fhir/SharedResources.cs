using System.Security.Cryptography;
using Ptoy.Protocol;
using Ptoy.Protocol.Records;
using Ptoy.Services.Common;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Connector.Fhir;

/// <summary>
/// What a source holds that is about no one patient: practitioners, organisations, places, medications. It is kept in the hospital's own
/// custody, and with each patient whose resources refer to it, so that a patient's record is whole by itself. A new version reaches all of them.
/// </summary>
public sealed class SharedResources
{
    private const int MaxDepth = 4;
    private readonly string _source;
    private readonly ConnectorState _state;
    private readonly IIntake _intake;
    private readonly SealedTable _rows;

    internal SharedResources(string source, ConnectorState state, IIntake intake)
    {
        (_source, _state, _intake) = (source, state, intake);
        _rows = state.Store.Table("shared");
    }

    /// <summary>Keeps resources that are about no patient; returns how many versions are new. Those of them that patients hold reach these too.</summary>
    internal async Task<int> PutAsync(IReadOnlyList<(ResourceHead Head, ReadOnlyMemory<byte> Bytes)> resources, bool isCurrent, CancellationToken cancellation)
    {
        if (resources.Count == 0) return 0;
        IntakeResource[] all = [.. resources.Select(r => Resource(r.Head.Type, r.Head.Id, r.Bytes))];
        IntakeOutcome own = await _intake.TakeAsync(new IntakeBatch(_source, "", all) { IsCurrent = isCurrent }, cancellation);
        foreach ((ResourceHead head, ReadOnlyMemory<byte> bytes) in resources)
        {
            if (head.Id is null) continue;
            byte[]? known = _rows.Get(KeyOf(head.Type, head.Id));
            if (known is not null && known.AsSpan().SequenceEqual(bytes.Span)) continue;
            if (known is not null && !isCurrent && IsOlder(head, bytes)) continue;
            // The row goes last: after a crash in the middle it is seen as new again, and what was done is passed over.
            if (known is not null) await SpreadAsync(Resource(head.Type, head.Id, bytes), isCurrent, cancellation);
            _state.Store.Write(batch =>
            {
                batch.Put(_rows, KeyOf(head.Type, head.Id), bytes.Span);
                batch.Put(_rows, AliasOf(head.Id), ConnectorState.Bytes(head.Type));
            });
        }
        return own.Stored;
    }

    /// <summary>What a patient's resources refer to here, and what that refers to in turn.</summary>
    internal IReadOnlyList<IntakeResource> ReferredBy(IEnumerable<string> references)
    {
        var found = new Dictionary<string, IntakeResource>(StringComparer.Ordinal);
        var next = new List<string>(references);
        for (int depth = 0; depth < MaxDepth && next.Count > 0; depth++)
        {
            var further = new List<string>();
            foreach (string reference in next)
            {
                if (Find(reference) is not { } hit || !found.TryAdd(KeyOf(hit.Type, hit.Id!), hit)) continue;
                further.AddRange(ResourceScan.Read(hit.Bytes.Span).References);
            }
            next = further;
        }
        return [.. found.Values];
    }

    /// <summary>The resource that a reference names; null when it is not here.</summary>
    internal IntakeResource? Find(string reference)
    {
        if (FhirReference.Parse(reference) is not { } to) return null;
        string? type = to.Type ?? (_rows.Get(AliasOf(to.Id)) is { } row ? ConnectorState.Read<string>(row) : null);
        return type is not null && _rows.Get(KeyOf(type, to.Id)) is { } bytes ? Resource(type, to.Id, bytes) : null;
    }

    /// <summary>In a feed that is replayed, an older version comes by again: it must not take the newer one's place.</summary>
    private bool IsOlder(ResourceHead head, ReadOnlyMemory<byte> bytes)
    {
        string digest = new Hash(SHA256.HashData(bytes.Span)).ToString();
        uint own = _state.Ensure(ConnectorPatient.IdOf(_source, "")).Number;
        IReadOnlyList<string> versions = _state.Resources.VersionsOf(own, head.Type, head.Id, digest);
        return versions.Count > 0 && versions[^1] != digest;
    }

    private async Task SpreadAsync(IntakeResource resource, bool isCurrent, CancellationToken cancellation)
    {
        foreach (ConnectorPatient patient in _state.Patients.Values.Where(p => p.Source == _source && p.SourceId.Length > 0))
        {
            if (_state.Resources.VersionsOf(patient.Number, resource.Type, resource.Id, "").Count == 0) continue;
            await _intake.TakeAsync(new IntakeBatch(_source, patient.SourceId, [resource]) { IsCurrent = isCurrent }, cancellation);
        }
    }

    internal static IntakeResource Resource(string type, string? id, ReadOnlyMemory<byte> bytes) => new(bytes, type, id, FhirScan.CompartmentOf(bytes.Span));

    private string KeyOf(string type, string id) => $"{_source}/{type}/{id}";

    private string AliasOf(string id) => $"{_source}/urn:uuid:{id}";
}
