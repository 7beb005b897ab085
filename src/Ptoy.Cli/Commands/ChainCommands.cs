using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Ptoy.Cli.Shell;
using Ptoy.Client.Light;
using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy chain</c>: what anybody may ask, checked from genesis.</summary>
internal static class ChainCommands
{
    public static Command Build(SharedOptions shared) => new PtoyCommand("chain", "The chain: blocks, receipts, proofs, members.")
        .With(Info(shared), Block(shared), ReceiptOf(shared), Proof(shared), Validators(shared), SkipTxCommand.Build(shared));

    private static PtoyCommand Info(SharedOptions shared) =>
        new PtoyCommand("info", "Shows the chain, its newest height, and which node answers.", "ptoy chain info", "ptoy chain info --node https://node.example --json")
            .With(shared.Node)
            .Does(async call =>
            {
                await using RpcHttpClient rpc = call.Rpc(shared);
                var info = await rpc.CallAsync<ChainInfoResult>("chain_info", new NoParams(), null, call.Cancellation);
                call.Output.Result(
                    info, $"chain         {info.Name}  {info.ChainId}", $"height        {info.Height}", $"time          {Time(info.TimeMs)}", $"epoch         {info.Epoch}",
                    $"node          {info.Node}", $"organisation  {info.Organisation}");
            });

    private static PtoyCommand Block(SharedOptions shared)
    {
        var height = new Argument<ulong>("height") { Description = "of an executed block" };
        return new PtoyCommand("block", "Shows a block; checks its hash and both certificates when --genesis is given.", "ptoy chain block 42 --genesis genesis.json")
            .With([height, .. shared.Chain])
            .Does(async call =>
            {
                Genesis? genesis = GenesisIfGiven(call, shared);
                await using RpcHttpClient rpc = call.Rpc(shared);
                LightClient? light = await FollowedAsync(genesis, rpc, call.Cancellation);
                JsonElement answer = await rpc.CallAsync("chain_block", new { height = call.Get(height) }, null, call.Cancellation);
                var header = Codec.Decode<BlockHeader>(answer.GetProperty("header").GetBytesFromBase64(), Ptoy.Protocol.Ledger.Block.MaxBytes);
                if (light is not null) CheckBlock(answer, header, light);
                string[] transactions = [.. answer.GetProperty("transactions").EnumerateArray().Select(t => t.ToString())];
                call.Output.Result(
                    new
                    {
                        height = header.Height, hash = header.ComputeHash().ToString(), time = Time(header.TimeMs), epoch = header.Epoch, executedHeight = header.ExecutedHeight,
                        stateRoot = header.ExecutedStateRoot.ToString(), transactions, verified = genesis is not null,
                    },
                    [$"height        {header.Height}", $"hash          {header.ComputeHash()}", $"time          {Time(header.TimeMs)}", $"transactions  {transactions.Length}",
                        .. transactions.Select(t => $"              {t}"), Verified(genesis)]);
            });
    }

    private static PtoyCommand ReceiptOf(SharedOptions shared)
    {
        var hash = new Argument<string>("transaction") { Description = "its hash" };
        return new PtoyCommand("receipt", "Shows what became of a transaction, checked from genesis.", "ptoy chain receipt 3f…64 digits --genesis genesis.json")
            .With([hash, .. shared.Chain])
            .Does(async call =>
            {
                Hash transaction = Call.HashOf(hash, call.Get(hash));
                var light = new LightClient(call.Genesis(shared));
                await using RpcHttpClient rpc = call.Rpc(shared);
                await new VerifiedClient(rpc, light).FollowAsync(call.Cancellation);
                var answer = await rpc.CallAsync<TxWaitResult>("chain_receipt", new { hash = transaction.ToString() }, null, call.Cancellation);
                if (!answer.Found) throw CliException.Failed($"the node has no certified receipt of {transaction}");
                Receipt receipt = light.Receipt(transaction, answer);
                call.Output.Result(
                    new
                    {
                        transaction = transaction.ToString(), height = receipt.Height, index = receipt.Index, status = receipt.Status.ToString(), gas = receipt.GasUsed,
                        result = receipt.Result, error = receipt.Error, events = receipt.Events.Select(e => new { contract = e.Contract.ToString(), name = e.Name, data = e.Data }),
                    },
                    $"status  {receipt.Status}", $"place   height {receipt.Height}, index {receipt.Index}", $"gas     {receipt.GasUsed}",
                    receipt.Error.Length > 0 ? $"error   {receipt.Error}" : $"result  {receipt.Result}", "proven from genesis");
            });
    }

