using System.Collections.Concurrent;
using Ptoy.Protocol;
using Ptoy.Services.Facade.Index;
using Ptoy.Services.Facade.Search;
using Ptoy.Services.Facade.Smart;

namespace Ptoy.Services.Facade.Http;

/// <summary>
/// Which compartments of a patient somebody may see, remembered for a short while: it only shapes what is counted and proposed. What
/// leaves is
/// decided and logged by the gatekeeper each time, for each record. Bounded; when full, all is forgotten.
/// </summary>
internal sealed class PermissionMemory(IAccessGate gate, TimeProvider time)
{
    private const int MaxRemembered = 200_000;
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);
    private readonly ConcurrentDictionary<(string Asker, Address Patient), Known> _known = new();

    private sealed record Known(PatientShelf Shelf, IReadOnlySet<int> Compartments, bool Any, DateTimeOffset Until);

    public void Forget(Address patient)
    {
        foreach ((string, Address) key in _known.Keys.Where(k => k.Patient == patient)) _known.TryRemove(key, out _);
    }

    /// <summary>The compartments, and whether anything is granted at all.</summary>
    public async Task<(IReadOnlySet<int> Compartments, bool Any)> OfAsync(Asker asker, PatientShelf shelf, CancellationToken cancellation)
    {
        DateTimeOffset now = time.GetUtcNow();
        if (_known.TryGetValue((asker.Key, shelf.Patient), out Known? known) && ReferenceEquals(known.Shelf, shelf) && now < known.Until)
            return (known.Compartments, known.Any);
        // One record of each compartment tells about all: the decision is by the compartment's tag.
        Dictionary<int, string> samples = shelf.Documents.GroupBy(d => d.Compartment).ToDictionary(g => g.Key, g => g.First().RecordId);
        GatePermits permits = await gate.PermitsAsync(asker, shelf.Patient, samples.Values, "read", [], cancellation);
        var compartments = samples.Where(s => permits.Records.Contains(s.Value)).Select(s => s.Key).ToHashSet();
        if (_known.Count >= MaxRemembered) _known.Clear();
        _known[(asker.Key, shelf.Patient)] = new Known(shelf, compartments, permits.Any, now + Lifetime);
        return (compartments, permits.Any);
    }
}

/// <summary>What a token lets see: by patient, by scope and its constraints, by compartment.</summary>
internal sealed class Sight(SmartGrant grant, QueryParser parser, char interaction) : IVisibility
{
    private readonly Dictionary<PatientShelf, IReadOnlySet<int>> _compartments = [];
    private readonly Dictionary<(PatientShelf, string), DocBits?> _constrained = [];

    /// <summary>True before the gatekeeper was asked: everything that the scopes allow counts.</summary>
    public bool IsProvisional { get; set; }

    public void Permit(PatientShelf shelf, IReadOnlySet<int> compartments) => _compartments[shelf] = compartments;

    public bool Sees(PatientShelf shelf, int doc)
    {
        ref readonly ShelfDocument document = ref shelf.Documents[doc];
        if (grant.Patient is { } own && shelf.Patient != own) return false;
        if (!IsProvisional && !(_compartments.TryGetValue(shelf, out IReadOnlySet<int>? seen)
            && seen.Contains(document.Compartment))) return false;
        return InScope(shelf, doc, document.Type);
    }

    private bool InScope(PatientShelf shelf, int doc, string type)
    {
        bool covered = false;
        foreach (SmartScope scope in grant.Scopes)
        {
            if (!scope.Covers(type, interaction)) continue;
            if (scope.Constraints.Count == 0) return true;
            covered = true;
        }
        return covered && Constrained(shelf, type)?.Has(doc) == true;
    }

    /// <summary>The documents that satisfy the constraints of one of the scopes.</summary>
    private DocBits? Constrained(PatientShelf shelf, string type)
    {
        if (_constrained.TryGetValue((shelf, type), out DocBits? known)) return known;
        DocBits? all = null;
        foreach (SmartScope scope in grant.Scopes.Where(s => s.Covers(type, interaction)))
        {
            if (SearchEngine.Current(shelf, type) is not { } bits) break;
            bool fits = true;
            foreach ((string name, string value) in scope.Constraints)
            {
                if (parser.ClauseOf(type, name, value, mayChain: false) is { } clause) clause.Apply(shelf, bits, this);
                else fits = false;
            }
            if (!fits) continue;
            if (all is null) all = bits;
            else all.Or(bits);
        }
        return _constrained[(shelf, type)] = all;
    }
}
