using System.Collections.Concurrent;
using System.Text;
using System.Threading.Channels;
using Ptoy.Services.Connector.Hl7.Parsing;
using Ptoy.Services.Connector.Hl7.Rules;
using Ptoy.Services.Connector.Hl7.State;

namespace Ptoy.Services.Connector.Hl7;

/// <summary>
/// Takes what connections bring: judges, writes, answers. An answer that says taken is given only after the message is on the device. One
/// writer puts messages of all connections into the store, many in one batch, so their order is one and syncs are shared. Safe for
/// concurrent use.
/// </summary>
internal sealed class Hl7Inbox(Hl7Store store, Tally tally, MessageRules rules, Hl7Options options, TimeProvider time, ILogger log)
{
    private const int MaxQueued = 1_024, MaxBatch = 256;
    private const long MaxBatchBytes = 64L * 1024 * 1024;

    private readonly Channel<Arrival> _arrivals = Channel.CreateBounded<Arrival>(
        new BoundedChannelOptions(MaxQueued) { SingleReader = true });
    private readonly Acknowledgements _answers = new(time);
    private readonly Channel<bool> _news = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ConcurrentQueue<(long Number, int Bytes)> _queue = [];
    private readonly List<TaskCompletionSource> _emptied = [];
    private long _last = store.LastNumber();
    private long _waiting, _waitingBytes;
    private int _kept = store.CountKept();

    /// <summary>Acknowledged messages that wait to be worked on.</summary>
    public long Waiting => Interlocked.Read(ref _waiting);

    /// <summary>Waits until there may be something new to work on.</summary>
    public ValueTask<bool> NewsAsync(CancellationToken cancellation) => _news.Reader.ReadAsync(cancellation);

    /// <summary>Says that something may be there to work on.</summary>
    public void Announce() => _news.Writer.TryWrite(true);

    /// <summary>The next message to work on, in the order in which they came; false when there is none.</summary>
    public bool TryNext(out (long Number, int Bytes) next) => _queue.TryDequeue(out next);

    /// <summary>Takes up what waits from a former run. Called once, before anything else.</summary>
    public void Resume()
    {
        foreach ((long number, int bytes) in store.Waiting()) Enqueue(number, bytes);
        Announce();
    }

    /// <summary>Staff have removed something of what is kept.</summary>
    public void Dropped() => Interlocked.Decrement(ref _kept);

    /// <summary>A message was put among the kept.</summary>
    public void Kept() => Interlocked.Increment(ref _kept);

    /// <summary>A kept message was put back to be worked on.</summary>
    public void Returned(long number, int bytes)
    {
        Dropped();
        Enqueue(number, bytes);
        Announce();
    }

    /// <summary>A message was worked on.</summary>
    public void Done(int bytes)
    {
        Interlocked.Add(ref _waitingBytes, -bytes);
        if (Interlocked.Decrement(ref _waiting) > 0) return;
        lock (_emptied)
        {
            foreach (TaskCompletionSource waiter in _emptied) waiter.TrySetResult();
            _emptied.Clear();
        }
    }

    /// <summary>Completes once nothing waits.</summary>
    public Task WhenEmptyAsync()
    {
        lock (_emptied)
        {
            if (Waiting <= 0) return Task.CompletedTask;
            var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _emptied.Add(waiter);
            return waiter.Task;
        }
    }

    /// <summary>
    /// Takes one block: a message, or a batch of them. Gives the answers, each for a block of its own; what they acknowledge is on the
    /// device. Throws <see cref="Hl7Exception"/> when there is no header to answer to.
    /// </summary>
    public async Task<IReadOnlyList<byte[]>> ReceiveAsync(ReadOnlyMemory<byte> block, CancellationToken cancellation)
    {
        if (!Hl7Batch.IsBatch(block.Span)) return [.. (await AnswerAsync([block], null, cancellation))[0].Select(Encoding.UTF8.GetBytes)];
        Hl7Batch batch = Hl7Batch.Read(block);
        if (batch.Messages.Count == 0) throw Hl7Exception.Unreadable(batch.Problem?.Reason ?? "a batch without messages");
        IReadOnlyList<string>[] answers = await AnswerAsync(batch.Messages, batch.Problem, cancellation);
        return [Encoding.UTF8.GetBytes(_answers.ForBatch(batch.Header, [.. answers.SelectMany(a => a)]))];
    }

