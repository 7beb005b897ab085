using Ptoy.Node.Mempool;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Consensus;

/// <summary>What the watch needs to know of consensus at one look.</summary>
/// <param name="View">The current view.</param>
/// <param name="Open">True while the view is open and another replica is its primary, and this one may ask for the next view.</param>
/// <param name="Primary">The primary's index.</param>
/// <param name="Known">The highest height that is known to be proposed or decided anywhere.</param>
public readonly record struct ViewFacts(ulong View, bool Open, int Primary, ulong Known);

/// <summary>How patient the watch is. A look is a call of <see cref="CensorshipWatch.LookAsync"/>.</summary>
/// <param name="ForwardAfter">Looks that a transaction waits at the head of its lane before it is handed to the primary.</param>
/// <param name="SuspectAfter">Looks that it waits from then on before the primary may be suspected.</param>
/// <param name="Blocks">Blocks in which somebody else had an unfair turn.</param>
public sealed record CensorshipBounds(int ForwardAfter = 4, int SuspectAfter = 12, int Blocks = 8);

/// <summary>
/// Complains about a primary that leaves a transaction out. A transaction that could be executed next and waits for long is handed to the
/// primary itself, which answers that it has it. From then on a fair primary serves its sender before anybody gets a second turn, and before
/// anybody who came later. So the primary is suspected when, in blocks proposed after that, (a) one other sender had turns in <see cref="CensorshipBounds.Blocks"/>
/// different blocks, or (b) that many blocks served senders of whom nothing was waiting some looks after the hand-over, and several times the
/// backlog of that moment was ordered. Load alone does neither, however long it makes everybody wait. Bounded: <see cref="MaxHeads"/> transactions
/// and as many senders are watched.
/// </summary>
public sealed class CensorshipWatch(
    TransactionPool pool, Func<int, IReadOnlyList<Transaction>, CancellationToken, Task<bool>> forward, Action<ulong, Transaction> suspect, CensorshipBounds? bounds = null)
{
    /// <summary>Transactions watched at one time.</summary>
    public const int MaxHeads = 4_096;

    /// <summary>Transactions handed to the primary in one look.</summary>
    public const int MaxForwarded = 64;

    /// <summary>Time between two looks.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    /// <summary>What expires within so many heights is not worth a complaint.</summary>
    private const ulong ExpiryMargin = 64;

    /// <summary>What is spread among the replicas may be lost, so their backlogs differ: newcomers count once so many times our own was ordered.</summary>
    private const long Backlogs = 4;

    private readonly CensorshipBounds _bounds = bounds ?? new CensorshipBounds();
    private readonly Lock _gate = new();
    private readonly Dictionary<Hash, Head> _heads = [];
    private readonly Dictionary<Address, Queue<ulong>> _turns = [];
    private readonly Queue<(ulong Height, long Look)> _newcomers = new();
    private HashSet<Address> _waiting = [];
    private bool _waitingIsComplete;
    private ulong _view;
    private long _look;
    private ulong _height;

    private sealed class Head(Transaction transaction, long since)
    {
        public Transaction Transaction => transaction;

        public long Since { get; } = since;

        /// <summary>The look at which the primary last said that it has it, since when without a break; null while it has not.</summary>
        public long? Handed { get; set; }

        public long LastHanded { get; set; }

        /// <summary>Blocks from this height on were proposed after the primary had it.</summary>
        public ulong From { get; set; }

        /// <summary>Transactions that waited when the primary got it, and how many were ordered from <see cref="From"/> on.</summary>
        public long Backlog { get; set; }

        public long Ordered { get; set; }
    }

    /// <summary>Times that a primary was suspected.</summary>
    public long Suspicions { get; private set; }

    /// <summary>A block was executed. From any thread.</summary>
    public void OnExecuted(ulong height, IReadOnlyList<Transaction> transactions)
    {
        lock (_gate)
        {
            _height = height;
            foreach (Head head in _heads.Values.Where(h => h.Handed is not null && height >= h.From)) head.Ordered += transactions.Count;
            bool newcomer = false;
            foreach (Address sender in transactions.Select(t => t.Sender).Distinct())
            {
                newcomer |= _waitingIsComplete && !_waiting.Contains(sender);
                if (!_turns.TryGetValue(sender, out Queue<ulong>? turns))
                {
                    if (_turns.Count >= MaxHeads) _turns.Clear();
                    _turns[sender] = turns = new Queue<ulong>();
                }
                turns.Enqueue(height);
                if (turns.Count > _bounds.Blocks) turns.Dequeue();
            }
            if (!newcomer) return;
            _newcomers.Enqueue((height, _look));
            if (_newcomers.Count > _bounds.Blocks) _newcomers.Dequeue();
        }
    }

    /// <summary>One look: hands over what waits for long, and suspects the primary when the evidence is there.</summary>
    public async Task LookAsync(ViewFacts facts, CancellationToken cancellation)
    {
        List<Head> overdue;
        lock (_gate)
        {
            _look++;
            if (!facts.Open || facts.View != _view)
            {
                // A primary is judged by its own view only.
                _view = facts.View;
                Forget();
                if (!facts.Open) return;
            }
            Track();
            if (_heads.Values.FirstOrDefault(IsCensored) is { } censored)
            {
                Suspicions++;
                Forget();
                suspect(facts.View, censored.Transaction);
                return;
            }
            overdue = [.. _heads.Values.Where(IsOverdue).OrderBy(h => h.Since).Take(MaxForwarded)];
        }
        if (overdue.Count == 0) return;
        bool has = await forward(facts.Primary, [.. overdue.Select(h => h.Transaction)], cancellation).ConfigureAwait(false);
        lock (_gate)
        {
            foreach (Head head in overdue)
            {
                head.LastHanded = _look;
                if (!has) head.Handed = null;
                else if (head.Handed is null) Hand(head, Math.Max(facts.Known, _height) + 1);
            }
        }
    }

    private void Hand(Head head, ulong from) => (head.Handed, head.From, head.Backlog, head.Ordered) = (_look, from, pool.Count, 0);

    private void Forget()
    {
        _heads.Clear();
        _turns.Clear();
        _newcomers.Clear();
        _waiting = [];
        _waitingIsComplete = false;
    }

    /// <summary>Brings what is watched in line with the pool: what heads a lane now, since when.</summary>
    private void Track()
    {
        List<Transaction> heads = pool.Heads(MaxHeads, out bool all);
        var present = heads.Select(t => t.Hash).ToHashSet();
        foreach (Hash gone in _heads.Keys.Where(h => !present.Contains(h)).ToList()) _heads.Remove(gone);
        foreach (Transaction head in heads)
        {
            if (_heads.Count < MaxHeads && !_heads.ContainsKey(head.Hash)) _heads[head.Hash] = new Head(head, _look);
        }
        _waiting = [.. heads.Select(t => t.Sender)];
        _waitingIsComplete = all;
    }

    /// <summary>It is time to hand it over, or to ask the primary again whether it still has it.</summary>
    private bool IsOverdue(Head head) =>
        head.Transaction.Body.ExpiryHeight > _height + ExpiryMargin
        && _look - head.Since >= _bounds.ForwardAfter
        && (head.Handed is null || _look - head.LastHanded >= _bounds.ForwardAfter);

    private bool IsCensored(Head head)
    {
        if (head.Handed is not { } handed || _look - handed < _bounds.SuspectAfter) return false;
        if (head.Transaction.Body.ExpiryHeight <= _height + ExpiryMargin) return false;
        foreach ((Address sender, Queue<ulong> turns) in _turns)
        {
            if (sender != head.Transaction.Sender && turns.Count == _bounds.Blocks && turns.Peek() >= head.From) return true;
        }
        return head.Ordered > Backlogs * head.Backlog
            && _newcomers.Count == _bounds.Blocks && _newcomers.Peek() is var first && first.Height >= head.From && first.Look >= handed + _bounds.ForwardAfter;
    }
}
