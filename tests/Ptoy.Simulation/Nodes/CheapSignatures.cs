using System.Buffers.Binary;
using Ptoy.Consensus;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Simulation;

/// <summary>
/// Signatures that anyone could forge and that cost next to nothing. What a faulty node signs, it signs with its own key; what it forges,
/// it forges wrongly.
/// </summary>
internal sealed class CheapVerifier : ISignatureVerifier
{
    public static CheapVerifier Instance { get; } = new();

    public bool Verify(PublicKey key, string domain, ReadOnlySpan<byte> message, Signature signature) =>
        BinaryPrimitives.ReadUInt64LittleEndian(signature.Bytes) == Mix(key.Bytes, domain, message);

    internal static ulong Mix(ReadOnlySpan<byte> key, string domain, ReadOnlySpan<byte> message)
    {
        const ulong Prime = 0x9E3779B185EBCA87;
        ulong hash = BinaryPrimitives.ReadUInt64LittleEndian(key) * Prime;
        foreach (char c in domain) hash = (hash ^ c) * Prime;
        while (message.Length >= 8)
        {
            hash = (ulong.RotateLeft(hash, 27) ^ BinaryPrimitives.ReadUInt64LittleEndian(message)) * Prime;
            message = message[8..];
        }
        foreach (byte b in message) hash = (ulong.RotateLeft(hash, 11) ^ b) * Prime;
        return hash ^ (hash >> 29);
    }
}

/// <summary>Signs in the manner of <see cref="CheapVerifier"/>.</summary>
internal sealed class CheapSigner(PublicKey key) : INodeSigner
{
    public Signature Sign(string domain, ReadOnlySpan<byte> message)
    {
        var bytes = new byte[64];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, CheapVerifier.Mix(key.Bytes, domain, message));
        return new Signature(SuiteId.Ed25519, bytes);
    }
}
