using System.Globalization;
using Ptoy.EndToEnd.Network;

namespace Ptoy.EndToEnd.Chaos.Storm;

/// <summary>
/// A wrong clock for one node process, by Debian's libfaketime: it stands between the process and the C library's clock. Only the time
/// of day is wrong; the monotonic clock that timers run on is left alone, as on a real machine. The offset is in a file, so it can change
/// while the node runs.
/// </summary>
internal sealed class FakeClock(NodeProcess node, string file)
{
    private const string Name = "libfaketime.so.1";

    /// <summary>Where the library is, or null when it is not installed.</summary>
    public static string? Library { get; } = Directory.Exists("/usr/lib")
        ? Directory.EnumerateDirectories("/usr/lib", "*-linux-*").Append("/usr/lib").Select(d => Path.Combine(d, "faketime", Name))
            .FirstOrDefault(File.Exists)
        : null;

    /// <summary>The node's next start has a clock that is wrong by so much.</summary>
    public void Install(TimeSpan offset)
    {
        Offset(offset);
        node.Environment["LD_PRELOAD"] = Library ?? throw new InvalidOperationException($"{Name} is not installed");
        node.Environment["FAKETIME_TIMESTAMP_FILE"] = file;
        node.Environment["FAKETIME_CACHE_DURATION"] = "1";
        node.Environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
        node.Environment["FAKETIME_DONT_RESET"] = "1";
    }

    /// <summary>Changes the offset of the running node within a second.</summary>
    public void Offset(TimeSpan offset)
    {
        // Replaced whole: the library must never read half a number.
        string whole = file + ".new";
        File.WriteAllText(whole,
            string.Create(CultureInfo.InvariantCulture, $"{(offset < TimeSpan.Zero ? "-" : "+")}{Math.Abs(offset.TotalSeconds):0.0}\n"));
        File.Move(whole, file, overwrite: true);
    }

    /// <summary>The node's next start has the machine's clock.</summary>
    public void Remove() => node.Environment.Clear();
}
