using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Ptoy.Load.Results;

namespace Ptoy.Load.Report;

/// <summary>The report as text and as JSON.</summary>
internal static class ReportTable
{
    private const int Left = 46, Right = 14;
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static string Text(Surroundings s, IReadOnlyList<ReportColumn> columns, IReadOnlyList<PassMark> marks, TimeSpan took)
    {
        var table = new StringBuilder();
        table.AppendLine();
        table.AppendLine(Invariant($"Four nodes and the generator on {s.Cores} cores ({s.Cpu}), {s.Kernel}, {s.DotNet}"));
        table.AppendLine(Invariant($"commit {s.Commit}, {s.At:u}, load average before {s.LoadAverage:0.00}; consensus log and ledger synced; took {took.TotalSeconds:0} s"));
        table.AppendLine();
        Row(table, "", columns, c => c.Name);
        Row(table, "operations a second at saturation", columns, c => Invariant($"{c.Saturation.Throughput:0}"));
        Row(table, "  operations in a block", columns, c => Invariant($"{c.Saturation.PerBlock:0}"));
        Row(table, "latency unloaded, ms: p50", columns, c => Invariant($"{c.Unloaded.Percentile(50):0.0}"));
        Row(table, "                      p99", columns, c => Invariant($"{c.Unloaded.Percentile(99):0.0}"));
        Row(table, "latency at half load, ms: p50", columns, c => Invariant($"{c.Half.Percentile(50):0.0}"));
        Row(table, "                          p99", columns, c => Invariant($"{c.Half.Percentile(99):0.0}"));
        table.AppendLine();
        table.AppendLine("CPU µs an operation, all nodes and generator (measured at saturation)");
        for (int i = 0; i < columns[0].Cpu.Count; i++)
        {
            int part = i;
            Row(table, "  " + columns[0].Cpu[i].Label, columns, c => Invariant($"{c.Cpu[part].Microseconds:0.00}"));
        }
        Row(table, "  sum", columns, c => Invariant($"{c.Saturation.CpuPerOperation * 1e6:0.00}"));
        Row(table, "computed limit: cores ÷ CPU an operation, /s", columns, c => Invariant($"{c.Saturation.ComputedLimit:0}"));
        table.AppendLine();
        table.AppendLine("CPU µs an operation, from micro-benchmarks alone");
        foreach ((string label, Func<MicroLimit, double> part) in MicroParts) Row(table, "  " + label, columns, c => Invariant($"{part(c.Micro):0.00}"));
        Row(table, "  sum", columns, c => Invariant($"{c.Micro.Sum:0.00}"));
        Row(table, "limit from micro-benchmarks, /s", columns, c => Invariant($"{c.Micro.PerSecond:0}"));
        Row(table, "  reached, %", columns, c => Invariant($"{c.Reached * 100:0.0}"));
        table.AppendLine();
        foreach (PassMark mark in marks)
        {
            string stretch = mark.Stretch is null ? "" : $" ({mark.Stretch})";
            table.AppendLine(Invariant($"{(mark.Passed ? "pass" : "FAIL")}  {mark.What}: {mark.Found:0.0}, wanted {mark.Wanted}{stretch}"));
        }
        return table.ToString();
    }

    public static string Json(Surroundings surroundings, IReadOnlyList<ReportColumn> columns, IReadOnlyList<PassMark> marks) => JsonSerializer.Serialize(
        new
        {
            environment = surroundings,
            columns = columns.Select(c => new
            {
                c.Name, perSecond = c.Saturation.Throughput, operationsInBlock = c.Saturation.PerBlock,
                unloadedMs = new { p50 = c.Unloaded.Percentile(50), p99 = c.Unloaded.Percentile(99) },
                halfLoadMs = new { p50 = c.Half.Percentile(50), p99 = c.Half.Percentile(99), offered = c.Half.Offered },
                cpuMicroseconds = c.Cpu.ToDictionary(p => p.Label, p => p.Microseconds), cpuMicrosecondsSum = c.Saturation.CpuPerOperation * 1e6,
                computedLimit = c.Saturation.ComputedLimit, micro = c.Micro, reached = c.Reached,
            }),
            marks,
        },
        Indented);

    private static IReadOnlyList<(string, Func<MicroLimit, double>)> MicroParts { get; } =
    [
        ("signature", m => m.Signature), ("VM", m => m.Vm), ("codec", m => m.Codec), ("RPC and generator", m => m.Rpc), ("state", m => m.State), ("sync", m => m.Sync),
        ("consensus", m => m.Consensus), ("transport", m => m.Transport),
    ];

    private static void Row(StringBuilder table, string label, IReadOnlyList<ReportColumn> columns, Func<ReportColumn, string> value)
    {
        table.Append(label.PadRight(Left));
        foreach (ReportColumn column in columns) table.Append(value(column).PadLeft(Right));
        table.AppendLine();
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
