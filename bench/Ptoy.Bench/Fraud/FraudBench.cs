using System.Diagnostics;
using System.Globalization;
using Ptoy.FraudInjector;
using Ptoy.Services.Fraud.Detectors;
using Ptoy.Services.Fraud.Scoring;

namespace Ptoy.Bench.Fraud;

/// <summary><c>./dev bench fraud</c>: recall at a fixed budget of reviews, beside what chance, one rule, and rules without learning find.</summary>
internal static class FraudBench
{
    private static readonly (int First, int Last) TuningSeeds = (1, 5);

    public static async Task<int> RunAsync(string[] args)
    {
        FraudOptions options;
        try
        {
            if (args is ["--help"] or ["-h"])
            {
                Console.WriteLine(FraudOptions.Help);
                return 0;
            }
            options = FraudOptions.Parse(args);
            if (options.Write is { } file) return await WriteAsync(options, file);
            return options.Labels is { } labels ? EvaluateFile(labels) : EvaluateSeeds(options);
        }
        catch (FormatException e)
        {
            await Console.Error.WriteLineAsync($"dev bench fraud: {e.Message}");
            await Console.Error.WriteLineAsync(FraudOptions.Help);
            return 2;
        }
    }

    private static async Task<int> WriteAsync(FraudOptions options, string file)
    {
        InjectedSet set = Injector.Make(new InjectorOptions((ulong)options.Seed, options.Patients, options.Rate));
        await File.WriteAllLinesAsync(file, [.. set.Lines, .. set.Labels]);
        Console.WriteLine($"{set.Lines.Count} resources and {set.Labels.Count} labels written to {file}");
        return 0;
    }

    private static int EvaluateFile(string file)
    {
        LabelledSet set = LabelledSet.Read(File.ReadLines(file), Path.GetFileName(file));
        string[] unknown = [.. set.Unknown().Take(3)];
        if (unknown.Length > 0) throw new FormatException($"labels name records that the file does not have, such as {unknown[0]}");
        IReadOnlyList<Candidate> candidates = FraudScan.Candidates(set.View);
        SeedResult result = SeedResult.Of(Path.GetFileName(file), set, candidates, FraudModel.Shipped(), null);
        FraudReport.Print([result], null);
        FraudReport.Save([result]);
        return 0;
    }

    private static int EvaluateSeeds(FraudOptions options)
    {
        FraudModel model = options.Tune is null ? FraudModel.Shipped() : FraudModel.Train([]);
        string? rule = null;
        if (options.Tune is { } file)
        {
            (model, rule) = Tune(options);
            File.WriteAllText(file, model.ToJson() + "\n");
            Console.WriteLine($"model written to {file}");
        }
        var results = new List<SeedResult>();
        for (int seed = options.Seeds.First; seed <= options.Seeds.Last; seed++)
        {
            long start = Stopwatch.GetTimestamp();
            LabelledSet set = Make(options, seed);
            IReadOnlyList<Candidate> candidates = FraudScan.Candidates(set.View);
            results.Add(SeedResult.Of(seed.ToString(CultureInfo.InvariantCulture), set, candidates, model, rule ?? BestSingleRule));
            Console.Error.WriteLine($"seed {seed}: {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
        }
        FraudReport.Print(results, rule ?? BestSingleRule);
        FraudReport.Save(results);
        return 0;
    }

    /// <summary>The detector that finds most by itself on the tuning seeds; <c>--tune</c> prints all.</summary>
    public const string BestSingleRule = "unexplained-access";

    private static (FraudModel, string) Tune(FraudOptions options)
    {
        var known = new List<(Candidate, bool)>();
        var byRule = new Dictionary<string, double>(StringComparer.Ordinal);
        for (int seed = TuningSeeds.First; seed <= TuningSeeds.Last; seed++)
        {
            LabelledSet set = Make(options, seed);
            IReadOnlyList<Candidate> candidates = FraudScan.Candidates(set.View);
            known.AddRange(Evaluation.Judge(set, candidates));
            foreach (IDetector detector in ScanContext.Detectors)
                byRule[detector.Kind] = byRule.GetValueOrDefault(detector.Kind) + (Evaluation.Review(set, candidates.Where(c => c.Kind == detector.Kind), c => c.Strength).Recall(set) / 5);
            Console.Error.WriteLine($"tuning seed {seed}: {set.View.CaseCount} cases, {set.Frauds.Count} frauds, {candidates.Count} candidates");
        }
        foreach (KeyValuePair<string, double> rule in byRule.OrderByDescending(r => r.Value))
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"rule alone, seeds 1-5: {rule.Key,-20} recall {rule.Value:0.000}"));
        return (FraudModel.Train(known), byRule.MaxBy(r => r.Value).Key);
    }

    private static LabelledSet Make(FraudOptions options, int seed)
    {
        InjectedSet set = Injector.Make(new InjectorOptions((ulong)seed, options.Patients, options.Rate));
        return LabelledSet.Read(set.Lines.Concat(set.Labels), $"seed {seed}");
    }
}
