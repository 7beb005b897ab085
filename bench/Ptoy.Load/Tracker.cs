using System.Collections.Concurrent;
using System.Diagnostics;

namespace Ptoy.Load;

/// <summary>Follows the transactions of one run from their scheduled time to their certificate.</summary>
internal sealed class Tracker
{
    private readonly Dictionary<string, int> _index;
    private readonly long[] _certifiedAt;
    private readonly string?[] _errors;
    private readonly ConcurrentBag<string> _twice = [];
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _start;
    private double[] _scheduled = [];
    private int _open;
    private int _refused;

    public Tracker(Prepared[] transactions)
    {
        _index = new Dictionary<string, int>(transactions.Length, StringComparer.Ordinal);
        for (int i = 0; i < transactions.Length; i++) _index.Add(transactions[i].Hash.ToString(), i);
        _certifiedAt = new long[transactions.Length];
        _errors = new string?[transactions.Length];
        _open = transactions.Length;
    }

    /// <summary>Ends when every transaction is certified or refused.</summary>
    public Task AllCertified => _done.Task;

    public string? FirstError => _errors.FirstOrDefault(e => e is not null);

    /// <summary>The run begins; each transaction is due so many seconds after <paramref name="start"/>.</summary>
    public void Begin(long start, double[] scheduled) => (_start, _scheduled) = (start, scheduled);

    public void Answered(int index, string? error)
    {
        if (error is null) return;
        _errors[index] = error;
        Interlocked.Increment(ref _refused);
        Close();
    }

    /// <summary>A certified block holds this transaction.</summary>
    public void Certified(string hash)
    {
        if (!_index.TryGetValue(hash, out int index)) return;
        if (Interlocked.CompareExchange(ref _certifiedAt[index], Stopwatch.GetTimestamp(), 0) != 0) _twice.Add(hash);
        else Close();
    }

    /// <summary>What the run gave. Latency counts from the time at which a message was scheduled, sent late or not.</summary>
    public RunResult Result(string kind, string name, double rate, double[] cpu, bool complete)
    {
        var latencies = new List<double>(_certifiedAt.Length);
        var seconds = new List<double>(_certifiedAt.Length);
        for (int i = 0; i < _certifiedAt.Length; i++)
        {
            if (_certifiedAt[i] == 0) continue;
            double at = Stopwatch.GetElapsedTime(_start, _certifiedAt[i]).TotalSeconds;
            seconds.Add(at);
            latencies.Add(at - _scheduled[i]);
        }
        latencies.Sort();
        seconds.Sort();
        return new RunResult(kind, name, rate, _certifiedAt.Length, _refused, latencies, seconds, [.. _twice], cpu, complete, FirstError);
    }

    private void Close()
    {
        if (Interlocked.Decrement(ref _open) == 0) _done.TrySetResult();
    }
}
