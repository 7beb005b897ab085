using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;

namespace Ptoy.Node.Gatekeeper;

/// <summary>A registered manifest: what the chain says of it, and its entries.</summary>
public sealed record CataloguedManifest(Hash Root, Manifest Manifest, string Author, ulong Height)
{
    private readonly Hash[] _leaves = Array.ConvertAll(Manifest.Entries, e => e.ComputeHash(Manifest.Owner));

    /// <summary>The proof that an entry is in the manifest.</summary>
    public MerkleProof Prove(int index) => MerkleTree.Prove(_leaves, index);
}

/// <summary>Everything registered for an owner, in the order of registration; retired manifests are left out.</summary>
public sealed class OwnerRecords(IReadOnlyList<CataloguedManifest> manifests)
{
    private readonly Dictionary<Hash, (CataloguedManifest Manifest, int Index)> _byRecord = Index(manifests);

    /// <summary>The manifests.</summary>
    public IReadOnlyList<CataloguedManifest> Manifests => manifests;

    /// <summary>All compartment tags that occur.</summary>
    public IReadOnlySet<Hash> Tags { get; } = manifests.SelectMany(m => m.Manifest.Entries).Select(e => e.Tag).ToHashSet();

    /// <summary>Where a record is, or null.</summary>
    public (CataloguedManifest Manifest, int Index)? Find(Hash record) => _byRecord.TryGetValue(record, out var found) ? found : null;

    private static Dictionary<Hash, (CataloguedManifest, int)> Index(IReadOnlyList<CataloguedManifest> manifests)
    {
        var index = new Dictionary<Hash, (CataloguedManifest, int)>();
        foreach (CataloguedManifest manifest in manifests)
        {
            for (int i = 0; i < manifest.Manifest.Entries.Length; i++) index[manifest.Manifest.Entries[i].RecordId] = (manifest, i);
        }
        return index;
    }
}

/// <summary>
/// An owner's records as the chain registers them, with the entries of their manifests. Kept in memory until the owner's
/// registrations change. Manifests that this node lacks are fetched from other members.
/// </summary>
public sealed class OwnerCatalog(ContractViews views, RecordKeeper keeper)
{
    private const int MaxOwners = 512;
    private const int MaxManifests = 4_096;

    private static readonly ContractId Records = ContractId.Single("Records");

    private readonly ConcurrentDictionary<Hash, CataloguedManifest> _manifests = new();
    private readonly ConcurrentDictionary<Address, (ulong Count, OwnerRecords Records)> _kept = new();

    /// <summary>The owner's records as of the newest executed state.</summary>
    public async Task<OwnerRecords> OfAsync(Address owner, CancellationToken cancellation)
    {
        ulong count = Count(owner);
        if (_kept.TryGetValue(owner, out var kept) && kept.Count == count) return kept.Records;
        var manifests = new List<CataloguedManifest>();
        for (ulong i = 0; i < count; i++)
        {
            if (await LoadAsync(owner, i, cancellation).ConfigureAwait(false) is { } manifest) manifests.Add(manifest);
        }
        var records = new OwnerRecords(manifests);
        if (_kept.Count >= MaxOwners) _kept.Clear();
        _kept[owner] = (count, records);
        return records;
    }

    /// <summary>Forgets what is kept of an owner.</summary>
    public void Evict(Address owner) => _kept.TryRemove(owner, out _);

    private ulong Count(Address owner) => views.State(Records, $"owner/{owner}") is { } text
        ? ulong.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture)
        : 0;

    private async Task<CataloguedManifest?> LoadAsync(Address owner, ulong number, CancellationToken cancellation)
    {
        if (views.State(Records, $"owner/{owner}/{number}") is not { } rootText) return null;
        Hash root = Hash.Parse(JsonSerializer.Deserialize<string>(rootText)!);
        if (views.State(Records, $"manifest/{root}") is not { } text) return null;
        using JsonDocument state = JsonDocument.Parse(text);
        if (state.RootElement.TryGetProperty("retired", out JsonElement retired) && retired.ValueKind == JsonValueKind.True) return null;
        if (_manifests.TryGetValue(root, out CataloguedManifest? known)) return known;
        Manifest manifest = await keeper.ManifestAsync(root, cancellation).ConfigureAwait(false);
        string author = state.RootElement.TryGetProperty("author", out JsonElement a) ? a.GetString() ?? "" : "";
        ulong height = state.RootElement.TryGetProperty("height", out JsonElement h) ? h.GetUInt64() : 0;
        if (_manifests.Count >= MaxManifests) _manifests.Clear();
        return _manifests[root] = new CataloguedManifest(root, manifest, author, height);
    }
}
