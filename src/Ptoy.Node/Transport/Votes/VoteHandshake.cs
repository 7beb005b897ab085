using System.Security.Cryptography;
using NSec.Cryptography;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using PublicKey = Ptoy.Protocol.Crypto.PublicKey;

namespace Ptoy.Node.Transport;

/// <summary>
/// Signed ephemeral Diffie-Hellman. Hello (dialler → listener): magic(4) · chain(32) · dialler(32) · ephemeral(32) · cookie(16) · signature(64) over
/// chain, dialler, listener, ephemeral, cookie (see <see cref="CookieJar"/>: a recorded hello is of no use elsewhere, or later). Reply: ephemeral(32) · signature(64) over all of that and the reply's ephemeral. The session keys are derived from
/// the shared secret and everything signed. The first packet that the listener can open proves that the dialler is live:
/// a recorded hello gets a reply it can do nothing with. The same exchange inside a session, without cookie, agrees on its next keys.
/// </summary>
internal sealed class VoteHandshake(NodeIdentity identity)
{
    public const int HelloSize = SignatureAt + SignatureSize;
    public const int ReplySize = KeySize + SignatureSize;
    private const int KeySize = 32;
    private const int EphemeralAt = 4 + Hash.Size + KeySize;
    private const int CookieAt = EphemeralAt + KeySize;
    private const int SignatureAt = CookieAt + CookieJar.Size;
    private const int SignatureSize = 64;
    private const string HelloDomain = "ptoy/transport/vote-hello/v2";
    private const string ReplyDomain = "ptoy/transport/vote-reply/v2";
    private static readonly byte[] Magic = "PTV2"u8.ToArray();
    private static readonly byte[] KeysInfo = "ptoy/transport/vote-keys/v1"u8.ToArray();

    /// <summary>A dial under way.</summary>
    internal sealed class Dial(PublicKey peer, Key ephemeral, byte[] hello) : IDisposable
    {
        public PublicKey Peer => peer;

        public Key Ephemeral => ephemeral;

        public byte[] Hello => hello;

        public void Dispose() => ephemeral.Dispose();
    }

    public Dial Begin(PublicKey peer, byte[]? cookie = null)
    {
        byte[] shown = cookie ?? new byte[CookieJar.Size];
        Key ephemeral = Key.Create(KeyAgreementAlgorithm.X25519);
        byte[] mine = ephemeral.PublicKey.Export(KeyBlobFormat.RawPublicKey);
        Signature signature = identity.Key.Sign(HelloDomain, Statement(identity.Self, peer, mine, shown));
        return new Dial(peer, ephemeral, [.. Magic, .. identity.ChainId.ToArray(), .. identity.Self.Bytes, .. mine, .. shown, .. signature.Bytes]);
    }

    /// <summary>Who a hello claims to be from; null when it is no hello of this chain. Costs nothing: the signature comes later.</summary>
    public PublicKey? Claimed(ReadOnlySpan<byte> hello)
    {
        if (hello.Length != HelloSize || !hello[..4].SequenceEqual(Magic)) return null;
        return new Hash(hello.Slice(4, Hash.Size)) == identity.ChainId ? new PublicKey(SuiteId.Ed25519, hello.Slice(36, KeySize).ToArray()) : null;
    }

    /// <summary>The cookie of a hello that has a claimant.</summary>
    public static ReadOnlySpan<byte> CookieOf(ReadOnlySpan<byte> hello) => hello[CookieAt..SignatureAt];

    /// <summary>Answers a hello from a member; null when it is not signed by it.</summary>
    public (byte[] Reply, SessionKeys Keys)? Answer(PublicKey dialler, ReadOnlySpan<byte> hello)
    {
        byte[] theirs = hello[EphemeralAt..CookieAt].ToArray();
        byte[] statement = Statement(dialler, identity.Self, theirs, CookieOf(hello).ToArray());
        if (!Verify(dialler, HelloDomain, statement, hello[SignatureAt..])) return null;
        using Key ephemeral = Key.Create(KeyAgreementAlgorithm.X25519);
        byte[] mine = ephemeral.PublicKey.Export(KeyBlobFormat.RawPublicKey);
        byte[] transcript = [.. statement, .. mine];
        if (Derive(ephemeral, theirs, transcript) is not { } keys) return null;
        Signature signature = identity.Key.Sign(ReplyDomain, transcript);
        return ([.. mine, .. signature.Bytes], new SessionKeys(keys.ToDialler, keys.ToListener));
    }

    /// <summary>Takes the reply to a dial; null when it is not signed by whom was dialled.</summary>
    public SessionKeys? Finish(Dial dial, ReadOnlySpan<byte> reply)
    {
        if (reply.Length != ReplySize) return null;
        byte[] theirs = reply[..KeySize].ToArray();
        byte[] mine = dial.Ephemeral.PublicKey.Export(KeyBlobFormat.RawPublicKey);
        byte[] transcript = [.. Statement(identity.Self, dial.Peer, mine, CookieOf(dial.Hello).ToArray()), .. theirs];
        if (!Verify(dial.Peer, ReplyDomain, transcript, reply[KeySize..])) return null;
        return Derive(dial.Ephemeral, theirs, transcript) is { } keys ? new SessionKeys(keys.ToListener, keys.ToDialler) : null;
    }

    private byte[] Statement(PublicKey dialler, PublicKey listener, byte[] ephemeral, byte[] cookie) =>
        [.. identity.ChainId.ToArray(), .. dialler.Bytes, .. listener.Bytes, .. ephemeral, .. cookie];

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
