using System.Diagnostics;

namespace Ptoy.Load.Engine;

/// <summary>Sends the messages of a run: at their times whatever happens (open loop), or each when another has ended (closed loop).</summary>
internal static class Generator
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Open loop: the schedule stands, whatever the network does. Returns when every item has ended, or after patience.</summary>
    public static async Task OpenAsync(IWorkload workload, Recorder recorder, IReadOnlyList<Message> messages, double[] due)
    {
        workload.Begin(recorder);
        long start = Stopwatch.GetTimestamp();
        recorder.Begin(start);
        for (int i = 0; i < messages.Count; i++)
        {
            // The clock is what is waited for: an open loop sends at its times.
            TimeSpan early = TimeSpan.FromSeconds(due[i]) - Stopwatch.GetElapsedTime(start);
            if (early > TimeSpan.Zero) await Task.Delay(early).ConfigureAwait(false);
            recorder.Due(messages[i], start + (long)(due[i] * Stopwatch.Frequency));
            workload.Send(messages[i]);
        }
        await EndAsync(recorder).ConfigureAwait(false);
    }

    /// <summary>Closed loop: so many messages are under way at any time, until the time is over or the messages are used up.</summary>
    public static async Task ClosedAsync(IWorkload workload, Recorder recorder, IReadOnlyList<Message> messages, int underWay, TimeSpan length)
    {
        workload.Begin(recorder);
        using var slots = new SemaphoreSlim(underWay);
        void Free(Message _) => slots.Release();
        recorder.MessageEnded += Free;
        long start = Stopwatch.GetTimestamp();
        recorder.Begin(start);
        int sent = 0;
        while (sent < messages.Count && Stopwatch.GetElapsedTime(start) < length && await slots.WaitAsync(Patience).ConfigureAwait(false))
        {
            recorder.Due(messages[sent], Stopwatch.GetTimestamp());
            workload.Send(messages[sent++]);
        }
        await EndAsync(recorder).ConfigureAwait(false);
        recorder.MessageEnded -= Free;
        workload.TakeBack(messages.Skip(sent));
    }

    private static async Task EndAsync(Recorder recorder)
    {
        recorder.NoMore();
        try
        {
            await recorder.AllEnded.WaitAsync(Patience).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            recorder.GiveUp();
        }
    }
}
