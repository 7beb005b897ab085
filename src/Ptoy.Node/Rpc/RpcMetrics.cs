using System.Diagnostics;
using System.Diagnostics.Metrics;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>
/// Measurements of the server as a .NET meter named <see cref="MeterName"/>, for whatever exporter the host attaches. Tags are the
/// method (of the table, so there are few) and the error's name, never anything a client sent.
/// </summary>
public sealed class RpcMetrics : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Ptoy.Node.Rpc";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _calls;
    private readonly Histogram<double> _duration;
    private readonly UpDownCounter<long> _connections;
    private long _total, _failed, _open;

    /// <summary>Creates the instruments.</summary>
    public RpcMetrics()
    {
        _calls = _meter.CreateCounter<long>("ptoy.rpc.calls", "{call}", "calls answered, by method and outcome");
        _duration = _meter.CreateHistogram<double>("ptoy.rpc.duration", "ms", "time from parse to answer, by method");
        _connections = _meter.CreateUpDownCounter<long>("ptoy.rpc.connections", "{connection}", "open WebSocket connections");
    }

    /// <summary>Calls answered since the start.</summary>
    public long Total => Interlocked.Read(ref _total);

    /// <summary>Calls answered with an error since the start.</summary>
    public long Failed => Interlocked.Read(ref _failed);

    /// <summary>WebSocket connections open now.</summary>
    public long OpenConnections => Interlocked.Read(ref _open);

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    internal void Answered(string method, int errorCode, TimeSpan elapsed)
    {
        Interlocked.Increment(ref _total);
        if (errorCode != 0) Interlocked.Increment(ref _failed);
        if (!_calls.Enabled && !_duration.Enabled) return;
        var tags = new TagList { { "method", method }, { "outcome", errorCode == 0 ? "ok" : RpcErrors.NameOf(errorCode) } };
        _calls.Add(1, tags);
        _duration.Record(elapsed.TotalMilliseconds, tags);
    }

    internal void Connected(int delta)
    {
        Interlocked.Add(ref _open, delta);
        _connections.Add(delta);
    }
}
