using System.Text.Json;
using Ptoy.Client.Keys;
using Ptoy.Client.Sealing;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Services.Grants;

/// <summary>What a patient's contract lets the service read now.</summary>
/// <param name="Tags">Tags of compartments it may read.</param>
/// <param name="Until">When this may change by itself; null: not before something is done.</param>
public sealed record GrantAccess(IReadOnlySet<string> Tags, DateTimeOffset? Until)
{
    /// <summary>True when it may read something.</summary>
    public bool Any => Tags.Count > 0;
}

/// <summary>
/// An organisation's or service's own account as reader, on behalf of itself: its team keys (derived, not asked for), the letters that patients
/// sealed to it, what they let it read, and their records. Safe for concurrent use by one patient each.
/// </summary>
public sealed class GranteeSession : IDisposable
{
    private const int Page = 200;
    private readonly AccountKeys _keys;
    private readonly VaultRoot _root;
    private readonly NodeConnection _node;
    private readonly KeyRing _ring;
    private readonly System.Collections.Concurrent.ConcurrentDictionary<Address, IReadOnlyDictionary<string, string>> _names = new();
    private readonly System.Collections.Concurrent.ConcurrentDictionary<Address, byte[]> _tagKeys = new();
    private readonly HashSet<string> _loaded = [];

    /// <summary>Begins a session. Keys and connection stay the caller's to dispose.</summary>
    /// <param name="keys">The account.</param>
    /// <param name="root">Team keys derive from it.</param>
    /// <param name="node">Signs with the account's key.</param>
    /// <param name="purpose">HL7 purpose of use.</param>
    public GranteeSession(AccountKeys keys, VaultRoot root, NodeConnection node, string purpose)
    {
        (_keys, _root, _node, Purpose) = (keys, root, node, purpose);
        _ring = new KeyRing(new SealingKey(keys.Sealing.Export()));
    }

    /// <summary>The account.</summary>
    public Address Account => _keys.Address;

    /// <summary>The purpose it reads for.</summary>
    public string Purpose { get; }

    /// <summary>Its connection.</summary>
    public NodeConnection Node => _node;

    /// <summary>
    /// Sets the account up as an organisation with a team key for the role, where that was not done. Throws
    /// <see cref="TransactionFailedException"/> when the key authority has not certified it as organisation.
    /// </summary>
    public async Task SetUpAsync(string name, string role, CancellationToken cancellation = default)
    {
        using var provider = new ProviderSession(_keys, _root, _node);
        await provider.CreateAsync(name, cancellation);
        await provider.EnsureTeamKeyAsync(role, cancellation);
        await LoadKeysAsync(cancellation);
    }

    /// <summary>Derives the team keys that are published; called again when one was replaced.</summary>
    public async Task LoadKeysAsync(CancellationToken cancellation = default)
    {
        JsonElement keys = await _node.ViewAsync(new ContractId("Provider", Account), "teamKeys", [], cancellation);
        foreach (JsonElement key in keys.EnumerateArray())
        {
            string role = key.GetProperty("role").GetString()!;
            for (int version = 1; version <= key.GetProperty("version").GetInt32(); version++)
            {
                if (_loaded.Add($"{role}/{version}")) _ring.Add(_root.TeamKey(role, (uint)version));
            }
        }
    }

    /// <summary>The patients that let the account act. Patients come and go while this is read: who is missing is asked again before it counts.</summary>
    public async Task<IReadOnlyList<Address>> CustomersAsync(CancellationToken cancellation = default)
    {
        var found = new HashSet<Address>();
        for (int from = 0; ; from += Page)
        {
            JsonElement page = await _node.ViewAsync(new ContractId("Provider", Account), "customers", [from, Page], cancellation);
            foreach (JsonElement customer in page.EnumerateArray()) found.Add(Address.Parse(customer.GetString()!));
            if (page.GetArrayLength() < Page) return [.. found];
        }
    }

    /// <summary>The provisions in force or to come that name the account, as text: when it is the same, nothing was granted or revoked.</summary>
    public async Task<JsonElement[]> ProvisionsAsync(Address patient, CancellationToken cancellation = default)
    {
        var all = new List<JsonElement>();
        while (true)
        {
            JsonElement page = await _node.ViewAsync(new ContractId("Patient", patient), "provisions", [null, all.Count], cancellation);
            if (page.GetArrayLength() == 0) return [.. all];
            all.AddRange(page.EnumerateArray());
        }
    }

