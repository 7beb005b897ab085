using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace Ptoy.Fuzz;

/// <summary>What became of one target.</summary>
internal sealed record TargetResult(string Target, long Executions, long Accepted, Finding? Finding);

/// <summary>
/// Runs a target on its seeds, on what an earlier run found, and on mutations until the time is up. The inputs of a target depend on the
/// seed and its name only. A target ends at its first finding.
/// </summary>
internal sealed class FuzzRunner(int seed, string? corpus)
{
    private static readonly TimeSpan HangAfter = TimeSpan.FromSeconds(5);

    private sealed class Progress
    {
        public long Executions, Accepted, StartedAt;
        public byte[] Input = [];
    }

    public TargetResult Run(FuzzTarget target, TimeSpan time)
    {
        var progress = new Progress { StartedAt = Stopwatch.GetTimestamp() };
        Finding? finding = null;
        using var done = new ManualResetEventSlim();
        var worker = new Thread(() =>
        {
            finding = Work(target, time, progress);
            done.Set();
        }, maxStackSize: 1024 * 1024) { IsBackground = true, Name = target.Name };
        worker.Start();
        while (!done.Wait(HangAfter))
        {
            if (Stopwatch.GetElapsedTime(Volatile.Read(ref progress.StartedAt)) < HangAfter) continue;
            finding = new Finding(target.Name, Volatile.Read(ref progress.Input), $"no answer within {HangAfter.TotalSeconds} s");
            break;
        }
        if (finding is not null) Save(finding);
        return new TargetResult(target.Name, Volatile.Read(ref progress.Executions), Volatile.Read(ref progress.Accepted), finding);
    }

    private Finding? Work(FuzzTarget target, TimeSpan time, Progress progress)
    {
        long start = Stopwatch.GetTimestamp();
        var mutator = new Mutator(new Random(HashCode(target.Name)), target.Seeds);
        foreach (byte[] input in target.Seeds.Concat(Known(target.Name)))
        {
            if (Try(target, input, progress) is { } finding) return finding;
        }
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            if (Try(target, mutator.Next(), progress) is { } finding) return finding;
        }
        return null;
    }

    private static Finding? Try(FuzzTarget target, byte[] input, Progress progress)
    {
        Volatile.Write(ref progress.Input, input);
        Volatile.Write(ref progress.StartedAt, Stopwatch.GetTimestamp());
        progress.Executions++;
        try
        {
            if (target.Run(input)) progress.Accepted++;
            return null;
        }
        catch (Exception e)
        {
            return new Finding(target.Name, input, e is FindingException ? e.Message : e.ToString());
        }
    }

    /// <summary>string.GetHashCode differs from run to run.</summary>
    private int HashCode(string name) => BitConverter.ToInt32(SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}/{name}")));

    private IEnumerable<byte[]> Known(string target)
    {
        if (corpus is null) return [];
        string folder = Path.Combine(corpus, target);
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal).Select(File.ReadAllBytes) : [];
    }

    private void Save(Finding finding)
    {
        if (corpus is null) return;
        string folder = Path.Combine(corpus, finding.Target);
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, Convert.ToHexStringLower(SHA256.HashData(finding.Input))[..16]), finding.Input);
    }
}
