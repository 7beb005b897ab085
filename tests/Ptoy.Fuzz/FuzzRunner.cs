using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace Ptoy.Fuzz;

/// <summary>What became of one target.</summary>
internal sealed record TargetResult(string Target, long Executions, long Accepted, Finding? Finding);

/// <summary>
/// Runs a target on its seeds, on the corpus, and on mutations until the time is up. Inputs that are refused in a new way are mutated further, and
/// with <paramref name="keep"/> they go into the corpus, made small. The inputs of a target depend on the seed, its name and the corpus only. A target ends
/// at its first finding, which is made small and saved with what it takes to find it again.
/// </summary>
internal sealed class FuzzRunner(int seed, string? corpus, bool keep = false)
{
    private const int MaxReasons = 200, MaxKept = 4096;
    private static readonly TimeSpan HangAfter = TimeSpan.FromSeconds(20);

    private sealed class Progress
    {
        public long Executions, Accepted, StartedAt, FoundAt;
        public byte[] Input = [];
    }

    public TargetResult Run(FuzzTarget target, TimeSpan time)
    {
        target.Prepare();
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
        if (finding is not null) Save(finding, progress.FoundAt > 0 ? progress.FoundAt : progress.Executions);
        return new TargetResult(target.Name, Volatile.Read(ref progress.Executions), Volatile.Read(ref progress.Accepted), finding);
    }

    private Finding? Work(FuzzTarget target, TimeSpan time, Progress progress)
    {
        long start = Stopwatch.GetTimestamp();
        byte[][] known = [.. target.Seeds, .. Known(target.Name)];
        var mutator = new Mutator(new Random(HashCode(target.Name)), known);
        var reasons = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < known.Length || Stopwatch.GetElapsedTime(start) < time; i++)
        {
            byte[] input = i < known.Length ? known[i] : mutator.Next();
            if (Try(target, input, progress) is { } finding)
            {
                progress.FoundAt = progress.Executions;
                return Smaller(target, finding, progress);
            }
            if (FuzzTarget.TakeReason() is not { } reason || reasons.Count >= MaxReasons || !reasons.Add(reason) || i < known.Length) continue;
            mutator.Add(input);
            if (keep) Keep(target, input, reason, progress);
        }
        return null;
    }

    private static Finding Smaller(FuzzTarget target, Finding finding, Progress progress)
    {
        Finding smallest = finding;
        Minimiser.Shrink(finding.Input, input =>
        {
            if (Try(target, input, progress) is not { } again || Kind(again) != Kind(finding)) return false;
            smallest = again;
            return true;
        });
        return smallest;
    }

    /// <summary>The first line without numbers: what one input and a smaller one have in common.</summary>
    private static string Kind(Finding finding) => string.Concat(finding.Problem.TakeWhile(c => c != '\n').Where(c => !char.IsAsciiDigit(c)));

    private void Keep(FuzzTarget target, byte[] input, string reason, Progress progress)
    {
        byte[] small = Minimiser.Shrink(input, shorter => Try(target, shorter, progress) is null && FuzzTarget.TakeReason() == reason);
        if (corpus is null || small.Length > MaxKept) return;
        File.WriteAllBytes(PathOf(target.Name, small), small);
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
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder).Where(f => !f.EndsWith(Note, StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(File.ReadAllBytes) : [];
    }

    private const string Note = ".txt";

    private void Save(Finding finding, long execution)
    {
        if (corpus is null) return;
        string path = PathOf(finding.Target, finding.Input);
        File.WriteAllBytes(path, finding.Input);
        File.WriteAllText(path + Note, $"./dev fuzz --seed {seed} --only {finding.Target}\nfound by execution {execution} of that seed, made small since\n{finding.Problem}\n");
    }

    private string PathOf(string target, byte[] input)
    {
        string folder = Path.Combine(corpus!, target);
        Directory.CreateDirectory(folder);
        return Path.Combine(folder, Convert.ToHexStringLower(SHA256.HashData(input))[..16]);
    }
}
