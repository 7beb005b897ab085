using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Workflows;

/// <summary>One access, as far as it is proven.</summary>
/// <param name="Entry">The entry.</param>
/// <param name="RequestProven">The requester signed the request: nobody forged it.</param>
/// <param name="AnchorProven">The entry is in a segment that the chain holds, proven from genesis. False before it is anchored.</param>
public sealed record ProvenAccess(AccessEntry Entry, bool RequestProven, bool AnchorProven);

/// <summary>Lists who accessed a person's records at one node, denials included, and verifies each entry.</summary>
/// <param name="node">Signs as the owner, or as somebody whom the owner lets search the access log.</param>
/// <param name="owner">Whose records.</param>
/// <param name="purpose">HL7 v3 purpose of use of anybody but the owner; null: PATADMIN.</param>
/// <param name="onBehalfOf">The organisation the reader acts for.</param>
public sealed class AuditReader(NodeConnection node, Address owner, string? purpose = null, Address? onBehalfOf = null)
{
    private const int PageSize = 500;
    private readonly Dictionary<string, Hash> _roots = [];

    /// <summary>
    /// Every entry of this node's log about the owner. Throws <see cref="UntrustedAnswerException"/> when an entry contradicts its proof: a
    /// node that shows altered entries is not to be believed at all.
    /// </summary>
    public async Task<IReadOnlyList<ProvenAccess>> ListAsync(CancellationToken cancellation = default)
    {
        var all = new List<ProvenAccess>();
        string? cursor = null;
        do
        {
            var page = await node.CallAsync<AuditListResult>("audit_list", new AuditListParams(owner.ToString(), cursor, PageSize, purpose), onBehalfOf, cancellation);
            foreach (AuditEntryDto entry in page.Entries) all.Add(await VerifyAsync(entry, cancellation));
            cursor = page.Next;
        }
        while (cursor is not null);
        return all;
    }

    private async Task<ProvenAccess> VerifyAsync(AuditEntryDto listed, CancellationToken cancellation)
    {
        var entry = Codec.Decode<AccessEntry>(listed.Entry, AccessEntry.MaxBytes);
        if (entry.Owner != owner) throw new UntrustedAnswerException("audit: an entry is about somebody else");
        if (entry.Node != node.Node) throw new UntrustedAnswerException("audit: an entry is of another node's log");
        bool signed = new RequestProof(entry.Requester, entry.Request, entry.RequestSignature).Verify();
        if (listed.Anchor is not { } anchor) return new ProvenAccess(entry, signed, false);
        Hash root = await AnchoredRootAsync(anchor, cancellation);
        var proof = Codec.Decode<MerkleProof>(anchor.Proof, 2048);
        if (!proof.Verify(entry.ComputeHash(), root)) throw new UntrustedAnswerException("audit: an entry is not in the segment that the chain holds");
        return new ProvenAccess(entry, signed, true);
    }

    private async Task<Hash> AnchoredRootAsync(AuditAnchorDto anchor, CancellationToken cancellation)
    {
        if (_roots.TryGetValue(anchor.Key, out Hash known)) return known;
        // A node proves with anchors of its own log only.
        if (!anchor.Key.StartsWith($"anchor/{node.Node}/", StringComparison.Ordinal)) throw new UntrustedAnswerException("audit: the anchor is of another node's log");
        string? value = await node.ProvenAsync(ContractId.Single("Audit"), anchor.Key, cancellation);
        if (value is null) throw new UntrustedAnswerException("audit: the chain holds no such anchor");
        using JsonDocument document = JsonDocument.Parse(value);
        return _roots[anchor.Key] = Hash.Parse(document.RootElement.GetProperty("root").GetString()!);
    }
}
