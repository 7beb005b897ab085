using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>Collects what goes into the next <see cref="Ready"/>. A list that was filled is handed over, not copied.</summary>
internal sealed class Outbox
{
    public List<Outbound> Send { get; private set; } = [];

    public List<ExecutionVote> Votes { get; } = [];

    public List<Block> SyncBodies { get; private set; } = [];

    public List<DecidedBlock> Committed { get; private set; } = [];

    public List<ExecutionCertificate> Certified { get; private set; } = [];

    public List<BodyRequest> WantBodies { get; private set; } = [];

    public List<Evidence> Evidence { get; private set; } = [];

    public List<TimedOutView> TimedOut { get; private set; } = [];

    public List<string> Notices { get; private set; } = [];

    public FetchRequest? Fetch { get; set; }

    public ExecutionCertificate? EpochEnded { get; set; }

    public bool IsEmpty =>
        Send.Count == 0 && Votes.Count == 0 && SyncBodies.Count == 0 && Committed.Count == 0 && Certified.Count == 0 && TimedOut.Count == 0
        && WantBodies.Count == 0 && Evidence.Count == 0 && Notices.Count == 0 && Fetch is null && EpochEnded is null;

    public Ready Take(List<LogRecord> persist, ProposalRequest? want, string? halted, ulong epoch, int self)
    {
        AttachVotes(epoch, self);
        var ready = new Ready
        {
            Persist = persist,
            SyncBodies = Handed(SyncBodies),
            Send = Handed(Send),
            Committed = Handed(Committed),
            Certified = Handed(Certified),
            WantBodies = Handed(WantBodies),
            Fetch = Fetch,
            WantProposal = want,
            Evidence = Handed(Evidence),
            TimedOut = Handed(TimedOut),
            Notices = Handed(Notices),
            EpochEnded = EpochEnded,
            Halted = halted,
        };
        if (Send.Count > 0) Send = [];
        if (SyncBodies.Count > 0) SyncBodies = [];
        if (Committed.Count > 0) Committed = [];
        if (Certified.Count > 0) Certified = [];
        if (WantBodies.Count > 0) WantBodies = [];
        if (Evidence.Count > 0) Evidence = [];
        if (TimedOut.Count > 0) TimedOut = [];
        if (Notices.Count > 0) Notices = [];
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
            Send[i] = outbound with { Envelope = outbound.Envelope with { Votes = Next(ref at) } };
        }
        while (at < Votes.Count) Send.Add(new Outbound(Outbound.Everyone, new ConsensusEnvelope(epoch, (byte)self, null, Next(ref at))));
        Votes.Clear();
    }

    // An empty list stays here and is filled later: it must not be seen in a Ready given out before.
    private static IReadOnlyList<T> Handed<T>(List<T> list) => list.Count > 0 ? list : [];

    private ExecutionVote[] Next(ref int at)
    {
        int from = at;
        at += Math.Min(ConsensusEnvelope.MaxVotes, Votes.Count - at);
        return Votes.GetRange(from, at - from).ToArray();
    }
}
