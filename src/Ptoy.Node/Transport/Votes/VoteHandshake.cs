using System.Security.Cryptography;
using NSec.Cryptography;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using PublicKey = Ptoy.Protocol.Crypto.PublicKey;

namespace Ptoy.Node.Transport;

/// <summary>
/// Signed ephemeral Diffie-Hellman. Hello (dialler → listener): magic(4) · chain(32) · dialler(32) · ephemeral(32) · signature(64) over chain, dialler,
/// listener, ephemeral. Reply: ephemeral(32) · signature(64) over all of that and the reply's ephemeral. The session keys are derived from
/// the shared secret and everything signed. The first packet that the listener can open proves that the dialler is live:
/// a recorded hello gets a reply it can do nothing with.
/// </summary>
internal sealed class VoteHandshake(NodeIdentity identity, int rekeyAfter)
{
    public const int HelloSize = 4 + 3 * KeySize + SignatureSize;
    public const int ReplySize = KeySize + SignatureSize;
    private const int KeySize = 32;
    private const int SignatureSize = 64;
    private const string HelloDomain = "ptoy/transport/vote-hello/v1";
    private const string ReplyDomain = "ptoy/transport/vote-reply/v1";
    private static readonly byte[] Magic = "PTV1"u8.ToArray();
    private static readonly byte[] KeysInfo = "ptoy/transport/vote-keys/v1"u8.ToArray();

    /// <summary>A dial under way.</summary>
    internal sealed class Dial(PublicKey peer, Key ephemeral, byte[] hello) : IDisposable
    {
        public PublicKey Peer => peer;

        public Key Ephemeral => ephemeral;

        public byte[] Hello => hello;

        public void Dispose() => ephemeral.Dispose();
    }

    public Dial Begin(PublicKey peer)
    {
        Key ephemeral = Key.Create(KeyAgreementAlgorithm.X25519);
        byte[] mine = ephemeral.PublicKey.Export(KeyBlobFormat.RawPublicKey);
        Signature signature = identity.Key.Sign(HelloDomain, Statement(identity.Self, peer, mine));
        return new Dial(peer, ephemeral, [.. Magic, .. identity.ChainId.ToArray(), .. identity.Self.Bytes, .. mine, .. signature.Bytes]);
    }

    /// <summary>Who a hello claims to be from; null when it is no hello of this chain. Costs nothing: the signature comes later.</summary>
    public PublicKey? Claimed(ReadOnlySpan<byte> hello)
    {
        if (hello.Length != HelloSize || !hello[..4].SequenceEqual(Magic)) return null;
        return new Hash(hello.Slice(4, Hash.Size)) == identity.ChainId ? new PublicKey(SuiteId.Ed25519, hello.Slice(36, KeySize).ToArray()) : null;
    }

    /// <summary>Answers a hello from a member; null when it is not signed by it.</summary>
    public (byte[] Reply, SecureSession Session)? Answer(PublicKey dialler, ReadOnlySpan<byte> hello)
    {
        byte[] theirs = hello.Slice(68, KeySize).ToArray();
        if (!Verify(dialler, HelloDomain, Statement(dialler, identity.Self, theirs), hello[100..])) return null;
        using Key ephemeral = Key.Create(KeyAgreementAlgorithm.X25519);
        byte[] mine = ephemeral.PublicKey.Export(KeyBlobFormat.RawPublicKey);
        byte[] transcript = [.. Statement(dialler, identity.Self, theirs), .. mine];
        if (Derive(ephemeral, theirs, transcript) is not { } keys) return null;
        Signature signature = identity.Key.Sign(ReplyDomain, transcript);
        return ([.. mine, .. signature.Bytes], new SecureSession(keys.ToDialler, keys.ToListener, rekeyAfter));
    }

    /// <summary>Takes the reply to a dial; null when it is not signed by whom was dialled.</summary>
    public SecureSession? Finish(Dial dial, ReadOnlySpan<byte> reply)
    {
        if (reply.Length != ReplySize) return null;
        byte[] theirs = reply[..KeySize].ToArray();
        byte[] mine = dial.Ephemeral.PublicKey.Export(KeyBlobFormat.RawPublicKey);
        byte[] transcript = [.. Statement(identity.Self, dial.Peer, mine), .. theirs];
        if (!Verify(dial.Peer, ReplyDomain, transcript, reply[KeySize..])) return null;
        return Derive(dial.Ephemeral, theirs, transcript) is { } keys ? new SecureSession(keys.ToListener, keys.ToDialler, rekeyAfter) : null;
    }

    private byte[] Statement(PublicKey dialler, PublicKey listener, byte[] ephemeral) =>
        [.. identity.ChainId.ToArray(), .. dialler.Bytes, .. listener.Bytes, .. ephemeral];

    private static bool Verify(PublicKey key, string domain, byte[] statement, ReadOnlySpan<byte> signature) =>
        Signing.Verify(key, domain, statement, new Signature(SuiteId.Ed25519, signature.ToArray()));

    private static (byte[] ToListener, byte[] ToDialler)? Derive(Key mine, byte[] theirs, byte[] transcript)
    {
        if (!NSec.Cryptography.PublicKey.TryImport(KeyAgreementAlgorithm.X25519, theirs, KeyBlobFormat.RawPublicKey, out NSec.Cryptography.PublicKey? point)) return null;
        using SharedSecret? shared = KeyAgreementAlgorithm.X25519.Agree(mine, point!); // null for points of small order
        if (shared is null) return null;
        byte[] keys = KeyDerivationAlgorithm.HkdfSha256.DeriveBytes(shared, SHA256.HashData(transcript), KeysInfo, 2 * KeySize);
        return (keys[..KeySize], keys[KeySize..]);
    }
}
