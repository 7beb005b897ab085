using System.Globalization;

namespace Ptoy.Load.Report;

/// <summary>What can be set about the report.</summary>
internal sealed record ReportOptions
{
    public const string Help = """
        ./dev bench report [options]: one table of ordering, transfers and grants on four node processes of this machine.

          --only LIST     ordering, transfers, grants (default all)
          --seconds N     length of the saturation runs, 4 to 60 (default 12)
          --base-port N   first of a hundred ports (default 31500)
          --out DIR       report.txt, report.json and the runs' files (default out/bench/report)

        Exit code: 0 when every pass mark is reached, 1 when not, 2 for wrong options.
        """;

    private static readonly string[] All = ["transfers", "grants", "ordering"];

    public IReadOnlyList<string> Only { get; private set; } = All;

    public int Seconds { get; private set; } = 12;

    public int BasePort { get; private set; } = 31_500;

    public string Out { get; private set; } = Path.Combine("out", "bench", "report");

    /// <summary>Reads the command line. Throws <see cref="LoadOptionException"/>.</summary>
    public static ReportOptions Parse(string[] args)
    {
        var options = new ReportOptions();
        for (int i = 0; i < args.Length; i++)
        {
            string name = args[i];
            string value = ++i < args.Length ? args[i] : throw new LoadOptionException($"{name} needs a value");
            int Number(int least, int most) => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n >= least && n <= most
                ? n
                : throw new LoadOptionException($"{name} is '{value}', not a number from {least} to {most}");
            switch (name)
            {
                case "--only":
                    options.Only = [.. All.Where(value.Split(',').Contains)];
                    if (value.Split(',').FirstOrDefault(v => !All.Contains(v)) is { } wrong) throw new LoadOptionException($"--only: '{wrong}' is none of {string.Join(", ", All)}");
                    break;
                case "--seconds": options.Seconds = Number(4, 60); break;
                case "--base-port": options.BasePort = Number(1_024, 60_000); break;
                case "--out": options.Out = value; break;
                default: throw new LoadOptionException($"there is no option '{name}'");
            }
        }
        return options;
    }
}