    /// <summary>Writes what arrives until cancelled. What throws here ends the daemon: nothing more could be acknowledged.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var batch = new List<Arrival>();
        try
        {
            while (await _arrivals.Reader.WaitToReadAsync(stop))
            {
                batch.Clear();
                long bytes = 0;
                while (batch.Count < MaxBatch && bytes < MaxBatchBytes && _arrivals.Reader.TryRead(out Arrival? arrival))
                {
                    batch.Add(arrival);
                    bytes += arrival.Bytes.Length;
                }
                Write(batch);
            }
        }
        finally
        {
            _arrivals.Writer.TryComplete();
            foreach (Arrival arrival in batch) arrival.Written.TrySetCanceled(CancellationToken.None);
            while (_arrivals.Reader.TryRead(out Arrival? left)) left.Written.TrySetCanceled(CancellationToken.None);
        }
    }

    private async Task<IReadOnlyList<string>[]> AnswerAsync(
        IReadOnlyList<ReadOnlyMemory<byte>> messages, Hl7Problem? ofBatch, CancellationToken cancellation)
    {
        var arrivals = new Arrival[messages.Count];
        for (int i = 0; i < messages.Count; i++)
        {
            arrivals[i] = Judge(messages[i], ofBatch);
            await _arrivals.Writer.WriteAsync(arrivals[i], cancellation);
        }
        var answers = new IReadOnlyList<string>[messages.Count];
        for (int i = 0; i < messages.Count; i++)
            answers[i] = _answers.For(arrivals[i].Message, await arrivals[i].Written.Task.WaitAsync(cancellation));
        return answers;
    }

    private Arrival Judge(ReadOnlyMemory<byte> bytes, Hl7Problem? ofBatch)
    {
        try
        {
            Hl7Message message = Hl7Parser.Parse(bytes.Span);
            return new Arrival(message, bytes, ofBatch ?? rules.Check(message));
        }
        catch (Hl7RefusedException e)
        {
            return new Arrival(e.Header, bytes, ofBatch ?? e.Problem);
        }
    }

    private void Write(List<Arrival> batch)
    {
        DateTimeOffset now = time.GetUtcNow();
        var accepted = new List<Accepted>();
        var names = new Dictionary<string, bool>(StringComparer.Ordinal);
        var counted = new List<string>();
        foreach (Arrival arrival in batch) arrival.Verdict = Decide(arrival, now, accepted, names, counted);
        store.Accept(accepted, tally.Count(counted));
        foreach (Accepted message in accepted.Where(a => a.Kept is null)) Enqueue(message.Number, message.Bytes.Length + Hl7Store.Overhead);
        foreach (Arrival arrival in batch) arrival.Written.TrySetResult(arrival.Verdict);
        if (accepted.Count > 0) Announce();
    }

    private void Enqueue(long number, int bytes)
    {
        Interlocked.Increment(ref _waiting);
        Interlocked.Add(ref _waitingBytes, bytes);
        _queue.Enqueue((number, bytes));
    }

    private Hl7Problem? Decide(Arrival arrival, DateTimeOffset now, List<Accepted> accepted, Dictionary<string, bool> names,
        List<string> counted)
    {
        Hl7Problem? problem = arrival.Problem;
        string kind = KindOf(arrival.Message);
        counted.Add("received");
        if (problem is { Code: not (200 or 201) })
        {
            counted.Add($"refused/{problem.Code}");
            log.LogWarning("hl7: a message of type {Kind} was refused: {Problem}", kind, problem);
            return problem;
        }
        string name = Hl7Store.NameOf(arrival.Message, arrival.Bytes.Span);
        bool? before = names.TryGetValue(name, out bool inBatch) ? inBatch : store.WasTaken(name);
        // One that was not taken once, and would be now, is new.
        if (before == true || (before == false && problem is not null))
        {
            counted.Add("replayed");
            return problem;
        }
        KeptLine? line = null;
        if (problem is not null)
        {
            if (Volatile.Read(ref _kept) >= options.MaxKept)
                return Counted(counted, new Hl7Problem(
                    207, "MSH-9", "not taken, and no room to keep it: staff have to look at what is kept"));
            Kept();
            line = new KeptLine(0, KeptBecause.NotTaken, kind, now, problem.ToString());
            counted.Add($"not taken/{kind}");
            log.LogWarning("hl7: a message of type {Kind} is none that is taken; kept for staff", kind);
        }
        else if (Waiting + accepted.Count >= options.MaxWaiting
            || Interlocked.Read(ref _waitingBytes) + arrival.Bytes.Length > options.MaxWaitingBytes)
        {
            return Counted(counted, new Hl7Problem(207, "MSH", "too many messages wait to be worked on; send it again later"));
        }
        else counted.Add($"taken/{kind}");
        if (!arrival.Message.CharsetAsDeclared) counted.Add("character set not as declared");
        names[name] = line is null;
        accepted.Add(new Accepted(++_last, name, now, arrival.Bytes, line));
        return problem;
    }

    private Hl7Problem Counted(List<string> counted, Hl7Problem problem)
    {
        counted.Add($"refused/{problem.Code}");
        log.LogWarning("hl7: a message was refused: {Problem}", problem);
        return problem;
    }

    /// <summary>Type and event as counted and logged: only what looks like one, since anything may stand there.</summary>
    internal static string KindOf(Hl7Message message)
    {
        string kind = $"{message.Type}^{message.Event}";
        return kind.Length <= 8 && kind.All(c => char.IsAsciiLetterOrDigit(c) || c == '^') ? kind : "not a type";
    }

    /// <summary>One message on its way to the device.</summary>
    private sealed class Arrival(Hl7Message message, ReadOnlyMemory<byte> bytes, Hl7Problem? problem)
    {
        public Hl7Message Message { get; } = message;

        public ReadOnlyMemory<byte> Bytes { get; } = bytes;

        public Hl7Problem? Problem { get; } = problem;

        public Hl7Problem? Verdict { get; set; }

        public TaskCompletionSource<Hl7Problem?> Written { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
