using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using LiteNetLib;

namespace Ptoy.Node.Transport;

/// <summary>One UDP connection to a member and the session above it.</summary>
internal sealed class VoteLink(VotePeer peer, VoteHandshake.Dial? dial) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _up = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SecureSession? _session;
    private bool _disposed;

    public VotePeer Peer => peer;

    public VoteHandshake.Dial? Dial => dial;

    /// <summary>The library's side; set once, right after the library made it.</summary>
    public NetPeer? Net { get; set; }

    /// <summary>Votes sent and not yet acknowledged. Guarded by the peer's lock.</summary>
    public int InFlight { get; set; }

    /// <summary>When something last opened on each ordered channel of the library.</summary>
    private readonly long[] _heard = [Stopwatch.GetTimestamp(), Stopwatch.GetTimestamp()];

    public bool HasSession => Volatile.Read(ref _session) is not null;

    /// <summary>Completes when the peer made this its link.</summary>
    public Task Up => _up.Task;

    /// <summary>Completes when the connection is gone.</summary>
    public Task Closed => _closed.Task;

    public void Heard(byte channel) => Volatile.Write(ref _heard[channel], Stopwatch.GetTimestamp());

    /// <summary>Longest silence of an ordered channel.</summary>
    public TimeSpan Silence => Stopwatch.GetElapsedTime(Math.Min(Volatile.Read(ref _heard[0]), Volatile.Read(ref _heard[1])));

    public void MarkUp() => _up.TrySetResult();

    public void Begin(SecureSession session)
    {
        lock (_gate)
        {
            if (_disposed) session.Dispose();
            else _session = session;
        }
    }

    /// <summary>Called under the peer's lock, so that packets are counted in the order they are sent.</summary>
    public byte[] Seal(byte lane, ReadOnlySpan<byte> plaintext) =>
        _session?.Seal(lane, plaintext) ?? throw new InvalidOperationException("a link without a session seals nothing");

    public bool TryOpen(ReadOnlySpan<byte> packet, out byte lane, [NotNullWhen(true)] out byte[]? plaintext)
    {
        lock (_gate)
        {
            lane = 0;
            plaintext = null;
            return !_disposed && _session is not null && _session.TryOpen(packet, out lane, out plaintext);
        }
    }

    /// <summary>Forgets the keys. After the peer let go of this link.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _session?.Dispose();
            dial?.Dispose();
        }
        _closed.TrySetResult();
    }
}
