using Ptoy.Services.Fhir;

namespace Ptoy.Services.Connector.Fhir;

/// <summary>What a sorter has brought where it belongs.</summary>
/// <param name="Resources">Resources that came.</param>
/// <param name="Stored">Versions newly stored, those shared between patients counted with each.</param>
public sealed record SortedCount(int Resources, int Stored);

/// <summary>
/// Brings single resources in any order to the patients they are about: by <c>subject</c>, <c>patient</c> or <c>beneficiary</c>, else by the only
/// patient that they refer to. What is about none, or about several, stays the hospital's own. Buffers up to a bound; not safe for concurrent use.
/// </summary>
internal sealed class ResourceSorter(string source, IIntake intake, SharedResources shared, bool isCurrent, Func<CancellationToken, Task> makeRoom)
{
    private const int MaxBuffered = 20_000;
    private const long MaxBufferedBytes = 32L * 1024 * 1024;
    private readonly Dictionary<string, List<(ResourceHead Head, ReadOnlyMemory<byte> Bytes)>> _patients = new(StringComparer.Ordinal);
    private readonly List<(ResourceHead Head, ReadOnlyMemory<byte> Bytes)> _own = [];
    private int _buffered;
    private long _bytes;

    /// <summary>Resources that came so far, and versions stored.</summary>
    public SortedCount Count { get; private set; } = new(0, 0);

    /// <summary>Whose resource it is: the source's patient id, or "" when it is about none or several.</summary>
    public static string PatientOf(ResourceHead head)
    {
        if (head.Type == "Patient") return head.Id ?? "";
        if (Only(head.About, urnIsPatient: true) is { } about) return about;
        return head.About.Count == 0 && Only(head.References, urnIsPatient: false) is { } only ? only : "";
    }

    /// <summary>Takes one resource over. It is durable only after <see cref="FlushAsync"/>.</summary>
    public async Task AddAsync(ResourceHead head, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        string patient = PatientOf(head);
        if (patient.Length == 0) _own.Add((head, bytes));
        else
        {
            if (!_patients.TryGetValue(patient, out var list)) _patients[patient] = list = [];
            list.Add((head, bytes));
        }
        _buffered++;
        _bytes += bytes.Length;
        if (_buffered >= MaxBuffered || _bytes >= MaxBufferedBytes) await FlushAsync(cancellation);
    }

    /// <summary>Brings everything where it belongs: durable when this returns.</summary>
    public async Task FlushAsync(CancellationToken cancellation)
    {
        int stored = 0;
        foreach (var part in _own.Chunk(IntakeBatch.MaxResources))
            stored += await WithRoomAsync(() => shared.PutAsync(part, isCurrent, cancellation), cancellation);
        foreach ((string patient, var resources) in _patients)
        {
            IntakeResource[] about = [.. resources.Select(r => SharedResources.Resource(r.Head.Type, r.Head.Id, r.Bytes))];
            IEnumerable<IntakeResource> referred = shared.ReferredBy(resources.SelectMany(r => r.Head.References).Distinct());
            var batch = new IntakeBatch(source, patient, [.. about, .. referred]) { IsCurrent = isCurrent };
            stored += await WithRoomAsync(async () => (await intake.TakeAsync(batch, cancellation)).Stored, cancellation);
        }
        Count = new SortedCount(Count.Resources + _buffered, Count.Stored + stored);
        _own.Clear();
        _patients.Clear();
        (_buffered, _bytes) = (0, 0);
    }

    private async Task<int> WithRoomAsync(Func<Task<int>> take, CancellationToken cancellation)
    {
        while (true)
        {
            try { return await take(); }
            catch (IntakeFullException) { await makeRoom(cancellation); }
        }
    }

    private static string? Only(IReadOnlyList<string> references, bool urnIsPatient)
    {
        string? found = null;
        foreach (string reference in references)
        {
            if (FhirReference.Parse(reference) is not { } to || !(to.Type == "Patient" || (to.Type is null && urnIsPatient))) continue;
            if (found is not null && found != to.Id) return null;
            found = to.Id;
        }
        return found;
    }
}
