using System.Globalization;
using Ptoy.Services.Common;

namespace Ptoy.EndToEnd.Hl7;

/// <summary>
/// Kills a real feed process, round after round, at random moments while senders send; then nothing that was acknowledged may be missing,
/// and nothing may be there twice or in another order than it was sent.
/// </summary>
public static class Hl7Command
{
    private const int Senders = 4, MaxMinutes = 15;

    /// <summary>Runs it; the exit code is 0 only when every check held.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        if (args.FirstOrDefault() == "--network") return await NetworkCommand.RunAsync(args[1..]).ConfigureAwait(false);
        int rounds = 20, seed = 1;
        for (int i = 0; i < args.Length; i += 2)
        {
            bool known = i + 1 < args.Length && args[i] is "--rounds" or "--seed";
            if (!known || !int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            {
                await Console.Error.WriteLineAsync("hl7: [--rounds N] [--seed N] | --network [--data DIR]").ConfigureAwait(false);
                return 2;
            }
            (rounds, seed) = args[i] == "--rounds" ? (number, seed) : (rounds, number);
        }
        string folder = Path.Combine(Path.GetTempPath(), "ptoy-hl7-" + Guid.NewGuid().ToString("N"));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(MaxMinutes));
        string? problem;
        try
        {
            problem = await PlayAsync(folder, rounds, seed, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is InvalidOperationException or OperationCanceledException or IOException or InvalidDataException)
        {
            problem = $"{e.GetType().Name}: {e.Message}";
        }
        if (problem is null) Directory.Delete(folder, recursive: true);
        else Console.WriteLine($"hl7: FAILED (seed {seed}): {problem}; the store is kept in {folder}");
        return problem is null ? 0 : 1;
    }

    private static async Task<string?> PlayAsync(string folder, int rounds, int seed, CancellationToken cancellation)
    {
        var random = new Random(seed);
        Sender[] senders = [.. Enumerable.Range(1, Senders).Select(n => new Sender(n))];
        for (int round = 0; round < rounds; round++)
        {
            int kill = random.Next(0, 120);
            (FeedProcess feed, int port) = await FeedProcess.StartAsync(folder, cancellation).ConfigureAwait(false);
            using (feed) await RoundAsync(feed, port, senders, kill, random.Next(0, 4000), cancellation).ConfigureAwait(false);
        }
        (FeedProcess last, int lastPort) = await FeedProcess.StartAsync(folder, cancellation).ConfigureAwait(false);
        using (last)
        {
            await SendAsync(lastPort, senders, 4 * Senders, cancellation).ConfigureAwait(false);
            if (!await last.FinishAsync(cancellation).ConfigureAwait(false)) return "the feed did not end cleanly";
        }
        return Check(folder, rounds, senders);
    }

    /// <summary>Sends until so many acknowledgements came in, then kills after so many spins: in the midst of what comes next.</summary>
    private static async Task RoundAsync(
        FeedProcess feed, int port, Sender[] senders, int acknowledgements, int spins, CancellationToken cancellation)
    {
        var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int came = 0;
        void Count()
        {
            if (Interlocked.Increment(ref came) >= acknowledgements) enough.TrySetResult();
        }

        Task[] sending = [.. senders.Select(s => s.RunAsync(port, Count, cancellation))];
        if (acknowledgements == 0) enough.TrySetResult();
        await Task.WhenAny(enough.Task, Task.WhenAll(sending)).ConfigureAwait(false);
        Thread.SpinWait(spins * 100);
        await feed.KillAsync().ConfigureAwait(false);
        await Task.WhenAll(sending).ConfigureAwait(false);
    }

    private static async Task SendAsync(int port, Sender[] senders, int acknowledgements, CancellationToken cancellation)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        int came = 0;
        void Count()
        {
            if (Interlocked.Increment(ref came) >= acknowledgements) enough.Cancel();
        }

        await Task.WhenAll(senders.Select(s => s.RunAsync(port, Count, enough.Token))).ConfigureAwait(false);
    }

    private static string? Check(string folder, int rounds, Sender[] senders)
    {
        using SealedStore store = FeedProcess.OpenStore(folder);
        var intake = new KeptIntake(store);
        IReadOnlySet<string> kept = intake.Originals();
        string[] acknowledged = [.. senders.SelectMany(s => s.Acknowledged)];
        IReadOnlyList<(string Newest, int Versions)> patients = intake.Resources("Patient");
        int lost = acknowledged.Count(d => !kept.Contains(d)), versions = patients.Sum(p => p.Versions);
        Console.WriteLine($"hl7: {rounds} kills, {acknowledged.Length} messages acknowledged, {kept.Count} kept, {lost} lost");
        if (lost > 0) return $"{lost} acknowledged messages are not there";
        // Sent but not acknowledged at the very end: at most one a sender.
        if (kept.Count > acknowledged.Length + senders.Length) return "messages are there that nobody sent";
        if (patients.Count != senders.Length) return $"{patients.Count} patients, not {senders.Length}";
        // Every message changes its patient, so each makes one version: more would be one worked on twice, or out of order.
        if (versions != kept.Count) return $"{kept.Count} messages made {versions} versions of patients";
        foreach (Sender sender in senders)
        {
            if (!patients.Any(p => sender.MayBe(p.Newest))) return "a patient is not as the last message said: order was not kept";
        }
        return null;
    }
}
