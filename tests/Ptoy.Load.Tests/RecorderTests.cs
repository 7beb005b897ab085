using System.Diagnostics;
using NUnit.Framework;
using Ptoy.Load.Engine;

namespace Ptoy.Load.Tests;

public sealed class RecorderTests
{
    private readonly Message _first = new(0, 2, 0, "first"), _second = new(2, 1, 0, "second");

    private Recorder Begun(TimeSpan warmUp = default)
    {
        var recorder = new Recorder([_first, _second], warmUp);
        recorder.Begin(Stopwatch.GetTimestamp());
        return recorder;
    }

    [Test]
    public void Latency_counts_from_the_due_time_so_that_a_late_sender_hides_nothing()
    {
        Recorder recorder = Begun();
        recorder.Due(_first, Stopwatch.GetTimestamp() - Stopwatch.Frequency);
        recorder.Complete(0);
        Assert.That(recorder.Latency.TotalCount, Is.EqualTo(0), "due before the start of the run: not timed");

        var late = new Recorder([_first], TimeSpan.Zero);
        late.Begin(Stopwatch.GetTimestamp() - (2 * Stopwatch.Frequency));
        late.Due(_first, Stopwatch.GetTimestamp() - Stopwatch.Frequency);
        late.Complete(0);
        Assert.That(late.Latency.GetValueAtPercentile(50), Is.GreaterThanOrEqualTo(999_000));
    }

    [Test]
    public void An_item_ends_once_whatever_is_told_of_it_later()
    {
        Recorder recorder = Begun();
        recorder.Due(_first, Stopwatch.GetTimestamp());
        recorder.Complete(0);
        recorder.Complete(0);
        recorder.Refuse(0, "too late");
        recorder.Refuse(1, "no");
        Assert.That((recorder.CompletedItems, recorder.RefusedItems, recorder.FirstError), Is.EqualTo((1, 1, "no")));
    }

    [Test]
    public void The_run_ends_when_all_that_was_sent_has_ended_and_nothing_more_comes()
    {
        Recorder recorder = Begun();
        recorder.Due(_first, Stopwatch.GetTimestamp());
        recorder.Complete(_first);
        Assert.That(recorder.AllEnded.IsCompleted, Is.False, "more may be sent");
        recorder.Due(_second, Stopwatch.GetTimestamp());
        recorder.NoMore();
        Assert.That(recorder.AllEnded.IsCompleted, Is.False, "one is under way");
        recorder.Complete(2);
        Assert.That(recorder.AllEnded.IsCompleted);
    }

    [Test]
    public void A_message_ends_with_its_last_item_once()
    {
        Recorder recorder = Begun();
        var ended = new List<Message>();
        recorder.MessageEnded += ended.Add;
        recorder.Due(_first, Stopwatch.GetTimestamp());
        recorder.Complete(1);
        Assert.That((ended.Count, recorder.IsOpen(_first)), Is.EqualTo((0, true)));
        recorder.Refuse(0, "no");
        recorder.Complete(0);
        Assert.That(ended, Is.EqualTo(new[] { _first }));
        Assert.That(recorder.IsOpen(_first), Is.False);
    }

    [Test]
    public void What_has_no_outcome_is_lost_and_what_was_not_sent_is_not()
    {
        Recorder recorder = Begun();
        recorder.Due(_first, Stopwatch.GetTimestamp());
        recorder.Complete(0);
        recorder.NoMore();
        recorder.GiveUp();
        Assert.That((recorder.SentItems, recorder.CompletedItems, recorder.LostItems), Is.EqualTo((2, 1, 1)));
        Assert.That(recorder.AllEnded.IsCompleted);
    }

    [Test]
    public void What_is_due_during_the_warm_up_is_counted_but_not_timed()
    {
        Recorder recorder = Begun(TimeSpan.FromHours(1));
        recorder.Due(_second, Stopwatch.GetTimestamp());
        recorder.Complete(2);
        Assert.That((recorder.CompletedItems, recorder.Latency.TotalCount), Is.EqualTo((1, 0L)));
    }
}
