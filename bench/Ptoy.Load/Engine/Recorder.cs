using System.Diagnostics;
using HdrHistogram;

namespace Ptoy.Load.Engine;

/// <summary>
/// Follows the items of one run from their due time to their end. Latency counts from the time at which an item was due, sent late or
/// not, so a network that stalls the generator does not hide its stall (coordinated omission). Thread-safe.
/// </summary>
internal sealed class Recorder
{
    /// <summary>Length of a slice of the timeline.</summary>
    public const int SliceMs = 100;

    /// <summary>Longest latency told apart: ten minutes, in microseconds.</summary>
    private const long LongestMicroseconds = 600_000_000;

    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly LongHistogram _latency = new(1, LongestMicroseconds, 3);
    private readonly IReadOnlyList<Message> _messages;
    private readonly int[] _messageOf;
    private readonly byte[] _state;
    private readonly int[] _openOf;
    private readonly long[] _due;
    private readonly List<Slice> _slices = [];
    private readonly long _warmUp;
    private long _start;
    private int _open, _refused, _completed, _lost, _sent;
    private long _lastEnd, _sendingEnded;

    private const byte Open = 0, Completed = 1, Refused = 2, Lost = 3, Unsent = 4;

    /// <summary>For these messages; items due within <paramref name="warmUp"/> of the start are counted but not timed.</summary>
    public Recorder(IReadOnlyList<Message> messages, TimeSpan warmUp)
    {
        _messages = messages;
        int items = messages.Sum(m => m.Count);
        (_messageOf, _state, _openOf, _due) = (new int[items], new byte[items], new int[messages.Count], new long[messages.Count]);
        Array.Fill(_state, Unsent);
        for (int i = 0; i < messages.Count; i++)
        {
            messages[i].Index = i;
            _openOf[i] = messages[i].Count;
            Array.Fill(_messageOf, i, messages[i].First, messages[i].Count);
        }
        _warmUp = (long)(warmUp.TotalSeconds * Stopwatch.Frequency);
    }

    /// <summary>A tenth of a second of a run: items ended, and the longest latency among them.</summary>
    public struct Slice
    {
        public int Ended;
        public long WorstMicroseconds;
    }

    /// <summary>Raised with each message all of whose items have ended, under no lock.</summary>
    public event Action<Message>? MessageEnded;

    /// <summary>Ends when every item that was sent has ended and <see cref="NoMore"/> was called.</summary>
    public Task AllEnded => _done.Task;

    public string? FirstError { get; private set; }

    public int SentItems => _sent;

    public int CompletedItems => _completed;

    public int RefusedItems => _refused;

    public int LostItems => _lost;

    public LongHistogram Latency => _latency;

    public IReadOnlyList<Slice> Slices => _slices;

    /// <summary>
    /// Items completed a second: from the start to the last one; or, when <paramref name="steady"/>, between the warm-up and the moment at which
    /// sending ended, so that neither filling nor emptying the pipe counts.
    /// </summary>
    public double Throughput(bool steady)
    {
        lock (_gate)
        {
            if (_completed == 0) return 0;
            int from = steady ? (int)(_warmUp * 1000 / Stopwatch.Frequency / SliceMs) : 0;
            int to = (int)((_sendingEnded - _start) * 1000 / Stopwatch.Frequency / SliceMs);
            if (!steady || to - from < 2 || _slices.Count < to) return _completed / Math.Max(1e-6, Stopwatch.GetElapsedTime(_start, _lastEnd).TotalSeconds);
            return _slices.Take(to).Skip(from).Sum(s => s.Ended) * 1000.0 / SliceMs / (to - from);
        }
    }

    /// <summary>The message of an item.</summary>
    public Message MessageOf(int item) => _messages[_messageOf[item]];

    public void Begin(long start)
    {
        lock (_gate)
        {
            _start = start;
            _open = 1;
        }
    }

    /// <summary>A message is due then, and sent from now on.</summary>
    public void Due(Message message, long at)
    {
        lock (_gate)
        {
            _due[message.Index] = at;
            _open += message.Count;
            _sent += message.Count;
            Array.Fill(_state, Open, message.First, message.Count);
        }
    }

    /// <summary>Nothing further is sent.</summary>
    public void NoMore()
    {
        lock (_gate)
        {
            _sendingEnded = Stopwatch.GetTimestamp();
            if (--_open == 0) _done.TrySetResult();
        }
    }

    /// <summary>True while some item of a message has not ended.</summary>
    public bool IsOpen(Message message) => Volatile.Read(ref _openOf[message.Index]) > 0;

    /// <summary>An item took effect. A second time is ignored: several nodes may tell.</summary>
    public void Complete(int item) => End(item, Completed, null);

    /// <summary>All items of a message took effect.</summary>
    public void Complete(Message message)
    {
        for (int i = 0; i < message.Count; i++) Complete(message.First + i);
    }

    /// <summary>The network refused an item.</summary>
    public void Refuse(int item, string error) => End(item, Refused, error);

    /// <summary>What still is open counts as lost.</summary>
    public void GiveUp()
    {
        for (int i = 0; i < _state.Length; i++) End(i, Lost, "no outcome in time");
    }

    private void End(int item, byte state, string? error)
    {
        long now = Stopwatch.GetTimestamp();
        Message? ended = null;
        bool all;
        lock (_gate)
        {
            if (_state[item] != Open) return;
            _state[item] = state;
            int message = _messageOf[item];
            if (state == Completed) Count(message, now);
            else FirstError ??= error;
            if (state == Refused) _refused++;
            if (state == Lost) _lost++;
            if (--_openOf[message] == 0) ended = _messages[message];
            all = --_open == 0;
        }
        if (ended is not null) MessageEnded?.Invoke(ended);
        if (all) _done.TrySetResult();
    }

    private void Count(int message, long now)
    {
        _completed++;
        _lastEnd = now;
        long latency = Math.Clamp((now - _due[message]) * 1_000_000 / Stopwatch.Frequency, 1, LongestMicroseconds);
        if (_due[message] - _start >= _warmUp) _latency.RecordValue(latency);
        int slice = (int)((now - _start) * 1000 / Stopwatch.Frequency / SliceMs);
        while (_slices.Count <= slice) _slices.Add(default);
        Slice was = _slices[slice];
        _slices[slice] = new Slice { Ended = was.Ended + 1, WorstMicroseconds = Math.Max(was.WorstMicroseconds, latency) };
    }
}