    /// <summary>
    /// What the account may read of the patient now: each tag that its provisions name, or that is asked about here, put to the contract. Views
    /// only: the patient's access log is not filled with questions.
    /// </summary>
    public async Task<GrantAccess> AccessAsync(Address patient, IReadOnlyList<JsonElement> provisions, IEnumerable<string> alsoAbout, CancellationToken cancellation = default)
    {
        var asked = new HashSet<string>(alsoAbout);
        foreach (JsonElement provision in provisions)
        {
            JsonElement tags = provision.GetProperty("tags");
            if (tags.ValueKind == JsonValueKind.Array) asked.UnionWith(tags.EnumerateArray().Select(t => t.GetString()!));
            else asked.UnionWith(_names.GetValueOrDefault(patient)?.Keys ?? []);
        }
        asked.Remove(Compartments.LetterTag.ToString());
        var permitted = new HashSet<string>();
        long until = 0;
        foreach (string tag in asked)
        {
            object question = new { requester = Account.ToString(), onBehalfOf = Account.ToString(), action = "read", purpose = Purpose, tag };
            JsonElement decision = await _node.ViewAsync(new ContractId("Patient", patient), "decide", [question], cancellation);
            if (decision.GetProperty("permit").GetBoolean()) permitted.Add(tag);
            long change = decision.GetProperty("until").GetInt64();
            if (change != 0 && (until == 0 || change < until)) until = change;
        }
        return new GrantAccess(permitted, until == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(until));
    }

    /// <summary>How many manifests were registered for the patient, counted from one that is known; each with its block time.</summary>
    public async Task<IReadOnlyList<(string Root, ulong Height, bool Retired)>> ManifestsAsync(Address patient, int from, CancellationToken cancellation = default)
    {
        var found = new List<(string, ulong, bool)>();
        while (true)
        {
            JsonElement page = await _node.ViewAsync(ContractId.Single("Records"), "ofOwner", [patient.ToString(), from + found.Count, Page], cancellation);
            foreach (JsonElement m in page.EnumerateArray())
                found.Add((m.GetProperty("root").GetString()!, m.GetProperty("height").GetUInt64(), m.GetProperty("retired").GetBoolean()));
            if (page.GetArrayLength() < Page) return found;
        }
    }

    /// <summary>Block time of a manifest's registration.</summary>
    public async Task<DateTimeOffset> TimeOfAsync(string manifest, CancellationToken cancellation = default)
    {
        JsonElement of = await _node.ViewAsync(ContractId.Single("Records"), "manifest", [manifest], cancellation);
        return of.ValueKind == JsonValueKind.Object
            ? DateTimeOffset.FromUnixTimeMilliseconds(of.GetProperty("time").GetInt64())
            : throw new UntrustedAnswerException("the record's manifest is not registered");
    }

    /// <summary>
    /// A reader of the patient's records, with the keys of the letters that the patient sealed to the account. Throws
    /// <see cref="RpcException"/> when the patient's contract denies it. What is read is in the patient's access log.
    /// </summary>
    public async Task<RecordReader> ReaderAsync(Address patient, CancellationToken cancellation = default)
    {
        await LoadKeysAsync(cancellation);
        var reader = new RecordReader(_node, patient, Purpose, _ring, Account);
        var names = new Dictionary<string, string>(_names.GetValueOrDefault(patient) ?? new Dictionary<string, string>());
        foreach (RecordInfo record in await reader.ListAsync([Compartments.LetterTag], null, cancellation))
        {
            try
            {
                GrantLetter letter = GrantLetter.Parse(await reader.OpenAsync(record, cancellation));
                _tagKeys[patient] = letter.TagKey;
                foreach (LetterCompartment compartment in letter.Compartments) names[compartment.Tag.ToString()] = compartment.Name;
                foreach (LetterVaultKey key in letter.VaultKeys) _ring.Add(new SealingKey(key.PrivateKey));
            }
            catch (SealException e) when (e.Fault == SealFault.NoKey)
            {
                // A letter to somebody else.
            }
        }
        _names[patient] = names;
        return reader;
    }

    /// <summary>The compartment's name of a patient's tag, as letters told; null when none did.</summary>
    public string? CompartmentOf(Address patient, string tag) => _names.GetValueOrDefault(patient)?.GetValueOrDefault(tag);

    /// <summary>The tag of a patient's compartment, as letters told; null when none did.</summary>
    public Hash? TagOf(Address patient, string compartment)
    {
        foreach ((string tag, string name) in _names.GetValueOrDefault(patient) ?? new Dictionary<string, string>())
        {
            if (name == compartment) return Hash.Parse(tag);
        }
        return null;
    }

    /// <summary>
    /// The patient's tag key, as a letter told it: what writing for the patient needs. Asks for the letters when none was read yet; null when there
    /// is none. Throws as <see cref="ReaderAsync"/>.
    /// </summary>
    public async Task<byte[]?> TagKeyAsync(Address patient, CancellationToken cancellation = default)
    {
        if (!_tagKeys.ContainsKey(patient)) await ReaderAsync(patient, cancellation);
        return _tagKeys.GetValueOrDefault(patient);
    }

    /// <summary>Forgets what is remembered of a patient.</summary>
    public void Forget(Address patient)
    {
        _names.TryRemove(patient, out _);
        _tagKeys.TryRemove(patient, out _);
    }

    /// <inheritdoc/>
    public void Dispose() => _ring.Dispose();
}
