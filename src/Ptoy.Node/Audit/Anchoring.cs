using System.Globalization;
using System.Text.Json;
using Ptoy.Node.Gatekeeper;
using Ptoy.Node.Membership;
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
public sealed class Anchoring(AccessLog log, ContractViews views, NodeAccount account, PublicKey node, ILogger<Anchoring> logger)
{
    private static readonly ContractId Audit = ContractId.Single("Audit");

    /// <summary>One round: seal what is new, submit what is not on chain, oldest first.</summary>
    public void Run()
    {
        const int MostAtOnce = 32;
        log.Seal();
        // While transactions wait for their block there is nothing to do: the next round looks again.
        if (account.Waits) return;
        foreach (AccessSegment segment in log.Segments((ulong)(LatestAnchored() + 1)).Take(MostAtOnce))
        {
            if (account.Submit(Audit, "anchor", Arguments(segment)) is not { } refused) continue;
            logger.LogWarning("segment {Number} could not be anchored: {Reason}", segment.Number, refused);
            return;
        }
    }

    /// <summary>The state key under which a segment is anchored.</summary>
    public static string StateKey(PublicKey node, ulong segment) => $"anchor/{node}/{segment.ToString(CultureInfo.InvariantCulture)}";

    private string Arguments(AccessSegment segment) => ContractViews.Arguments(new
    {
        node = node.ToString(),
        segment = segment.Number,
        count = segment.Count,
        root = segment.Root.ToString(),
        head = segment.Head.ToString(),
    });

    private long LatestAnchored()
    {
        if (views.State(Audit, $"latest/{node}") is not { } text) return -1;
        using JsonDocument json = JsonDocument.Parse(text);
        return json.RootElement.ValueKind == JsonValueKind.Number ? json.RootElement.GetInt64() : json.RootElement.GetProperty("segment").GetInt64();
    }
}
