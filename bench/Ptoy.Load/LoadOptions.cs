using System.Globalization;

namespace Ptoy.Load;

/// <summary>An option that cannot be used; the message names it.</summary>
internal sealed class LoadOptionException(string message) : Exception(message);

/// <summary>What a researcher sets on the command line.</summary>
internal sealed record LoadOptions
{
    public const string Help = """
        Load run: four node processes on this machine, synced writes, pre-signed transactions, open loop.

          --kind transfers|grants|both   what to send (default both)
          --rate N          transactions a second; 0 measures the capacity first and offers 90 % of it (default 0)
          --seconds N       length of a run (default 8)
          --accounts N      accounts that transfer, and patients that grant (default 400)
          --batch N         transactions in a message, 1 to 50 (default 50)
          --find-max        raises the rate step by step until the network no longer keeps up
          --out DIR         where CSV and PNG go (default out/bench)
          --base-port N     first of twelve ports (default 31500)
          --keep            keeps the network's directory

        Exit code: 0 when every accepted transaction was certified exactly once, 1 when not, 2 for wrong options.
        """;

    public IReadOnlyList<string> Kinds { get; private set; } = ["transfers", "grants"];

    public int Rate { get; private set; }

    public int Seconds { get; private set; } = 8;

    public int Accounts { get; private set; } = 400;

    public int Batch { get; private set; } = 50;

    public bool FindMax { get; private set; }

    public string Out { get; private set; } = Path.Combine("out", "bench");

    public int BasePort { get; private set; } = 31_500;

    public bool Keep { get; private set; }

    /// <summary>Reads the command line. Throws <see cref="LoadOptionException"/>.</summary>
    public static LoadOptions Parse(string[] args)
    {
        var options = new LoadOptions();
        for (int i = 0; i < args.Length; i++)
        {
            string name = args[i];
            string Value() => ++i < args.Length ? args[i] : throw new LoadOptionException($"{name} needs a value");
            int Number(int least, int most) => int.TryParse(Value(), NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n >= least && n <= most
                ? n
                : throw new LoadOptionException($"{name} is a number from {least} to {most}");
            switch (name)
            {
                case "--kind": options.Kinds = KindsOf(Value()); break;
                case "--rate": options.Rate = Number(0, 1_000_000); break;
                case "--seconds": options.Seconds = Number(1, 3_600); break;
                case "--accounts": options.Accounts = Number(8, 100_000); break;
                case "--batch": options.Batch = Number(1, 50); break;
                case "--out": options.Out = Value(); break;
                case "--base-port": options.BasePort = Number(1_024, 65_000); break;
                case "--find-max": options.FindMax = true; break;
                case "--keep": options.Keep = true; break;
                default: throw new LoadOptionException($"there is no option '{name}'");
            }
        }
        return options;
    }

    private static IReadOnlyList<string> KindsOf(string text) => text switch
    {
        "both" => ["transfers", "grants"],
        "transfers" or "grants" => [text],
        _ => throw new LoadOptionException($"--kind is transfers, grants or both, not '{text}'"),
    };
}
