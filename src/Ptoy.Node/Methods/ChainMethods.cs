using System.Text.Json;
using Ptoy.Node.Execution;
using Ptoy.Node.Gatekeeper;
using Ptoy.Node.Membership;
using Ptoy.Node.Mempool;
using Ptoy.Node.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;
using Ptoy.Storage;
using Ptoy.Storage.Ledger;
using Ptoy.Storage.State;
using static Ptoy.Node.Methods.Describe;

namespace Ptoy.Node.Methods;

/// <summary>What anybody may ask about the chain: <c>chain_*</c>, <c>contract_view</c>, <c>account_nonce</c>.</summary>
public sealed class ChainMethods(NodeStore store, Genesis genesis, NodeFacts facts, CertifiedBlocks certified, ContractViews views, TransactionPool pool, EpochBook epochs)
{
    /// <summary>The table.</summary>
    public IEnumerable<RpcMethod> Table() =>
    [
        new() { Name = "chain_info", Summary = "The chain, its newest height, and which node answers.", Result = "ChainInfoResult", Handler = (_, _, _) => Done(Info()) },
        new()
        {
            Name = "chain_block", Summary = "A block with its certificates.", Result = "height, header, transactions (hashes), commit and execution certificate (wire bytes)",
            Params = [Required("height", RpcType.Integer, "height of an executed block")],
            Handler = (_, p, _) => Done(Block(p.Number("height"))),
        },
        new()
        {
            Name = "chain_receipt", Summary = "The certified receipt of a transaction, if there is one.", Result = "TxWaitResult",
            Params = [Required("hash", RpcType.Hash, "hash of the transaction")],
            Handler = (_, p, _) => Done(Receipt(certified.Find(p.HashOf("hash")))),
        },
        new()
        {
            Name = "chain_proof", Summary = "A state value, or its absence, with a proof from a certified state root.", Result = "ChainProofResult",
            Params = [Required("contract", RpcType.String, "Token or Patient/ptoy1…"), Required("key", RpcType.String, "key inside the instance")],
            Handler = (_, p, _) => Done(Proof(p)),
        },
        new()
        {
            Name = "chain_validators", Summary = "The replicas of the epoch in force.", Result = "ChainValidatorsResult",
            Handler = (_, _, _) => Done(Validators()),
        },
        new()
        {
            Name = "chain_epochs", Summary = "How epochs began: each validator set, and the certificate by the set before it that names its hash.", Result = "ChainEpochsResult",
            Params = [Required("from", RpcType.Integer, "first epoch wanted, from 1; epoch 0 is in genesis")],
            Handler = (_, p, _) => Done(Epochs(p.Number("from"))),
        },
        new()
        {
            Name = "contract_view", Summary = "Asks a contract a read-only question.", Result = "ContractViewResult",
            Params =
            [
                Required("contract", RpcType.String, "Token or Patient/ptoy1…"), Required("method", RpcType.String, "one of the class's views"),
                Required("args", RpcType.Array, "its arguments"), Optional("minHeight", RpcType.Integer, "refuse to answer from an older state"),
            ],
            Handler = ViewAsync,
        },
        new()
        {
            Name = "account_nonce", Summary = "The nonce that an account's next transaction carries.", Result = "AccountNonceResult",
            Params = [Required("account", RpcType.Address, "the account")],
            Handler = (_, p, _) => Done(new AccountNonceResult(store.Ledger.Last!.Height, pool.NextNonce(p.AddressOf("account")))),
        },
        new() { Name = "node_health", Summary = "How this node is doing.", Result = "an object of counters", Handler = (_, _, _) => Done(facts.Health()) },
    ];

    /// <summary>A certified receipt as it travels.</summary>
    public static TxWaitResult Receipt(CertifiedReceipt? found) => found is null
        ? new TxWaitResult(false)
        : new TxWaitResult(true, found.Receipt.Height, Codec.Encode(found.Receipt), Codec.Encode(found.Proof), Codec.Encode(found.Certificate));

    private ChainInfoResult Info()
    {
        ExecutedBlock last = store.Ledger.Last!;
        return new ChainInfoResult(
            facts.ChainId.ToString(), genesis.Name, last.Height, last.EffectiveTimeMs, epochs.Current.Epoch, facts.NodeKey.ToString(), facts.Organisation.ToString());
    }

    private ChainValidatorsResult Validators()
    {
        ValidatorSet current = epochs.Current;
        return new ChainValidatorsResult(current.Epoch, Codec.Encode(current), [.. facts.Endpoints]);
    }

    private ChainEpochsResult Epochs(ulong from)
    {
        const int Most = 32;
        return new ChainEpochsResult(epochs.Chain.Newest.Epoch, [.. epochs.Chain.From(Math.Max(from, 1), Most).Select(e => Codec.Encode(e))]);
    }

    private object Block(ulong height)
    {
        if (store.Ledger.Pruned(height) is { } pruned) throw RpcException.NotFound(pruned);
        if (store.Ledger.Block(height) is not { } block) throw RpcException.NotFound($"height {height} is not executed here; the newest is {store.Ledger.Last!.Height}");
        return new
        {
            height,
            hash = block.ComputeHash(),
            header = Codec.Encode(block.Header),
            transactions = block.TransactionHashes,
            commitCertificate = store.Ledger.CommitCertificate(height) is { } commit ? Codec.Encode(commit) : null,
            executionCertificate = store.Ledger.ExecutionCertificate(height) is { } execution ? Codec.Encode(execution) : null,
        };
    }

    private ChainProofResult Proof(JsonElement parameters)
    {
        ContractId contract = Contract(parameters);
        ExecutionCertificate certificate = store.Ledger.LatestExecutionCertificate() ?? throw RpcException.NotFound("no height is certified yet; try again in a moment");
        ProvedValue proved = store.State.Prove(StatePath.Of(contract, parameters.Text("key", 128)), certificate.Statement.Height);
        return new ChainProofResult(certificate.Statement.Height, proved.Json, Codec.Encode(proved.Proof), Codec.Encode(certificate));
    }

    private async Task<object?> ViewAsync(RpcContext context, JsonElement parameters, CancellationToken cancellation)
    {
        ulong height = store.Ledger.Last!.Height;
        if (parameters.OptionalNumber("minHeight") is { } least && least > height)
            throw new RpcException(RpcErrors.NodeBehind, $"the node is at height {height}, below the {least} asked for");
        ViewResult result = await views.AskForAsync(
            Contract(parameters), parameters.Text("method", 64), parameters.GetProperty("args").GetRawText(), context.Caller?.Address.ToString() ?? "").ConfigureAwait(false);
        if (!result.Ok) throw new RpcException(RpcErrors.ContractFailed, result.Error);
        using JsonDocument value = JsonDocument.Parse(result.Json!);
        return new ContractViewResult(result.Height, value.RootElement.Clone());
    }

    private static ContractId Contract(JsonElement parameters) => ContractId.TryParse(parameters.Text("contract", 128), out ContractId? contract)
        ? contract!
        : throw RpcException.Parameter("contract", "not a contract such as Token or Patient/ptoy1…");
}
