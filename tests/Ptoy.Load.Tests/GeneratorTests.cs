using NUnit.Framework;
using Ptoy.Load.Engine;

namespace Ptoy.Load.Tests;

public sealed class GeneratorTests
{
    /// <summary>Ends messages only when told to.</summary>
    private sealed class Holding : IWorkload
    {
        private readonly List<Message> _waiting = [];

        public string Name => "holding";

        public int Weight => 1;

        public List<Message> Sent { get; } = [];

        public List<Message> TakenBack { get; } = [];

        public int MostUnderWay { get; private set; }

        public int Hold { get; init; }

        private Recorder? Recorder { get; set; }

        public Task PrepareAsync() => Task.CompletedTask;

        public Task<IReadOnlyList<Message>> MakeAsync(int items, int first, int perMessage) =>
            Task.FromResult<IReadOnlyList<Message>>([.. Enumerable.Range(0, items).Select(i => new Message(first + i, 1, 0, i))]);

        public void Begin(Recorder recorder) => Recorder = recorder;

        public void Send(Message message)
        {
            Sent.Add(message);
            _waiting.Add(message);
            MostUnderWay = Math.Max(MostUnderWay, _waiting.Count);
            if (_waiting.Count < Hold) return;
            Message[] end = [.. _waiting];
            _waiting.Clear();
            foreach (Message done in end) Recorder!.Complete(done);
        }

        public void TakeBack(IEnumerable<Message> unsent) => TakenBack.AddRange(unsent);

        public Task<string?> CheckAsync() => Task.FromResult<string?>(null);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    [Test]
    public async Task An_open_loop_sends_everything_though_nothing_has_ended()
    {
        await using var workload = new Holding { Hold = 50 };
        IReadOnlyList<Message> messages = await workload.MakeAsync(50, 0, 1);
        var recorder = new Recorder(messages, TimeSpan.Zero);
        await Generator.OpenAsync(workload, recorder, messages, Arrivals.Schedule(messages, 100_000, null));
        Assert.That((workload.MostUnderWay, recorder.CompletedItems), Is.EqualTo((50, 50)));
        Assert.That(workload.Sent, Is.EqualTo(messages));
    }

    [Test]
    public async Task A_closed_loop_has_no_more_under_way_than_it_may()
    {
        await using var workload = new Holding { Hold = 5 };
        IReadOnlyList<Message> messages = await workload.MakeAsync(60, 0, 1);
        var recorder = new Recorder(messages, TimeSpan.Zero);
        await Generator.ClosedAsync(workload, recorder, messages, 5, TimeSpan.FromMinutes(5));
        Assert.That((workload.MostUnderWay, recorder.CompletedItems, workload.TakenBack.Count), Is.EqualTo((5, 60, 0)));
    }

    [Test]
    public async Task A_closed_loop_whose_time_is_over_gives_back_what_it_did_not_send()
    {
        await using var workload = new Holding { Hold = 1 };
        IReadOnlyList<Message> messages = await workload.MakeAsync(10, 0, 1);
        var recorder = new Recorder(messages, TimeSpan.Zero);
        await Generator.ClosedAsync(workload, recorder, messages, 2, TimeSpan.Zero);
        Assert.That((workload.Sent.Count, workload.TakenBack.Count), Is.EqualTo((0, 10)));
    }

    [Test]
    public void Even_arrivals_follow_the_rate_and_a_message_is_due_with_its_first_item()
    {
        Message[] messages = [new(0, 50, 0, ""), new(50, 25, 0, ""), new(75, 50, 0, "")];
        Assert.That(Arrivals.Schedule(messages, 100, null), Is.EqualTo(new[] { 0, 0.5, 0.75 }).Within(1e-9));
    }

    [Test]
    public void Poisson_arrivals_repeat_with_their_seed_and_keep_the_rate()
    {
        Message[] messages = [.. Enumerable.Range(0, 20_000).Select(i => new Message(i, 1, 0, ""))];
        double[] due = Arrivals.Schedule(messages, 1_000, 7);
        Assert.That(Arrivals.Schedule(messages, 1_000, 7), Is.EqualTo(due));
        Assert.That(Arrivals.Schedule(messages, 1_000, 8), Is.Not.EqualTo(due));
        Assert.That(due, Is.Ordered);
        Assert.That(due[^1], Is.EqualTo(20).Within(1));
    }
}
