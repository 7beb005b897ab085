using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Transport;

/// <summary>Who this node is, on which chain. Every handshake signs both.</summary>
internal sealed record NodeIdentity(SigningKey Key, Hash ChainId)
{
    public PublicKey Self => Key.Public;

    /// <summary>
    /// Of two nodes the one with the smaller key dials and the other listens. So there is one connection a carrier by construction; a second
    /// one means that the dialler lost the first, and the newest that proves itself wins.
    /// </summary>
    public bool Dials(PublicKey peer) => Self.Bytes.AsSpan().SequenceCompareTo(peer.Bytes) < 0;
}
