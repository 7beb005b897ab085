using System.Globalization;

namespace Ptoy.Bench.Fraud;

/// <summary>The command line of <c>./dev bench fraud</c>.</summary>
internal sealed record FraudOptions
{
    public const string Help = """
        dev bench fraud [--labels FILE] [--patients N] [--rate R] [--seeds A-B] [--tune FILE] [--write FILE --seed N]
          recall of fraud at a review budget of 1 % of cases, beside baselines; CSV in out/bench/fraud.csv
          --labels FILE   evaluate on this file instead: FHIR R4 resources, one a line, and label lines (bench/README.md)
          --patients N    people in each made-up set (default 2500)
          --rate R        frauds injected per claim and access event (default 0.005)
          --seeds A-B     seeds to report on (default 6-10; 1-5 are what rules were tuned on)
          --tune FILE     train on seeds 1 to 5, write the model to FILE, then report with it
          --write FILE    write the made-up set of --seed as such a file, and do nothing else
        """;

    public string? Labels { get; private init; }

    public int Patients { get; private init; } = 2500;

    public double Rate { get; private init; } = 0.005;

    public (int First, int Last) Seeds { get; private init; } = (6, 10);

    public string? Tune { get; private init; }

    public string? Write { get; private init; }

    public int Seed { get; private init; } = 6;

    /// <summary>Throws <see cref="FormatException"/> naming what is wrong.</summary>
    public static FraudOptions Parse(string[] args)
    {
        var options = new FraudOptions();
        for (int i = 0; i < args.Length; i += 2)
        {
            if (i + 1 >= args.Length) throw new FormatException($"{args[i]}: a value is missing");
            string value = args[i + 1];
            options = args[i] switch
            {
                "--labels" => options with { Labels = File.Exists(value) ? value : throw new FormatException($"--labels: there is no file '{value}'") },
                "--patients" => options with { Patients = Whole(args[i], value, 200, 50_000) },
                "--rate" => options with
                {
                    Rate = double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double rate) && rate is >= 0 and <= 0.05 ? rate : throw new FormatException($"--rate: '{value}' is not 0 to 0.05"),
                },
                "--seeds" => options with { Seeds = Range(value) },
                "--tune" => options with { Tune = value },
                "--write" => options with { Write = value },
                "--seed" => options with { Seed = Whole(args[i], value, 0, int.MaxValue) },
                _ => throw new FormatException($"'{args[i]}' is not an option"),
            };
        }
        return options;
    }

    private static (int, int) Range(string value)
    {
        string[] ends = value.Split('-');
        int first = Whole("--seeds", ends[0], 0, int.MaxValue), last = ends.Length == 2 ? Whole("--seeds", ends[1], first, int.MaxValue) : first;
        return (first, last);
    }

    private static int Whole(string option, string value, int least, int most) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most
            ? number : throw new FormatException($"{option}: '{value}' is not a whole number from {least} to {most}");
}