    private static PtoyCommand Proof(SharedOptions shared)
    {
        var contract = new Argument<string>("contract") { Description = "Token, or Patient/ptoy1…" };
        var key = new Argument<string>("key") { Description = "key inside the contract's state" };
        return new PtoyCommand("proof", "Shows a state value, or its absence, proven from genesis.", "ptoy chain proof Token b/ptoy1… --genesis genesis.json", "ptoy chain proof Governance members --genesis genesis.json --json")
            .With([contract, key, .. shared.Chain])
            .Does(async call =>
            {
                if (!ContractId.TryParse(call.Get(contract), out ContractId? id)) throw CliException.Usage($"contract: '{call.Get(contract)}' is not a contract such as Token or Patient/ptoy1…");
                var light = new LightClient(call.Genesis(shared));
                await using RpcHttpClient rpc = call.Rpc(shared);
                VerifiedValue value = await new VerifiedClient(rpc, light).StateAsync(id!, call.Get(key), cancellation: call.Cancellation);
                call.Output.Result(
                    new { contract = id!.ToString(), key = call.Get(key), height = value.Height, value = value.Value, absent = value.Value is null },
                    value.Value ?? "(absent)", $"proven from genesis at height {value.Height}");
            });
    }

    private static PtoyCommand Validators(SharedOptions shared) =>
        new PtoyCommand("validators", "Lists the members and where they answer.", "ptoy chain validators", "ptoy chain validators --genesis genesis.json --json")
            .With(shared.Chain)
            .Does(async call =>
            {
                Genesis? genesis = GenesisIfGiven(call, shared);
                await using RpcHttpClient rpc = call.Rpc(shared);
                var answer = await rpc.CallAsync<ChainValidatorsResult>("chain_validators", new NoParams(), null, call.Cancellation);
                LightClient? light = await FollowedAsync(genesis, rpc, call.Cancellation);
                var set = Codec.Decode<ValidatorSet>(answer.Validators, 64 * 1024);
                if (light is not null && light.Epochs.Of(set.Epoch)?.ComputeHash() != set.ComputeHash()) throw CliException.Failed("the node's members do not follow from genesis");
                call.Output.Table(
                    new
                    {
                        epoch = set.Epoch, quorum = set.Quorum, faulty = set.Faulty, verified = genesis is not null,
                        members = set.Members.Select(m => new { node = m.NodeKey.ToString(), organisation = m.Organisation.ToString(), url = UrlOf(answer, m) }),
                    },
                    ["node key", "organisation", "address"], set.Members.Select(m => new[] { m.NodeKey.ToString(), m.Organisation.ToString(), UrlOf(answer, m) ?? "" }), "no members");
            });

    private static string? UrlOf(ChainValidatorsResult answer, Validator member) => answer.Endpoints.FirstOrDefault(e => e.Node == member.NodeKey.ToString())?.Url;

    private static Genesis? GenesisIfGiven(Call call, SharedOptions shared) => call.Optional(shared.Genesis, SharedOptions.GenesisVariable) is null ? null : call.Genesis(shared);

    private static async Task<LightClient?> FollowedAsync(Genesis? genesis, RpcClient rpc, CancellationToken cancellation)
    {
        if (genesis is null) return null;
        var light = new LightClient(genesis);
        await new VerifiedClient(rpc, light).FollowAsync(cancellation);
        return light;
    }

    private static void CheckBlock(JsonElement answer, BlockHeader header, LightClient light)
    {
        Hash hash = header.ComputeHash();
        if (header.ChainId != light.ChainId) throw CliException.Failed("the block is of another chain");
        if (answer.GetProperty("hash").ToString() != hash.ToString()) throw CliException.Failed("the block's hash is not that of its header");
        if (Bytes(answer, "commitCertificate") is not { } bytes) throw CliException.Failed("the node holds no commit certificate of this block");
        var commit = Codec.Decode<CommitCertificate>(bytes, ExecutionCertificate.MaxBytes);
        if (commit.Statement.BlockHash != hash || commit.Statement.Height != header.Height) throw CliException.Failed("the commit certificate is of another block");
        if (light.Epochs.Verify(commit) is { } problem) throw CliException.Failed($"commit certificate: {problem}");
        if (Bytes(answer, "executionCertificate") is { } execution && light.Certificate(execution).Height != header.Height)
            throw CliException.Failed("the execution certificate is of another height");
    }

    private static byte[]? Bytes(JsonElement answer, string name) =>
        answer.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetBytesFromBase64() : null;

    private static string Verified(Genesis? genesis) => genesis is null ? "not checked (no --genesis)" : "checked from genesis";

    private static string Time(ulong timeMs) => DateTimeOffset.FromUnixTimeMilliseconds((long)timeMs).ToString("u", CultureInfo.InvariantCulture);
}
