using System.Diagnostics;
using LiteNetLib;
using Microsoft.Extensions.Logging;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Transport;

/// <summary>One member on the vote carrier: the bounded queue, the current link and those that have yet to prove themselves.</summary>
internal sealed class VotePeer(
    PeerAddress address, PeerMetrics metrics, VoteHandshake handshake, TransportOptions options, TransportHandlers handlers, ILogger logger)
{
    /// <summary>
    /// Lanes of empty packets that prove that the session is alive, one for each ordered channel of the library. Its acknowledgements are
    /// not authenticated: a forged one can make it wait forever for a packet that is never sent again, which only silence tells.
    /// </summary>
    private const byte FirstControlLane = 3, SecondControlLane = 4;

    private const int MaxUnproven = 4;

    /// <summary>First byte of a packet on the first control lane that carries a handshake for new keys; an empty one is a probe.</summary>
    private const byte RenewalHello = 1, RenewalReply = 2;

    /// <summary>A dialler that asks for new keys more often than this part of the interval wants to cost time.</summary>
    private const int Impatience = 10;

    private readonly Lock _gate = new();
    private readonly Queue<(VoteLane Lane, ReadOnlyMemory<byte> Vote)> _queue = new();
    private readonly Queue<VoteLink> _unproven = new();
    private VoteLink? _link;
    private VoteLink? _dialled;
    private long _queuedBytes;
    private volatile bool _removed;

    public PeerAddress Address => address;

    /// <summary>What the peer's listener last asked this node to show; null before.</summary>
    public byte[]? Cookie { get; set; }

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
            while (_queue.Count > 0 && (_queue.Count >= limit || _queuedBytes + vote.Length > options.VoteQueueBytes)) DropOldest();
            if (limit == 0) PeerMetrics.Count(ref metrics.VotesDropped);
            else
            {
                _queue.Enqueue((lane, vote));
                _queuedBytes += vote.Length;
            }
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

    /// <summary>Remembers a listener's link until it proves itself; hands out one to close when there are too many. False when the peer is no member any more.</summary>
    public bool TryAddUnproven(VoteLink link, out VoteLink? displaced)
    {
        displaced = null;
        lock (_gate)
        {
            if (_removed) return false;
            _unproven.Enqueue(link);
            if (_unproven.Count > MaxUnproven) displaced = _unproven.Dequeue();
            return true;
        }
    }

    /// <summary>Remembers the link that is being dialled. False when the peer is no member any more.</summary>
    public bool TryAddDialled(VoteLink link)
    {
        lock (_gate)
        {
            if (!_removed) _dialled = link;
            return !_removed;
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
            _dialled = null;
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
            while (_link is null && _queue.Count > options.VoteQueueLengthWhileDown) DropOldest();
        }
        if (down) Notify(handlers.OnPeerDown);
        link.Dispose();
    }

    /// <summary>No member any more: nothing of it is handed on from here on. Returns the links to close.</summary>
    public IReadOnlyList<VoteLink> Remove()
    {
        lock (_gate)
        {
            _removed = true;
            _queue.Clear();
            _queuedBytes = 0;
            return [.. new HashSet<VoteLink>(_unproven.Concat([_link, _dialled]).OfType<VoteLink>())];
        }
    }

    /// <summary>A packet of a link: proves it, and carries a vote unless it is the proof alone. False when it does not authenticate.</summary>
    public bool Receive(VoteLink link, ReadOnlySpan<byte> packet, out VoteLink? replaced)
    {
        replaced = null;
        if (!link.TryOpen(packet, out byte lane, out byte[]? vote, out bool renewed))
        {
            PeerMetrics.Count(ref metrics.PacketsRefused);
            return false;
        }
        if (Volatile.Read(ref _link) != link) replaced = Attach(link);
        if (_removed) replaced = link;
        if (replaced == link) return true;
        if (lane != (byte)VoteLane.Unordered) link.Heard(ChannelOf(lane));
        if (renewed) OnRenewed(link);
        if (lane >= FirstControlLane)
        {
            if (vote.Length > 0 && !OnRenewal(link, vote)) replaced = link;
            return true;
        }
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
            if (_link.Dial is not null && _link.Renewal is null && Stopwatch.GetElapsedTime(_link.AgreedAt) >= options.VoteRenewAfter)
            {
                _link.Renewal = handshake.Begin(address.Node);
                SendNow(_link, FirstControlLane, [RenewalHello, .. _link.Renewal.Hello]);
            }
            return null;
        }
    }

    /// <summary>
    /// A handshake inside the session. The listener is ready for the dialler's new key before it answers, the dialler for the listener's before
    /// it uses its own, and the listener uses its own after that: so no packet comes under a key that is not known yet. False for what no honest peer sends.
    /// </summary>
    private bool OnRenewal(VoteLink link, ReadOnlySpan<byte> message)
    {
        ReadOnlySpan<byte> handshakePart = message[1..];
        if (message[0] == RenewalHello && link.Dial is null) return AnswerRenewal(link, handshakePart);
        if (message[0] != RenewalReply) return false;
        lock (_gate)
        {
            if (link.Renewal is not { } dial || handshake.Finish(dial, handshakePart) is not { } keys || !link.TryOfferReceiving(keys.Receive)) return false;
            dial.Dispose();
            (link.Renewal, link.AgreedAt) = (null, Stopwatch.GetTimestamp());
            link.RenewSending(keys.Send);
            if (_link == link) SendNow(link, FirstControlLane, default);
            return true;
        }
    }

    private bool AnswerRenewal(VoteLink link, ReadOnlySpan<byte> hello)
    {
        lock (_gate)
        {
            if (link.NextSending is not null || Stopwatch.GetElapsedTime(link.AgreedAt) < options.VoteRenewAfter / Impatience) return false;
            if (handshake.Claimed(hello) != address.Node || handshake.Answer(address.Node, hello) is not { } answer) return false;
            if (!link.TryOfferReceiving(answer.Keys.Receive)) return false;
            link.NextSending = answer.Keys.Send;
            if (_link == link) SendNow(link, FirstControlLane, [RenewalReply, .. answer.Reply]);
            return true;
        }
    }

    /// <summary>The peer seals under the key agreed anew.</summary>
    private void OnRenewed(VoteLink link)
    {
        PeerMetrics.Count(ref metrics.VoteRenewals);
        lock (_gate)
        {
            if (link.NextSending is not { } key) return;
            link.RenewSending(key);
            (link.NextSending, link.AgreedAt) = (null, Stopwatch.GetTimestamp());
            if (_link == link) SendNow(link, FirstControlLane, default);
        }
    }

    private void DropOldest()
    {
        _queuedBytes -= _queue.Dequeue().Vote.Length;
        PeerMetrics.Count(ref metrics.VotesDropped);
    }

    private static byte ChannelOf(byte lane) => lane is (byte)VoteLane.Proposal or SecondControlLane ? (byte)1 : (byte)0;

    private bool Pump()
    {
        bool sent = false;
        while (_link is not null && _link.InFlight < options.VotesInFlight && _queue.TryDequeue(out (VoteLane Lane, ReadOnlyMemory<byte> Vote) next))
        {
            _queuedBytes -= next.Vote.Length;
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
