using System.Collections.Concurrent;
using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>One block as a node tells it.</summary>
internal sealed record WalkedBlock(Hash Hash, Hash[] Transactions, byte[] Header, ExecutionStatement? Result);

/// <summary>Reads whole chains and many receipts from a node, in batches, verifying certificates once.</summary>
internal sealed class ChainWalk(Members members)
{
    private readonly ConcurrentDictionary<Hash, ExecutionStatement> _verified = new();

    /// <summary>Blocks 1 to <paramref name="top"/> of a node. Throws when one does not verify.</summary>
    public async Task<WalkedBlock[]> BlocksAsync(Member member, ulong top)
    {
        var blocks = new List<WalkedBlock>((int)top);
        foreach (ulong[] heights in Enumerable.Range(1, (int)top).Select(h => (ulong)h).Chunk(RpcClient.MaxBatch))
        {
            IReadOnlyList<RpcReply> replies = await member.Checker.BatchAsync([.. heights.Select(h =>
                new RpcRequest("chain_block", new { height = h }))]).ConfigureAwait(false);
            for (int i = 0; i < heights.Length; i++) blocks.Add(Block(replies[i].Value<JsonElement>(), heights[i]));
        }
        return [.. blocks];
    }

    private WalkedBlock Block(JsonElement json, ulong height)
    {
        byte[] header = json.GetProperty("header").GetBytesFromBase64();
        Hash[] transactions = [.. json.GetProperty("transactions").EnumerateArray().Select(t => Hash.Parse(t.GetString()!))];
        var decoded = Codec.Decode<BlockHeader>(header, 4096);
        Hash hash = decoded.ComputeHash();
        if (decoded.Height != height || MerkleTree.Root(transactions) != decoded.TransactionRoot)
            throw new InvalidDataException($"block {height} does not match its header");
        var commit = Codec.Decode<CommitCertificate>(json.GetProperty("commitCertificate").GetBytesFromBase64(),
            ExecutionCertificate.MaxBytes);
        if (commit.Statement.BlockHash != hash || commit.Statement.Height != height)
            throw new InvalidDataException($"the certificate of block {height} is of another block");
        if (commit.Verify(members.Chain.Validators) is { } problem) throw new InvalidDataException($"block {height}: {problem}");
        ExecutionStatement? result = json.TryGetProperty("executionCertificate", out JsonElement certificate)
            && certificate.ValueKind == JsonValueKind.String
            ? Statement(certificate.GetBytesFromBase64()) : null;
        return new WalkedBlock(hash, transactions, header, result);
    }

    /// <summary>Certified receipts of transactions at a node, null where the node has none.</summary>
    public async Task<Receipt?[]> ReceiptsAsync(Member member, IReadOnlyList<Hash> transactions)
    {
        var receipts = new List<Receipt?>(transactions.Count);
        foreach (Hash[] part in transactions.Chunk(RpcClient.MaxBatch))
        {
            IReadOnlyList<RpcReply> replies = await member.Checker.BatchAsync([.. part.Select(t =>
                new RpcRequest("chain_receipt", new { hash = t.ToString() }))]).ConfigureAwait(false);
            for (int i = 0; i < part.Length; i++) receipts.Add(Receipt(part[i], replies[i].Value<TxWaitResult>()));
        }
        return [.. receipts];
    }

    private Receipt? Receipt(Hash transaction, TxWaitResult answer)
    {
        if (!answer.Found) return null;
        ExecutionStatement statement = Statement(answer.Certificate!);
        var receipt = Codec.Decode<Receipt>(answer.Receipt!, Protocol.Ledger.Receipt.MaxBytes);
        bool proven = receipt.Transaction == transaction && receipt.Height == statement.Height
            && Codec.Decode<MerkleProof>(answer.Proof!, 2048).Verify(receipt.ComputeHash(), statement.ReceiptsRoot);
        return proven ? receipt : throw new InvalidDataException($"the receipt of {transaction} is not under its certificate");
    }

    private ExecutionStatement Statement(byte[] certificate) =>
        _verified.GetOrAdd(RecordLoad.ContentHash(certificate), _ => members.Chain.Verify(certificate));
}
