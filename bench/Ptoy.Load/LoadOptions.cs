using System.Globalization;
using Ptoy.Load.Ordering;
using Ptoy.Load.Results;

namespace Ptoy.Load;

/// <summary>An option that cannot be used; the message names it.</summary>
internal sealed class LoadOptionException(string message) : Exception(message);

/// <summary>How the generator sends.</summary>
internal enum Loop
{
    Open,
    Closed,
    Search,
}

/// <summary>What a researcher sets on the command line.</summary>
internal sealed record LoadOptions
{
    public const string Help = """
        ./dev bench load [options]: node processes on this machine, synced writes, requests prepared beforehand.

        What
          --workload LIST     ordering, transfers, grants, decisions, puts, gets, mix (default transfers,grants)
          --mix LIST          shares of a mix (default transfers:6,grants:1,decisions:3)
          --batch N           items in a message, 1 to 50 (default 50); ordering: commands in a client batch (default 400)
          --payload N         ordering: payload bytes of a command, 0 to 200 (default 0: empty commands)
          --record-size N     puts, gets: bytes of a record, 1 to 4194304 (default 3072)
          --accounts N        accounts that transfer (default 400)
          --patients N        patients that grant, are asked about and own records (default 2000)
        How
          --loop KIND         open, closed or search (default open; search finds the highest rate that is carried)
          --rate LIST         open loop: operations a second; 0 measures a closed loop first and offers 90 % and 50 % (default 0)
          --poisson SEED      open loop: exponential distances between messages instead of even ones
          --under-way N       closed loop: messages under way (default 40; ordering 64)
          --seconds N         length of a run (default 8)
          --repeat N          runs of each kind; summary.csv has means and 95 % confidence intervals (default 1)
        Network
          --nodes N           4 to 31 (default 4)
          --window N          heights in flight above the stable checkpoint, 64 to 128 (default 128)
          --in-flight N       heights proposed ahead, 1 to 64 (default 16)
          --block N           ordering: client batches in a block (default 64)
          --worth N           ordering: client batches worth another height in flight (default 8)
          --link-delay MS     one-way delay of every link between nodes (default 0)
          --faults LIST       seconds:what:node of a run, what = kill, start, pause or resume; for example 3:kill:1,6:start:1
          --view-timeout MS   default 5000; 600 with faults
          --base-port N       first of three ports a node (default 31500)
          --cpu-parts         nodes measure their CPU time by part
        Results
          --out DIR           CSV, JSON and PNG (default out/bench/load)

        Exit code: 0 when everything that was taken ended exactly once, 1 when not, 2 for wrong options.
        """;

    private static readonly string[] Known = ["ordering", "transfers", "grants", "decisions", "puts", "gets", "mix"];

    public IReadOnlyList<string> Workloads { get; private set; } = ["transfers", "grants"];

    public IReadOnlyList<(string Name, double Share)> Mix { get; private set; } = [("transfers", 6), ("grants", 1), ("decisions", 3)];

    public Loop Loop { get; private set; } = Loop.Open;

    public IReadOnlyList<double> Rates { get; private set; } = [0];

    public int? PoissonSeed { get; private set; }

    public int UnderWay { get; private set; }

    public int Batch { get; private set; }

    public int Payload { get; private set; }

    public int RecordSize { get; private set; } = 3_072;

    public int Accounts { get; private set; } = 400;

    public int Patients { get; private set; } = 2_000;

    public int Seconds { get; private set; } = 8;

    public int Repeat { get; private set; } = 1;

    public int Nodes { get; private set; } = 4;

    public int Window { get; private set; } = 128;

    public int InFlight { get; private set; } = 16;

    public int Block { get; private set; } = 64;

    public int Worth { get; private set; } = 8;

    public int LinkDelayMs { get; private set; }

    public int ViewTimeoutMs { get; private set; }

    public IReadOnlyList<FaultMark> Faults { get; private set; } = [];

    public int BasePort { get; private set; } = 31_500;

    public bool CpuParts { get; private set; }

    public string Out { get; private set; } = Path.Combine("out", "bench", "load");

