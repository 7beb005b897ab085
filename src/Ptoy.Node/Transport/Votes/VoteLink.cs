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

    /// <summary>The dialler's proposal of new keys, until it is answered. Guarded by the peer's lock.</summary>
    public VoteHandshake.Dial? Renewal { get; set; }

    /// <summary>The listener's next sending key, until the dialler uses its own. Guarded by the peer's lock.</summary>
    public byte[]? NextSending { get; set; }

    /// <summary>When both sides last agreed on keys. Guarded by the peer's lock.</summary>
    public long AgreedAt { get; set; } = Stopwatch.GetTimestamp();

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

    /// <summary>Called under the peer's lock: what is sent next is sealed under a key agreed anew.</summary>
    public void RenewSending(byte[] key) => _session?.RenewSending(key);

    /// <summary>Lets the other side use a key agreed anew; false while it has not used the last one.</summary>
    public bool TryOfferReceiving(byte[] key)
    {
        lock (_gate)
        {
            if (_disposed || _session is null || _session.IsOffered) return false;
            _session.OfferReceiving(key);
            return true;
        }
    }

    /// <summary>Opens a packet. <paramref name="renewed"/>: it is the first under a key agreed anew.</summary>
    public bool TryOpen(ReadOnlySpan<byte> packet, out byte lane, [NotNullWhen(true)] out byte[]? plaintext, out bool renewed)
    {
        lock (_gate)
        {
            lane = 0;
            plaintext = null;
            renewed = false;
            if (_disposed || _session is null) return false;
            bool offered = _session.IsOffered;
            if (!_session.TryOpen(packet, out lane, out plaintext)) return false;
            renewed = offered && !_session.IsOffered;
            return true;
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
            Renewal?.Dispose();
        }
        _closed.TrySetResult();
    }
}
