using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Transport;

/// <summary>Which of the two carriers something happened on.</summary>
public enum Carrier
{
    /// <summary>Small, urgent messages over UDP.</summary>
    Votes,
    /// <summary>Everything else, over TLS 1.3 streams.</summary>
    Bulk,
}

/// <summary>How a vote travels. Votes of one ordered lane arrive in the order they were sent; lanes do not wait for each other.</summary>
public enum VoteLane : byte
{
    /// <summary>In order. For prepares, commits, view changes.</summary>
    Ordered = 0,
    /// <summary>As it comes: one that was lost delays no other.</summary>
    Unordered = 1,
    /// <summary>In order among themselves. For proposals, so that their fragments hold up no vote.</summary>
    Proposal = 2,
}

/// <summary>Where a member's node is reached.</summary>
/// <param name="Node">Its node key (Ed25519).</param>
/// <param name="Host">Host name or IP address.</param>
/// <param name="VotePort">UDP port, 1 to 65535.</param>
/// <param name="BulkPort">TCP port, 1 to 65535.</param>
public sealed record PeerAddress(PublicKey Node, string Host, int VotePort, int BulkPort);

/// <summary>
/// What the node does with what arrives. Exceptions thrown by a handler are logged and go no further (from
/// <see cref="OnRequest"/> they become the error answer). Payloads belong to the handler: nothing else writes to them.
/// </summary>
public sealed class TransportHandlers
{
    /// <summary>A vote. Called on a network thread: hand it over and return at once.</summary>
    public Action<PublicKey, ReadOnlyMemory<byte>> OnVote { get; init; } = static (_, _) => { };

    /// <summary>A one-way bulk message (peer, kind, payload). One at a time per peer; while it runs the peer is slowed down.</summary>
    public Func<PublicKey, ushort, ReadOnlyMemory<byte>, ValueTask> OnBulk { get; init; } = static (_, _, _) => ValueTask.CompletedTask;

    /// <summary>A request (peer, kind, payload, cancelled when the asker gave up). Several run at once.</summary>
    public Func<PublicKey, ushort, ReadOnlyMemory<byte>, CancellationToken, Task<byte[]>> OnRequest { get; init; } =
        static (_, kind, _, _) => Task.FromException<byte[]>(new NotSupportedException($"requests of kind {kind} are not served here"));

    /// <summary>A carrier to a member came up.</summary>
    public Action<PublicKey, Carrier> OnPeerUp { get; init; } = static (_, _) => { };

    /// <summary>A carrier to a member went down.</summary>
    public Action<PublicKey, Carrier> OnPeerDown { get; init; } = static (_, _) => { };

    /// <summary>A connection attempt was refused: no member, another chain, a bad signature, or too many at once. Called on a network thread.</summary>
    public Action<Carrier> OnRefused { get; init; } = static _ => { };
}

/// <summary>
/// Messages between the nodes of the member list, authenticated by node key and encrypted. Connections are made, and made
/// again, without being asked. Delivery is best effort: what was under way when a connection broke may be lost, so the caller
/// repeats what matters. Thread-safe.
/// </summary>
public interface ITransport : IAsyncDisposable
{
    /// <summary>Largest vote that <see cref="SendVote"/> takes and largest bulk payload, in bytes: 64 MiB.</summary>
    public const int MaxMessageSize = 64 * 1024 * 1024;

    /// <summary>Kinds from here up belong to the transport itself.</summary>
    public const ushort FirstReservedKind = 0xFF00;

    /// <summary>This node's key.</summary>
    PublicKey Self { get; }

    /// <summary>UDP port listened on; 0 before the start.</summary>
    int VotePort { get; }

    /// <summary>TCP port listened on; 0 before the start.</summary>
    int BulkPort { get; }

    /// <summary>Opens the ports and begins to connect. Throws <see cref="TransportException"/> naming the port and its configuration key when one is taken.</summary>
    Task StartAsync(TransportHandlers handlers, CancellationToken cancellation = default);

    /// <summary>
    /// The member list from now on (this node itself is left out if it is in it). Members that are gone are disconnected; changed
    /// addresses are dialled anew. Throws <see cref="TransportException"/> for an address that cannot be one.
    /// </summary>
    void UpdatePeers(IReadOnlyCollection<PeerAddress> peers);

    /// <summary>True while that carrier to that member works.</summary>
    bool IsUp(PublicKey peer, Carrier carrier);

    /// <summary>
    /// Queues a vote. When the queue to that peer is full its oldest vote is dropped (and counted); a fixed number is kept for a
    /// peer that is down. Votes too large for UDP take the bulk carrier. False when the peer is no member, or when a
    /// large vote found the bulk carrier down or full.
    /// </summary>
    bool SendVote(PublicKey peer, ReadOnlyMemory<byte> vote, VoteLane lane = VoteLane.Ordered);

    /// <summary>
    /// Queues a one-way message of a kind below <see cref="FirstReservedKind"/>. False when the peer is no member or down, or its queue is
    /// full. Messages up to 60 KiB keep their order, larger ones keep theirs; a small one may overtake a large one.
    /// The payload must not be changed afterwards.
    /// </summary>
    bool SendBulk(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload);

    /// <summary>As <see cref="SendBulk"/>, but waits for room in the queue until cancelled (<see cref="OperationCanceledException"/>) or the peer is down (false).</summary>
    ValueTask<bool> SendBulkAsync(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload, CancellationToken cancellation);

    /// <summary>
    /// Asks and waits for the answer. Throws <see cref="TransportException"/> (peer down, no member, no answer in time, connection lost),
    /// <see cref="RemoteRequestException"/> (the peer's handler failed) or <see cref="OperationCanceledException"/>.
    /// </summary>
    Task<byte[]> RequestAsync(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload, CancellationToken cancellation = default);

    /// <summary>The counters as they stand.</summary>
    TransportSnapshot Snapshot();
}
