using LiteNetLib;
using Microsoft.Extensions.Logging;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Transport;

/// <summary>One member on the vote carrier: the bounded queue, the current link and those that have yet to prove themselves.</summary>
internal sealed class VotePeer(PeerAddress address, PeerMetrics metrics, TransportOptions options, TransportHandlers handlers, ILogger logger)
{
    /// <summary>
    /// Lanes of empty packets that prove that the session is alive, one for each ordered channel of the library. Its acknowledgements are
    /// not authenticated: a forged one can make it wait forever for a packet that is never sent again, which only silence tells.
    /// </summary>
    private const byte FirstControlLane = 3, SecondControlLane = 4;

    private const int MaxUnproven = 4;

    private readonly Lock _gate = new();
    private readonly Queue<(VoteLane Lane, ReadOnlyMemory<byte> Vote)> _queue = new();
    private readonly Queue<VoteLink> _unproven = new();
    private VoteLink? _link;
    private bool _removed;

    public PeerAddress Address => address;

    public PeerMetrics Metrics => metrics;

    public bool IsUp => Volatile.Read(ref _link) is not null;

    public int Queued
    {
        get { lock (_gate) return _queue.Count; }
    }

    public double RoundTrip => Volatile.Read(ref _link)?.Net?.RoundTripTime ?? 0;

    /// <summary>Queues and, as far as the window allows, sends. True when the engine has something new to send.</summary>
    public bool Send(ReadOnlyMemory<byte> vote, VoteLane lane)
    {
        lock (_gate)
        {
            if (_removed) return false;
            int limit = _link is null ? options.VoteQueueLengthWhileDown : options.VoteQueueLength;
            while (_queue.Count > 0 && _queue.Count >= limit)
            {
                _queue.Dequeue();
                PeerMetrics.Count(ref metrics.VotesDropped);
            }
            if (limit == 0) PeerMetrics.Count(ref metrics.VotesDropped);
            else _queue.Enqueue((lane, vote));
            return Pump();
        }
    }

    /// <summary>A vote reached the other side: there is room for the next. True when one was sent.</summary>
    public bool Acknowledged(VoteLink link)
    {
        lock (_gate)
        {
            link.InFlight--;
            return Pump();
        }
    }

    /// <summary>Remembers a listener's link until it proves itself; returns one to close when there are too many.</summary>
    public VoteLink? AddUnproven(VoteLink link)
    {
        lock (_gate)
        {
            _unproven.Enqueue(link);
            return _unproven.Count > MaxUnproven ? _unproven.Dequeue() : null;
        }
    }

    /// <summary>The link proved itself: it carries the votes from now on. Returns the one to close in its stead.</summary>
    public VoteLink? Attach(VoteLink link)
    {
        VoteLink? before;
        lock (_gate)
        {
            if (_removed || _link == link) return _removed ? link : null;
            before = _link;
            _link = link;
            Forget(link);
            if (link.Dial is not null) SendNow(link, FirstControlLane, default);
            Pump();
        }
        link.MarkUp();
        PeerMetrics.Count(ref metrics.VoteConnects);
        if (before is null) Notify(handlers.OnPeerUp);
        return before;
    }

    /// <summary>The link is gone. What was under way on it is lost and counted.</summary>
    public void Detach(VoteLink link)
    {
        bool down;
        lock (_gate)
        {
            Forget(link);
            down = _link == link;
            if (down) _link = null;
            PeerMetrics.Count(ref metrics.VotesDropped, link.InFlight);
            link.InFlight = 0;
            while (_link is null && _queue.Count > options.VoteQueueLengthWhileDown)
            {
                _queue.Dequeue();
                PeerMetrics.Count(ref metrics.VotesDropped);
            }
        }
        if (down) Notify(handlers.OnPeerDown);
        link.Dispose();
    }

    /// <summary>No member any more: returns the links to close.</summary>
    public IReadOnlyList<VoteLink> Remove()
    {
        lock (_gate)
        {
            _removed = true;
            _queue.Clear();
            return [.. _unproven, .. _link is null ? Array.Empty<VoteLink>() : [_link]];
        }
    }

    /// <summary>A packet of a link: proves it, and carries a vote unless it is the proof alone. False when it does not authenticate.</summary>
    public bool Receive(VoteLink link, ReadOnlySpan<byte> packet, out VoteLink? replaced)
    {
        replaced = null;
        if (!link.TryOpen(packet, out byte lane, out byte[]? vote))
        {
            PeerMetrics.Count(ref metrics.PacketsRefused);
            return false;
        }
        if (Volatile.Read(ref _link) != link) replaced = Attach(link);
        if (lane != (byte)VoteLane.Unordered) link.Heard(ChannelOf(lane));
        if (lane >= FirstControlLane) return true;
        PeerMetrics.Count(ref metrics.VotesReceived);
        PeerMetrics.Count(ref metrics.VoteBytesReceived, packet.Length);
        try { handlers.OnVote(address.Node, vote); }
        catch (Exception e) { logger.LogError(e, "the vote handler failed"); }
        return true;
    }

    /// <summary>Proves this side alive; returns the link to close when the other side has been silent for too long.</summary>
    public VoteLink? Probe()
    {
        lock (_gate)
        {
            if (_link is null) return null;
            if (_link.Silence > options.DeadAfter) return _link;
            SendNow(_link, FirstControlLane, default);
            SendNow(_link, SecondControlLane, default);
            return null;
        }
    }

    private static byte ChannelOf(byte lane) => lane is (byte)VoteLane.Proposal or SecondControlLane ? (byte)1 : (byte)0;

    private bool Pump()
    {
        bool sent = false;
        while (_link is not null && _link.InFlight < options.VotesInFlight && _queue.TryDequeue(out (VoteLane Lane, ReadOnlyMemory<byte> Vote) next))
        {
            SendNow(_link, (byte)next.Lane, next.Vote.Span);
            PeerMetrics.Count(ref metrics.VotesSent);
            sent = true;
        }
        return sent;
    }

    private void SendNow(VoteLink link, byte lane, ReadOnlySpan<byte> vote)
    {
        byte[] packet = link.Seal(lane, vote);
        DeliveryMethod method = (VoteLane)lane == VoteLane.Unordered ? DeliveryMethod.ReliableUnordered : DeliveryMethod.ReliableOrdered;
        link.InFlight++;
        link.Net!.SendWithDeliveryEvent(packet, ChannelOf(lane), method, link);
        PeerMetrics.Count(ref metrics.VoteBytesSent, packet.Length);
    }

    private void Forget(VoteLink link)
    {
        int count = _unproven.Count;
        for (int i = 0; i < count; i++)
        {
            VoteLink other = _unproven.Dequeue();
            if (other != link) _unproven.Enqueue(other);
        }
    }

    private void Notify(Action<PublicKey, Carrier> handler)
    {
        try { handler(address.Node, Carrier.Votes); }
        catch (Exception e) { logger.LogError(e, "a peer event handler failed"); }
    }
}
