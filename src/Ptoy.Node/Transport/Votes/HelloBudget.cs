using System.Diagnostics;
using System.Net;

namespace Ptoy.Node.Transport;

/// <summary>How many handshakes a source address may cost per second, so that a flood of hellos in a member's name stays cheap. Not thread-safe.</summary>
internal sealed class HelloBudget
{
    private const int PerSecond = 64;
    private const int MaxAddresses = 1024;
    private readonly Dictionary<IPAddress, int> _spent = [];
    private long _since = Stopwatch.GetTimestamp();

    public bool TrySpend(IPAddress source)
    {
        if (Stopwatch.GetElapsedTime(_since) > TimeSpan.FromSeconds(1))
        {
            _spent.Clear();
            _since = Stopwatch.GetTimestamp();
        }
        if (!_spent.TryGetValue(source, out int spent) && _spent.Count >= MaxAddresses) return false;
        _spent[source] = spent + 1;
        return spent < PerSecond;
    }
}
