using System.Globalization;
using Ptoy.EndToEnd.Chaos.Storm;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>What a run is made of.</summary>
/// <param name="Minutes">How long faults of every kind come; 0 for rounds of kills.</param>
/// <param name="Rounds">Rounds that kill one node: half of them the primary. Half as many rounds kill all four.</param>
/// <param name="Seed">Decides faults, moments, lengths and victims.</param>
/// <param name="Rate">Writes a second that the clients aim at.</param>
/// <param name="Only">The only kinds of faults to come; all when empty.</param>
/// <param name="Keep">Keep the data directory even when every check held.</param>
internal sealed record ChaosOptions(int Minutes, int Rounds, int Seed, int Rate, IReadOnlyList<FaultKind> Only, bool Keep)
{
    /// <summary>Writes a second while faults of every kind come: at the end each is looked up on each node.</summary>
    private const int StormRate = 100;

    private const int RoundsRate = 240;

    public const string Usage = "chaos [--minutes N | --rounds N] [--seed N] [--rate WRITES-PER-SECOND] [--only KIND,KIND] [--keep]";

    /// <summary>Reads the arguments; null and the reason when one is wrong.</summary>
    public static ChaosOptions? Parse(string[] args, out string problem)
    {
        var options = new ChaosOptions(0, 0, 1, 0, [], false);
        problem = "";
        for (int i = 0; i < args.Length; i++)
        {
            if (args[i] == "--keep")
            {
                options = options with { Keep = true };
                continue;
            }
            if (args[i] == "--only" && i + 1 < args.Length)
            {
                if (Kinds(args[++i], out problem) is not { } kinds) return null;
                options = options with { Only = kinds };
                continue;
            }
            if (i + 1 >= args.Length || !int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int value))
            {
                problem = $"'{args[i]}' is not an option with a whole number";
                return null;
            }
            switch (args[i++])
            {
                case "--minutes" when value is >= 1 and <= 240: options = options with { Minutes = value }; break;
                case "--rounds" when value is >= 2 and <= 1000: options = options with { Rounds = value }; break;
                case "--seed": options = options with { Seed = value }; break;
                case "--rate" when value is >= 1 and <= 10_000: options = options with { Rate = value }; break;
                default:
                    problem = $"'{args[i - 1]} {value}' is not an option, or its value is out of range";
                    return null;
            }
        }
        if (options is { Minutes: > 0, Rounds: > 0 })
        {
            problem = "--minutes and --rounds are two kinds of run: choose one";
            return null;
        }
        int rate = options.Rate > 0 ? options.Rate : options.Minutes > 0 ? StormRate : RoundsRate;
        return options with { Rounds = options.Rounds > 0 || options.Minutes > 0 ? options.Rounds : 20, Rate = rate };
    }

    private static List<FaultKind>? Kinds(string text, out string problem)
    {
        problem = "";
        var kinds = new List<FaultKind>();
        foreach (string name in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!Enum.TryParse(name, ignoreCase: true, out FaultKind kind) || !Enum.IsDefined(kind))
            {
                problem = $"--only: there is no kind of fault '{name}'; there are {string.Join(", ", FaultPlan.Kinds)}";
                return null;
            }
            kinds.Add(kind);
        }
        return kinds;
    }
}
