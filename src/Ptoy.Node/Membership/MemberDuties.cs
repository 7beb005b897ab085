using System.Collections.Concurrent;
using Ptoy.Consensus;
using Ptoy.Node.Gatekeeper;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage.Ledger;

namespace Ptoy.Node.Membership;

/// <summary>
/// What a node says on chain about membership, as its own account: a candidate that it follows; a member that a candidate follows, that a
/// member is away or back, and that one has contradicted itself. What is not on chain yet is said again at a later round.
/// </summary>
public sealed class MemberDuties(
    MemberBook members, LedgerStore ledger, NodeAccount account, ITransport transport, PublicKey self, Func<IReadOnlySet<string>> marked, ILogger<MemberDuties> log)
{
    /// <summary>Rounds for which a member has to be away, or back, before that is said.</summary>
    public const int RoundsForReport = 20;

    /// <summary>Views that a member let run out, within <see cref="RoundsForForgetting"/>, before that is said.</summary>
    public const int TimeoutsForReport = 3;

    /// <summary>Rounds after which timeouts are forgotten.</summary>
    public const int RoundsForForgetting = 240;

    /// <summary>Heights after which a claim that was not confirmed is made anew.</summary>
    private const ulong ClaimAgain = 300;

    /// <summary>A claim is about a height that the members have surely executed too.</summary>
    private const ulong ClaimBelow = 2;

    private static readonly ContractId Conduct = ContractId.Single("Conduct");

    private readonly ConcurrentDictionary<PublicKey, string> _accusations = new();
    private readonly ConcurrentDictionary<PublicKey, int> _timeouts = new();
    private readonly Dictionary<PublicKey, int> _streaks = [];
    private readonly Dictionary<PublicKey, (ulong Epoch, bool Absent)> _said = [];
    private ulong _claimed;
    private int _rounds;
    private ulong _busyUntil;

    /// <summary>One round.</summary>
    public void Run()
    {
        GovernanceFacts now = members.Now;
        if (++_rounds % RoundsForForgetting == 0) _timeouts.Clear();
        ulong height = ledger.Last!.Height;
        if (account.Waits && height < _busyUntil) return;
        _busyUntil = height + 8;
        if (now.Candidates.FirstOrDefault(c => c.Node.NodeKey == self) is { Seen: false } mine) Claim(mine, height);
        if (now.Members.All(m => m.NodeKey != self)) return;
        foreach (CandidateEntry candidate in now.Candidates) Confirm(candidate);
        IReadOnlySet<string> absent = marked();
        foreach (MemberEntry member in now.Members.Where(m => m.NodeKey != self)) Watch(now.Epoch, member.NodeKey, absent.Contains(member.NodeKey.ToString()));
        foreach ((PublicKey node, string arguments) in _accusations) Accuse(node, arguments);
    }

    /// <summary>A view of this set's replica ended by timeout.</summary>
    public void OnTimedOut(ValidatorSet set, TimedOutView view) => _timeouts.AddOrUpdate(set.Members[view.Primary].NodeKey, 1, (_, n) => n + 1);

    /// <summary>A replica of this set signed two contradictory votes.</summary>
    public void OnEvidence(ValidatorSet set, Evidence evidence)
    {
        PublicKey node = set.Members[evidence.Replica].NodeKey;
        HeldVote first = evidence.First;
        object Vote(HeldVote v) => new { blockHash = v.BlockHash.ToString(), signature = Convert.ToHexStringLower(v.Signature.Bytes) };
        _accusations.TryAdd(node, ContractViews.Arguments(new
        {
            nodeKey = node.ToString(), phase = first.IsCommit ? "commit" : "prepare", epoch = set.Epoch, view = first.View, height = first.Height,
            first = Vote(first), second = Vote(evidence.Second),
        }));
    }

    private void Claim(CandidateEntry mine, ulong height)
    {
        if (height <= ClaimBelow || (_claimed > 0 && height < _claimed + ClaimAgain)) return;
        // Behind the others, the claim would be too old by the time it is executed.
        if (ledger.LatestExecutionCertificate()?.Statement.Height is not { } certified || certified + ClaimBelow < height) return;
        // Right behind a snapshot the heights below it are not known here.
        if (ledger.Executed(height - ClaimBelow) is not { } about) return;
        if (account.Submit(GovernanceFacts.Contract, "following", ContractViews.Arguments(about.Height, about.ChainHash.ToString())) is { } refused)
        {
            log.LogWarning("the claim to follow was refused: {Reason}", refused);
            return;
        }
        _claimed = height;
        log.LogInformation("candidate {Node}: following at height {Height}", mine.Node.NodeKey, about.Height);
    }

    private void Confirm(CandidateEntry candidate)
    {
        if (candidate.Seen || candidate.Claim is not { } claim || candidate.Confirmed.Contains(self)) return;
        if (ledger.Executed(claim.Height) is not { } mine) return;
        if (mine.ChainHash != claim.ChainHash)
        {
            log.LogWarning("candidate {Node} claims another chain at height {Height} than was executed here", candidate.Node.NodeKey, claim.Height);
            return;
        }
        string arguments = ContractViews.Arguments(candidate.Node.NodeKey.ToString(), claim.Height, claim.ChainHash.ToString());
        if (account.Submit(GovernanceFacts.Contract, "confirm", arguments) is { } refused) log.LogWarning("a confirmation was refused: {Reason}", refused);
    }

    /// <summary>
    /// Connections tell whether a node is there, views that ran out whether it serves as primary. One that was away for some rounds, or let
    /// several views run out, is reported, once an epoch; when it is back, likewise.
    /// </summary>
    private void Watch(ulong epoch, PublicKey node, bool marked)
    {
        int streak = _streaks.GetValueOrDefault(node);
        streak = transport.IsUp(node, Carrier.Votes) ? Math.Max(streak, 0) + 1 : Math.Min(streak, 0) - 1;
        _streaks[node] = Math.Clamp(streak, -RoundsForReport, RoundsForReport);
        int timeouts = _timeouts.GetValueOrDefault(node);
        bool away = streak <= -RoundsForReport || timeouts >= TimeoutsForReport, back = streak >= RoundsForReport && timeouts == 0;
        if (back && !marked) _said.Remove(node);
        if ((!away || marked) && (!back || !marked)) return;
        if (_said.TryGetValue(node, out (ulong Epoch, bool Absent) said) && said == (epoch, away)) return;
        if (account.Submit(Conduct, away ? "reportAbsent" : "reportPresent", ContractViews.Arguments(epoch, node.ToString())) is { } refused)
            log.LogWarning("a report was refused: {Reason}", refused);
        else
            _said[node] = (epoch, away);
    }

    private void Accuse(PublicKey node, string arguments)
    {
        _accusations.TryRemove(node, out _);
        if (account.Submit(Conduct, "accuse", arguments) is { } refused) log.LogError("the accusation of {Node} was refused: {Reason}", node, refused);
    }
}
