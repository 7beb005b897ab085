using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ptoy.Client.Keys;
using Ptoy.Client.Rpc;
using Ptoy.Client.Sealing;
using Ptoy.EndToEnd.Network;
using Ptoy.Load.Network;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.Load.Workloads;

/// <summary>Patients who keep records of a size, and the clients that store and fetch them.</summary>
internal sealed class RecordPool(int patients, int recordBytes, NodeClient client) : IAsyncDisposable
{
    private const int PublishedEpochs = 2;
    private static readonly TimeSpan ReceiptPatience = TimeSpan.FromSeconds(30);

    private readonly Owner[] _owners = [.. Enumerable.Range(0, patients).Select(i => new Owner(i, i % client.Cluster.Nodes.Count))];
    private readonly RpcHttpClient[] _nodes = [.. client.Cluster.Layout.Nodes.Select(n => RpcClient.Http(n.Rpc))];
    private readonly SemaphoreSlim _once = new(1, 1);
    private Hash _chain;
    private ulong _expiry;
    private bool _ready;

    private sealed class Owner(int index, int node) : IDisposable
    {
        public int Index => index;
        public int Node => node;
        public AccountKeys Keys { get; } = Consortium.NewKeys();
        public VaultRoot Vault { get; } = VaultRoot.Create();
        public SemaphoreSlim Turn { get; } = new(1, 1);
        public Account? Account { get; set; }
        public List<Hash> Records { get; } = [];
        public ContractId Contract => new("Patient", Keys.Address);

        public void Dispose()
        {
            Vault.Dispose();
            Keys.Dispose();
            Turn.Dispose();
        }
    }

    /// <summary>A sealed record, ready to be stored, and whose it is.</summary>
    public sealed record Parcel(int Owner, Hash Record, UploadPackage Package, byte[] Bytes);

    public async Task PrepareAsync(int recordsEach)
    {
        await _once.WaitAsync().ConfigureAwait(false);
        try
        {
            if (!_ready) await CreateAsync().ConfigureAwait(false);
            _ready = true;
        }
        finally
        {
            _once.Release();
        }
        foreach (Owner owner in _owners)
        {
            while (owner.Records.Count < recordsEach) await PutAsync(Seal(owner.Index)).ConfigureAwait(false);
        }
    }

    /// <summary>Seals a random record of the set size for the next owner.</summary>
    public Parcel Seal(int number)
    {
        Owner owner = _owners[number % _owners.Length];
        Hash tag = owner.Vault.Tags.Values.ElementAt(number % owner.Vault.Tags.Count);
        var builder = new ManifestBuilder(owner.Keys.Address, 0, owner.Vault.PublicKeys(0));
        Hash id = builder.Add(RandomNumberGenerator.GetBytes(recordBytes), tag);
        UploadPackage package = builder.Build();
        return new Parcel(owner.Index, id, package, Codec.Encode(package));
    }

    /// <summary>Stores a record at the members and registers it; ends with the certified receipt. Throws when something refuses.</summary>
    public async Task PutAsync(Parcel parcel)
    {
        Owner owner = _owners[parcel.Owner];
        RpcHttpClient node = _nodes[owner.Node];
        byte[] answer = await node.CallBinaryAsync("record_upload", parcel.Bytes, Signer(owner, owner.Node)).ConfigureAwait(false);
        RecordUploadResult stored = JsonSerializer.Deserialize<RecordUploadResult>(answer, RpcJson.Options)!;
        JsonNode manifest = JsonNode.Parse(Registration.Of(parcel.Package.Manifest, parcel.Package.Wraps).ToJson())!;
        if (stored.UnderReplicated) manifest["underReplicated"] = true;
        // An account's transactions are handed in one after the other; they are waited for together.
        Hash hash;
        await owner.Turn.WaitAsync().ConfigureAwait(false);
        try
        {
            Prepared register = owner.Account!.Sign(_chain, _expiry, ContractId.Single("Records"), "register", owner.Keys.Address.ToString(), manifest, stored.Receipts);
            await node.CallAsync<TxSubmitResult>("tx_submit", new TxSubmitParams(register.Bytes)).ConfigureAwait(false);
            hash = register.Hash;
        }
        finally
        {
            owner.Turn.Release();
        }
        var waited = await node.CallAsync<TxWaitResult>("tx_wait", new TxWaitParams(hash.ToString(), (int)ReceiptPatience.TotalMilliseconds)).ConfigureAwait(false);
        if (!waited.Found || Codec.Decode<Receipt>(waited.Receipt!, Receipt.MaxBytes) is not { Status: ReceiptStatus.Ok }) throw new InvalidOperationException("the registration was refused or not certified in time");
        lock (owner.Records) owner.Records.Add(parcel.Record);
    }

    /// <summary>Fetches one of an owner's records, as the owner, signed for the node asked. Throws when refused.</summary>
    public async Task GetAsync(int number)
    {
        Owner owner = _owners[number % _owners.Length];
        int node = number % _nodes.Length;
        string id;
        lock (owner.Records) id = owner.Records[number / _owners.Length % owner.Records.Count].ToString();
        var asked = new RecordGetParams(owner.Keys.Address.ToString(), [id], "PATRQT");
        var result = await _nodes[node].CallAsync<RecordGetResult>("record_get", asked, Signer(owner, node)).ConfigureAwait(false);
        if (result.Records.Length != 1) throw new InvalidOperationException($"{result.Denied.Length} records denied");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (RpcHttpClient node in _nodes) await node.DisposeAsync().ConfigureAwait(false);
        foreach (Owner owner in _owners) owner.Dispose();
        _once.Dispose();
    }

    private RpcSigner Signer(Owner owner, int node) => new(owner.Keys.Signing, _chain, client.Cluster.Layout.Nodes[node].NodeKey);

    private async Task CreateAsync()
    {
        (_chain, _expiry) = await client.ChainAsync().ConfigureAwait(false);
        var keys = client.Cluster.Consortium.Authority.Signing;
        var authority = new Account(keys, 0, await client.NonceAsync(keys.Address.ToString()).ConfigureAwait(false));
        await client.CompleteAsync([.. _owners.Select(o => authority.Sign(_chain, _expiry, ContractId.Single("Identity"), "certify", o.Keys.Address.ToString(),
            new { sealingKey = o.Keys.Sealing.Public.ToString(), signingKey = o.Keys.Signing.Public.ToString(), roles = new[] { "patient" } }))]).ConfigureAwait(false);
        foreach (Owner owner in _owners) owner.Account = new Account(owner.Keys.Signing, owner.Node);
        await client.CompleteAsync([.. _owners.Select(o => o.Account!.Sign(_chain, _expiry, o.Contract, "create", new
        {
            vaultKeys = Enumerable.Range(0, PublishedEpochs)
                .Select(e => o.Vault.PublicKeys(e).ToDictionary(k => k.Key.ToString(), k => k.Value.ToString())).ToArray(),
        }))]).ConfigureAwait(false);
    }
}
