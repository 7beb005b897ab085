using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>Collects what goes into the next <see cref="Ready"/>.</summary>
internal sealed class Outbox
{
    public List<Outbound> Send { get; } = [];

    public List<ExecutionVote> Votes { get; } = [];

    public List<Block> SyncBodies { get; } = [];

    public List<DecidedBlock> Committed { get; } = [];

    public List<ExecutionCertificate> Certified { get; } = [];

    public List<BodyRequest> WantBodies { get; } = [];

    public List<Evidence> Evidence { get; } = [];

    public List<string> Notices { get; } = [];

    public FetchRequest? Fetch { get; set; }

    public ExecutionCertificate? EpochEnded { get; set; }

    public bool IsEmpty =>
        Send.Count == 0 && Votes.Count == 0 && SyncBodies.Count == 0 && Committed.Count == 0 && Certified.Count == 0
        && WantBodies.Count == 0 && Evidence.Count == 0 && Notices.Count == 0 && Fetch is null && EpochEnded is null;

    public Ready Take(List<LogRecord> persist, ProposalRequest? want, string? halted, ulong epoch, int self)
    {
        AttachVotes(epoch, self);
        var ready = new Ready
        {
            Persist = persist,
            SyncBodies = [.. SyncBodies],
            Send = [.. Send],
            Committed = [.. Committed],
            Certified = [.. Certified],
            WantBodies = [.. WantBodies],
            Fetch = Fetch,
            WantProposal = want,
            Evidence = [.. Evidence],
            Notices = [.. Notices],
            EpochEnded = EpochEnded,
            Halted = halted,
        };
        Send.Clear();
        SyncBodies.Clear();
        Committed.Clear();
        Certified.Clear();
        WantBodies.Clear();
        Evidence.Clear();
        Notices.Clear();
        Fetch = null;
        EpochEnded = null;
        return ready;
    }

    /// <summary>Execution votes travel with a small broadcast that leaves anyway, else alone: they never wait.</summary>
    private void AttachVotes(ulong epoch, int self)
    {
        if (Votes.Count == 0) return;
        int at = 0;
        for (int i = 0; i < Send.Count && at < Votes.Count; i++)
        {
            Outbound outbound = Send[i];
            if (outbound.To != Outbound.Everyone || outbound.Envelope.Message is not (Prepare or Commit)) continue;
            ExecutionVote[] some = Votes.Skip(at).Take(ConsensusEnvelope.MaxVotes).ToArray();
            at += some.Length;
            Send[i] = outbound with { Envelope = outbound.Envelope with { Votes = some } };
        }
        for (; at < Votes.Count; at += ConsensusEnvelope.MaxVotes)
        {
            ExecutionVote[] some = Votes.Skip(at).Take(ConsensusEnvelope.MaxVotes).ToArray();
            Send.Add(new Outbound(Outbound.Everyone, new ConsensusEnvelope(epoch, (byte)self, null, some)));
        }
        Votes.Clear();
    }
}
