using Ptoy.Node.Diagnostics;

namespace Ptoy.Load.Results;

/// <summary>CPU time, which other programs on the machine do not stretch as they stretch the time of day.</summary>
internal static class CpuClock
{
    /// <summary>Microseconds of CPU of the calling thread that an action takes, run so many times.</summary>
    public static double Thread(int times, Action action)
    {
        long before = CpuParts.ThreadNanoseconds();
        for (int i = 0; i < times; i++) action();
        return (CpuParts.ThreadNanoseconds() - before) / 1e3;
    }

    /// <summary>Microseconds of CPU of this whole process, since it began.</summary>
    public static double Process() => Environment.CpuUsage.TotalTime.TotalMicroseconds;
}
