using System.Runtime.InteropServices;

namespace Ptoy.Node.Diagnostics;

/// <summary>Parts of the node's work whose CPU time is told apart.</summary>
public enum CpuPart
{
    /// <summary>JSON-RPC: parsing, checking and answering requests.</summary>
    Rpc,
    /// <summary>Decoding and encoding what travels.</summary>
    Codec,
    /// <summary>Transaction signatures.</summary>
    Signature,
    /// <summary>The pool of waiting transactions.</summary>
    Mempool,
    /// <summary>Contracts.</summary>
    Vm,
    /// <summary>The state tree, receipts, and publishing results.</summary>
    State,
    /// <summary>Writing to disk: consensus log and ledger.</summary>
    Sync,
    /// <summary>Consensus: stepping the replica, votes and their signatures.</summary>
    Consensus,
}

/// <summary>
/// CPU time of this process by part, for the benchmark report. Off by default; when on, a measured section costs two readings of the
/// thread's clock (about half a microsecond together). A section inside another is charged to itself only. Linux; elsewhere it stays off.
/// </summary>
public static class CpuParts
{
    private const int ThreadCpuClock = 3;
    private static readonly int Parts = Enum.GetValues<CpuPart>().Length;

    // A cache line each, so that threads which charge different parts do not disturb one another.
    private const int Stride = 8;
    private static readonly long[] Totals = new long[Parts * Stride];

    [ThreadStatic]
    private static int s_current;

    [ThreadStatic]
    private static long s_since;

    private static bool s_enabled;

    /// <summary>Whether sections are measured. Switched on once, at start.</summary>
    public static bool Enabled
    {
        get => s_enabled;
        set => s_enabled = value && OperatingSystem.IsLinux();
    }

    /// <summary>CPU seconds by part, in camel case; empty while off.</summary>
    public static IReadOnlyDictionary<string, double> Seconds() => Enabled
        ? Enum.GetValues<CpuPart>().ToDictionary(Name, p => Interlocked.Read(ref Totals[(int)p * Stride]) / 1e9)
        : new Dictionary<string, double>();

    /// <summary>Charges this thread's time to a part until the result is disposed of, on the same thread: never across an await.</summary>
    public static Section Measure(CpuPart part) => s_enabled ? Begin(part) : default;

    /// <summary>CPU time of the calling thread in nanoseconds; 0 where it is not known.</summary>
    public static long ThreadNanoseconds() =>
        OperatingSystem.IsLinux() && ClockGetTime(ThreadCpuClock, out TimeSpec time) == 0 ? (time.Seconds * 1_000_000_000) + time.Nanoseconds : 0;

    private static string Name(CpuPart part) => part.ToString().ToLowerInvariant();

    private static Section Begin(CpuPart part)
    {
        int outer = s_current;
        Charge();
        s_current = (int)part + 1;
        return new Section(outer);
    }

    private static void Charge()
    {
        long now = ThreadNanoseconds();
        if (s_current > 0) Interlocked.Add(ref Totals[(s_current - 1) * Stride], now - s_since);
        s_since = now;
    }

    [DllImport("libc", EntryPoint = "clock_gettime")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ClockGetTime(int clock, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    /// <summary>A section being measured.</summary>
    public readonly ref struct Section
    {
        // The part around this one plus 1 (0 when none), plus 1; 0 for a section that is not measured.
        private readonly int _outer;

        internal Section(int outer) => _outer = outer + 1;

        /// <summary>Ends the section.</summary>
        public void Dispose()
        {
            if (_outer == 0) return;
            Charge();
            s_current = _outer - 1;
        }
    }
}
