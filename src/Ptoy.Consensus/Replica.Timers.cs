using Ptoy.Protocol.Consensus;

namespace Ptoy.Consensus;

/// <summary>Time: when to ask for the next view, when to say things again.</summary>
public sealed partial class Replica
{
    /// <summary>Heights whose messages are sent again in one round.</summary>
    private const int ResendHeights = 8;

    private ulong _progressAt;
    private ulong? _waitingSince;
    private ulong _resentAt;
    private ulong _statusAt;
    private bool _pendingWork;

    /// <summary>Views asked for since the last commit.</summary>
    private int _attempts;

    /// <summary>When a quorum was first seen to ask for the view; only then does its timer run.</summary>
    private ulong? _quorumAskedAt;

    /// <summary>
    /// One tick passed; <paramref name="nowMs"/> is the local clock (milliseconds since 1970 UTC), used for nothing but to hold proposals
    /// dated too far ahead.
    /// </summary>
    public void Tick(ulong nowMs)
    {
        if (Halted is not null) return;
        bool clockMoved = nowMs > _nowMs;
        _nowMs = Math.Max(_nowMs, nowMs);
        _now++;
        if (clockMoved && _now % (ulong)_config.ResendTicks == 0) ConsiderAbove(Committed);
        TickView();
        TickResend();
        TickFetch();
        if (_now - _statusAt >= (ulong)_config.StatusTicks) SendStatus(asks: false);
    }

    /// <summary>
    /// The timeout after so many fruitless views: doubling up to <see cref="ReplicaConfig.MaxDoublingTicks"/>, then growing by that
    /// much a view.
    /// </summary>
    internal static ulong Timeout(ReplicaConfig config, int attempts)
    {
        ulong timeout = (ulong)config.ViewTimeoutTicks, most = (ulong)config.MaxDoublingTicks;
        if (config.Fault == PlantedFault.TimeoutCappedLow) return Math.Max(1, timeout / 4);
        int left = attempts;
        while (left > 0 && timeout < most)
        {
            timeout = Math.Min(timeout * 2, most);
            left--;
        }
        return timeout + ((ulong)left * most);
    }

    /// <summary>Smoothed ticks that a height takes to commit while work waits, times <see cref="PaceWeight"/>.</summary>
    private ulong _pace;

    private const ulong PaceWeight = 8;

    /// <summary>
    /// The timeout of this moment. Where commits are slow because the machines are, the primary gets the time of several commits, within
    /// a small multiple of the configured timeout: a view change would only add to the load.
    /// </summary>
    private ulong ViewTimeout(int attempts)
    {
        const ulong Commits = 4, MostFold = 3;
        ulong usual = Math.Min(Commits * _pace / PaceWeight, MostFold * (ulong)_config.ViewTimeoutTicks);
        return _config.Fault == PlantedFault.TimeoutCappedLow ? Timeout(_config, 0) : Math.Max(Timeout(_config, attempts), usual);
    }

    private void NotePace()
    {
        if (_waitingSince is not { } since) return;
        ulong took = Math.Min(_now - Math.Max(since, _progressAt), ViewTimeout(0));
        _pace = _pace - (_pace / PaceWeight) + took;
    }

    private void OnProgress()
    {
        NotePace();
        _progressAt = _now;
        _resentAt = _now;
        _attempts = 0;
        _waitingSince = null;
        _timedOut = null;
    }

    private void OnPendingWork(bool waiting) => _pendingWork = waiting;

    /// <summary>True when peers are known to be further: then this replica's own lag is no reason to blame the primary.</summary>
    private bool IsBehind => KnownCommitted() > Committed;

    private void TickView()
    {
        // With all heights of the epoch decided here, only the others can need another view, and they ask for it.
        if (!Votes || Committed >= _barrier) return;
        if (!ViewActive)
        {
            if (_quorumAskedAt is not { } since) return;
            // A commit that came in meanwhile has reset the attempts.
            ulong limit = IsPrimaryLost ? (ulong)_config.LostLinkTicks : ViewTimeout(Math.Max(0, _attempts - 1));
            if (_now - since < limit) return;
            _out.TimedOut.Add(new TimedOutView(View, Primary));
            AskForView(View + 1, "no new view in time");
            return;
        }
        RotateWhenDue();
        if (!ViewActive) return;
        bool work = _pendingWork || _barrier is not null || IsAnythingProposed();
        if (!work) _waitingSince = null;
        else _waitingSince ??= _now;
        ulong timeout = ViewTimeout(_attempts);
        ulong idle = _now - _progressAt;
        bool stalled = _waitingSince is { } started && _now - started >= timeout;
        bool silent = idle >= (ulong)_config.HeartbeatTicks + timeout;
        // Not for ever: the peers that are further may be gone.
        bool blameless = IsBehind && idle < 4 * timeout;
        bool lost = work && IsPrimaryLost && idle >= (ulong)_config.LostLinkTicks;
        if ((stalled || silent || lost) && !blameless)
            WaitedInVain(stalled ? "no progress in time" : lost ? "its connection is broken" : "no heartbeat in time");
    }

    private bool IsAnythingProposed()
    {
        for (ulong h = Committed + 1; h <= _slots.Top; h++)
        {
            if (_slots[h]?.Current is { } current && current.View == View) return true;
        }
        return false;
    }

    private void TickResend()
    {
        if (_now - _resentAt < (ulong)_config.ResendTicks) return;
        _resentAt = _now;
        if (!Signs) return;
        if (!_heardEnough) SendStatus(asks: true);
        if (!ViewActive)
        {
            if (_viewChanges[_self] is { } mine) Broadcast(mine);
            SendStatus(asks: false);
            return;
        }
        int open = 0;
        for (ulong h = Committed + 1; h <= _slots.Top && open < ResendHeights; h++)
        {
            if (_slots[h] is not { } slot) continue;
            open++;
            ResendVotes(slot, Outbound.Everyone);
            AskForWanted(slot);
            Consider(slot);
        }
        if (open > 0 || Suspects) SendStatus(asks: false);
    }

    /// <summary>Sends again exactly what was signed before.</summary>
    private void ResendVotes(Slot slot, int to)
    {
        if (!Signs) return;
        Vote prepare = slot.Prepares[_self], commit = slot.Commits[_self];
        if (prepare.Signature is not null && prepare.View == View)
        {
            bool proposed = Primary == _self && slot.Current is { FromNewView: false } current && current.View == View;
            SendTo(to, proposed && slot.Find(prepare.Block) is { } known
                ? new PrePrepare(View, known.Block, prepare.Signature)
                : new Prepare(prepare.View, slot.Height, prepare.Block, prepare.Signature));
        }
        if (commit.Signature is not null && commit.View == View)
            SendTo(to, new Commit(commit.View, slot.Height, commit.Block, commit.Signature));
    }
}
