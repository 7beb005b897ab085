using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Simulation;

/// <summary>
/// A Byzantine replica: as primary it proposes one block to the even peers and a twin to the odd ones, and it prepares and
/// commits whichever each of them was shown.
/// </summary>
internal sealed class Equivocator(Hash chainId, INodeSigner signer)
{
    private readonly Dictionary<Hash, Hash> _twins = [];

    /// <summary>What the peer is told instead.</summary>
    public ConsensusEnvelope For(int peer, ConsensusEnvelope envelope, Totals totals)
    {
        if (peer % 2 == 0) return envelope;
        switch (envelope.Message)
        {
            case PrePrepare m:
                Block twin = m.Block with { Header = m.Block.Header with { TimeMs = m.Block.Header.TimeMs + 1 } };
                Hash hash = twin.ComputeHash();
                _twins[m.Block.ComputeHash()] = hash;
                totals.Equivocations++;
                return envelope with { Message = new PrePrepare(m.View, twin, Sign(VoteStatement.PrepareDomain, m.View, twin.Header.Height, hash)) };
            case Prepare m when _twins.TryGetValue(m.BlockHash, out Hash other):
                return envelope with { Message = new Prepare(m.View, m.Height, other, Sign(VoteStatement.PrepareDomain, m.View, m.Height, other)) };
            case Commit m when _twins.TryGetValue(m.BlockHash, out Hash other):
                return envelope with { Message = new Commit(m.View, m.Height, other, Sign(VoteStatement.CommitDomain, m.View, m.Height, other)) };
            default:
                return envelope;
        }
    }

    private Ptoy.Protocol.Crypto.Signature Sign(string domain, ulong view, ulong height, Hash hash) =>
        signer.Sign(domain, Codec.Encode(new VoteStatement(chainId, 0, view, height, hash)));
}
