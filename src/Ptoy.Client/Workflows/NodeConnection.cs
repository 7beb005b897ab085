using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Workflows;

/// <summary>One account's connection to one node: signed calls, views, proven state.</summary>
public sealed class NodeConnection : IAsyncDisposable
{
    private readonly RpcHttpClient _rpc;

    private NodeConnection(RpcHttpClient rpc, TrustedChain chain, SigningKey key, PublicKey node)
    {
        _rpc = rpc;
        Chain = chain;
        Key = key;
        Node = node;
        Signer = new RpcSigner(key, chain.ChainId, node);
    }

    /// <summary>What this client trusts.</summary>
    public TrustedChain Chain { get; }

    /// <summary>The account's key.</summary>
    public SigningKey Key { get; }

    /// <summary>The node's key.</summary>
    public PublicKey Node { get; }

    /// <summary>Signs this account's calls to this node.</summary>
    public RpcSigner Signer { get; }

    /// <summary>The plain client.</summary>
    public RpcHttpClient Rpc => _rpc;

    /// <summary>
    /// Connects, and checks that the node is of the trusted chain. Throws <see cref="UntrustedAnswerException"/> and what
    /// <see cref="RpcClient"/> throws.
    /// </summary>
    public static async Task<NodeConnection> ConnectAsync(
        Uri url, TrustedChain chain, SigningKey key, RpcClientOptions? options = null, CancellationToken cancellation = default)
    {
        RpcHttpClient rpc = RpcClient.Http(url, options);
        try
        {
            var info = await rpc.CallAsync<ChainInfoResult>("chain_info", new NoParams(), null, cancellation);
            if (info.ChainId != chain.ChainId.ToString()) throw new UntrustedAnswerException($"{url} serves another chain");
            if (info.Epoch > chain.Validators.Epoch) await chain.FollowAsync(rpc, cancellation);
            return new NodeConnection(rpc, chain, key, PublicKey.Parse(info.Node));
        }
        catch
        {
            await rpc.DisposeAsync();
            throw;
        }
    }

    /// <summary>A signed call, on behalf of an organisation where one is given.</summary>
    public Task<T> CallAsync<T>(string method, object parameters, Address? onBehalfOf = null, CancellationToken cancellation = default) =>
        _rpc.CallAsync<T>(method, parameters, SignerFor(onBehalfOf), cancellation);

    /// <summary>The signer of calls on behalf of an organisation, or of the account itself.</summary>
    public RpcSigner SignerFor(Address? onBehalfOf) => onBehalfOf is { } organisation ? Signer.ActingFor(organisation) : Signer;

    /// <summary>Asks a contract's view, signed, since some views answer only certain callers.</summary>
    public async Task<JsonElement> ViewAsync(ContractId contract, string method, object?[] arguments, CancellationToken cancellation = default)
    {
        JsonElement args = JsonSerializer.SerializeToElement(arguments, RpcJson.Options);
        var answer = await CallAsync<ContractViewResult>("contract_view", new ContractViewParams(contract.ToString(), method, args), null, cancellation);
        return answer.Value;
    }

    /// <summary>A view of a contract that exists once.</summary>
    public Task<JsonElement> ViewAsync(string contract, string method, params object?[] arguments) =>
        ViewAsync(ContractId.Single(contract), method, arguments);

    /// <summary>A state entry with its proof, verified: the JSON text, or null for proven absence.</summary>
    public async Task<string?> ProvenAsync(ContractId contract, string key, CancellationToken cancellation = default)
    {
        var answer = await CallAsync<ChainProofResult>("chain_proof", new ChainProofParams(contract.ToString(), key), null, cancellation);
        return await Chain.JudgeAsync(_rpc, () => Chain.Verify(contract, key, answer), cancellation);
    }

    /// <summary>The verified receipt in an answer of <c>tx_wait</c>.</summary>
    public Task<Receipt> ReceiptAsync(Hash transaction, TxWaitResult answer, CancellationToken cancellation = default) =>
        Chain.JudgeAsync(_rpc, () => Chain.Verify(transaction, answer), cancellation);

    /// <summary>
    /// Uploads sealed records; returns storage receipts, each verified: of a quorum of the members, or of f + 1 where the answer says that
    /// more could not be reached.
    /// </summary>
    public async Task<RecordUploadResult> UploadAsync(UploadPackage package, Address? onBehalfOf = null, CancellationToken cancellation = default)
    {
        byte[] answer = await _rpc.CallBinaryAsync("record_upload", Codec.Encode(package), SignerFor(onBehalfOf), cancellation);
        RecordUploadResult result = JsonSerializer.Deserialize<RecordUploadResult>(answer, RpcJson.Options)
            ?? throw new UntrustedAnswerException("record_upload: an empty answer");
        StorageStatement statement = StorageStatement.For(Chain.ChainId, package);
        if (result.Receipts.Any(r => Chain.Validators.IndexOf(PublicKey.Parse(r.Node)) < 0)) await Chain.FollowAsync(_rpc, cancellation);
        var nodes = new HashSet<PublicKey>();
        foreach (StorageReceiptDto dto in result.Receipts)
        {
            var receipt = new StorageReceipt(PublicKey.Parse(dto.Node), new Signature(SuiteId.Ed25519, Convert.FromHexString(dto.Signature)));
            if (Chain.Validators.IndexOf(receipt.Node) < 0 || !nodes.Add(receipt.Node) || !receipt.Verify(statement))
                throw new UntrustedAnswerException("record_upload: a storage receipt is not a member's, is repeated, or its signature is wrong");
        }
        int needed = result.UnderReplicated ? Chain.Validators.Faulty + 1 : Chain.Validators.Quorum;
        return nodes.Count >= needed ? result : throw new UntrustedAnswerException($"record_upload: {nodes.Count} storage receipts, fewer than {needed}");
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _rpc.DisposeAsync();
}
