using System.Text;
using NUnit.Framework;
using Ptoy.Services.Connector.Hl7;

namespace Ptoy.Services.Tests.Connector.Hl7;

public sealed class MutationTests
{
    public const int MaxBytes = 256 * 1024;

    [TestCase(1, 500)]
    public async Task Malformed_variants_are_refused_or_end_their_connection_and_the_next_good_message_is_accepted(int seed, int count)
    {
        var intake = new RecordingIntake();
        await using Feed feed = await Feed.StartAsync(intake, new Hl7Options { MaxMessageBytes = MaxBytes, MaxKept = 1000 });
        int number = 0;
        var wrong = new List<string>();
        foreach (Variant variant in new Mutator(Originals(), seed).Variants(count))
        {
            int logged = feed.Log.Lines.Count;
            if (await TryAsync(feed, variant) is { } problem)
                wrong.Add($"variant {number}, {variant.Expected}: {problem}\n{Encoding.Latin1.GetString(variant.Wire)[..Math.Min(300, variant.Wire.Length)]}");
            if (variant.Expected == Expected.Closed) await Said(feed, logged);
            string good = await feed.SendAsync(Messages.Admission($"GOOD{number++}"));
            if (!good.Contains("\rMSA|AA|", StringComparison.Ordinal))
                wrong.Add($"variant {number}: the next good message was answered {good}");
        }
        Assert.That(wrong, Is.Empty, string.Join('\n', wrong.Take(5)));
        await feed.SettleAsync();
        Assert.That(feed.Log.All, Does.Not.Contain("Beispiel").And.Not.Contain("4711"), "nothing of a message is in the log");
    }

    /// <summary>A closed connection has its reason in the log; the sender may see the end before the line is written.</summary>
    private static async Task Said(Feed feed, int before)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!feed.Log.Lines.Skip(before).Any(l => l.Contains("closed:", StringComparison.Ordinal)))
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private static async Task<string?> TryAsync(Feed feed, Variant variant)
    {
        using Sender sender = await feed.ConnectAsync();
        await sender.SendRawAsync(variant.Wire);
        if (variant.Expected == Expected.Closed) sender.EndSending();
        string? answer = await sender.ReadAsync();
        if (variant.Expected == Expected.Closed) return answer is null ? null : $"answered {answer}";
        if (answer is null) return "no answer";
        string[] codes = [.. answer.Split('\r').Where(l => l.StartsWith("MSA", StringComparison.Ordinal)).Select(l => l.Split(l[3])[1])];
        return codes.Length > 0 && codes.All(c => c is "AE" or "AR") ? null : $"answered {answer}";
    }

    private static List<string> Originals()
    {
        var originals = new List<string> { Text(Messages.Admission()), Text(Messages.Result()), Text(Messages.Admission(trigger: "A08")),
            Text(Messages.Admission(trigger: "A03")) };
        if (Messages.Folder() is { } folder)
        {
            originals.AddRange(Directory.GetFiles(folder, "*.hl7").Order(StringComparer.Ordinal)
                .Select(f => File.ReadAllText(f).TrimStart('\uFEFF').Replace("\r\n", "\r", StringComparison.Ordinal).Replace('\n', '\r')));
        }
        return originals;
    }

    private static string Text(byte[] message) => Encoding.UTF8.GetString(message);
}