    /// <summary>Reads the command line. Throws <see cref="LoadOptionException"/>.</summary>
    public static LoadOptions Parse(string[] args)
    {
        var options = new LoadOptions();
        for (int i = 0; i < args.Length; i++)
        {
            string name = args[i];
            string Value() => ++i < args.Length ? args[i] : throw new LoadOptionException($"{name} needs a value");
            if (!options.Take(name, Value) && !options.TakeNetwork(name, Value)) throw new LoadOptionException($"there is no option '{name}'");
        }
        foreach (FaultMark fault in options.Faults)
        {
            if (fault.Node > options.Nodes) throw new LoadOptionException($"--faults: there is no node {fault.Node} of {options.Nodes}");
        }
        if (options.Workloads.Contains("ordering") && CommandBatch.BytesOf(options.Batch > 0 ? options.Batch : 400, options.Payload) > CommandBatch.MostBytes)
            throw new LoadOptionException($"--batch {options.Batch} with --payload {options.Payload}: a client batch has at most {CommandBatch.MostBytes} bytes");
        if (options.ViewTimeoutMs == 0) options.ViewTimeoutMs = options.Faults.Count > 0 ? 600 : 5_000;
        return options;
    }

    private bool Take(string name, Func<string> value)
    {
        switch (name)
        {
            case "--workload" or "--kind": Workloads = [.. Split(name, value()).Select(w => Workload(name, w))]; break;
            case "--mix": Mix = [.. Split(name, value()).Select(MixPart)]; break;
            case "--loop": Loop = Enum.TryParse(value(), ignoreCase: true, out Loop loop) ? loop : throw new LoadOptionException("--loop is open, closed or search"); break;
            case "--rate": Rates = [.. Split(name, value()).Select(r => (double)Number(name, r, 0, 10_000_000))]; break;
            case "--poisson": PoissonSeed = Number(name, value(), 0, int.MaxValue); break;
            case "--under-way": UnderWay = Number(name, value(), 1, 10_000); break;
            case "--batch": Batch = Number(name, value(), 1, 4_096); break;
            case "--payload": Payload = Number(name, value(), 0, 200); break;
            case "--record-size": RecordSize = Number(name, value(), 1, 4 * 1024 * 1024); break;
            case "--accounts": Accounts = Number(name, value(), 8, 100_000); break;
            case "--patients": Patients = Number(name, value(), 8, 100_000); break;
            case "--seconds": Seconds = Number(name, value(), 1, 3_600); break;
            case "--repeat": Repeat = Number(name, value(), 1, 100); break;
            case "--out": Out = value(); break;
            default: return false;
        }
        return true;
    }

    private bool TakeNetwork(string name, Func<string> value)
    {
        switch (name)
        {
            case "--nodes": Nodes = Number(name, value(), 4, 31); break;
            case "--window": Window = Number(name, value(), 64, 128); break;
            case "--in-flight": InFlight = Number(name, value(), 1, 64); break;
            case "--block": Block = Number(name, value(), 1, 1_024); break;
            case "--worth": Worth = Number(name, value(), 1, 1_024); break;
            case "--link-delay": LinkDelayMs = Number(name, value(), 0, 2_000); break;
            case "--view-timeout": ViewTimeoutMs = Number(name, value(), 100, 60_000); break;
            case "--faults": Faults = [.. Split(name, value()).Select(Fault)]; break;
            case "--base-port": BasePort = Number(name, value(), 1_024, 60_000); break;
            case "--cpu-parts": CpuParts = true; break;
            default: return false;
        }
        return true;
    }

    private static string[] Split(string name, string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } parts
        ? parts
        : throw new LoadOptionException($"{name} is empty");

    private static int Number(string name, string text, int least, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n >= least && n <= most
            ? n
            : throw new LoadOptionException($"{name} is '{text}', not a number from {least} to {most}");

    private static string Workload(string name, string text) => Known.Contains(text)
        ? text
        : throw new LoadOptionException($"{name}: '{text}' is none of {string.Join(", ", Known)}");

    private static (string, double) MixPart(string text)
    {
        string[] parts = text.Split(':');
        if (parts.Length != 2 || parts[0] is "mix" or "ordering") throw new LoadOptionException($"--mix: '{text}' is not a workload and its share, such as transfers:6");
        return (Workload("--mix", parts[0]), Number("--mix", parts[1], 1, 1_000));
    }

    private static FaultMark Fault(string text)
    {
        string[] parts = text.Split(':');
        if (parts.Length != 3 || parts[1] is not ("kill" or "start" or "pause" or "resume") || !double.TryParse(parts[0], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double at))
            throw new LoadOptionException($"--faults: '{text}' is not seconds:what:node, such as 3:kill:1");
        return new FaultMark(at, parts[1], Number("--faults", parts[2], 1, 31));
    }
}
