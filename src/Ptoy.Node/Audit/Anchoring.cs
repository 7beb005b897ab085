using System.Globalization;
using System.Text.Json;
using Ptoy.Node.Gatekeeper;
using Ptoy.Node.Mempool;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage.Audit;

namespace Ptoy.Node.Audit;

/// <summary>
/// Closes the access log into segments and anchors each on chain, in order, as the node's own account. What is not yet anchored is
/// tried again at every round, so a lost transaction delays an anchor and never skips one.
/// </summary>
public sealed class Anchoring(
    AccessLog log, ContractViews views, Admission admission, TransactionPool pool, SigningKey nodeKey, Func<ulong> height, ILogger<Anchoring> logger)
{
    private const ulong Lifetime = 200;
    private const ulong Gas = 5_000_000;

    private static readonly ContractId Audit = ContractId.Single("Audit");

    /// <summary>One round: seal what is new, submit what is not on chain, oldest first.</summary>
    public void Run()
    {
        const int MostAtOnce = 32;
        log.Seal();
        ulong nonce = NonceOnChain();
        // While anchors wait for their block there is nothing to do: the next round looks again.
        if (pool.NextNonce(nodeKey.Address) > nonce) return;
        foreach (AccessSegment segment in log.Segments((ulong)(LatestAnchored() + 1)).Take(MostAtOnce))
        {
            var body = new TransactionBody(
                admission.ChainId, nodeKey.Public, nonce++, height() + Lifetime, Gas, null, Audit, "anchor", Arguments(segment));
            (_, Rejection? rejection) = admission.Submit(Transaction.Sign(body, nodeKey).Bytes);
            if (rejection is null) continue;
            logger.LogWarning("segment {Number} could not be anchored: {Reason}", segment.Number, rejection.Message);
            return;
        }
    }

    /// <summary>The state key under which a segment is anchored.</summary>
    public static string StateKey(PublicKey node, ulong segment) => $"anchor/{node}/{segment.ToString(CultureInfo.InvariantCulture)}";

    private string Arguments(AccessSegment segment) => ContractViews.Arguments(new
    {
        node = nodeKey.Public.ToString(),
        segment = segment.Number,
        count = segment.Count,
        root = segment.Root.ToString(),
        head = segment.Head.ToString(),
    });

    private ulong NonceOnChain() => Execution.StatePath.ParseNonce(views.AccountState(nodeKey.Address));

    private long LatestAnchored()
    {
        if (views.State(Audit, $"latest/{nodeKey.Public}") is not { } text) return -1;
        using JsonDocument json = JsonDocument.Parse(text);
        return json.RootElement.ValueKind == JsonValueKind.Number ? json.RootElement.GetInt64() : json.RootElement.GetProperty("segment").GetInt64();
    }
}
