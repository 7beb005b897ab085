using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using PublicKey = Ptoy.Protocol.Crypto.PublicKey;

namespace Ptoy.Node.Transport;

/// <summary>
/// How a TCP connection becomes an authenticated one. The dialler first names itself in the clear (magic, chain id, node key), so that a
/// stranger is turned away before any cryptography. Then TLS 1.3 with a self-made certificate on each side, which proves nothing yet; then each
/// side signs, with its node key, the chain, both node keys, its role and both certificates' hashes. Whoever stands between
/// cannot show one side the other's certificate, so the signatures bind this very channel. One byte behind the dialler's signature says whether this
/// connection takes over from one that works (1) or there is none (0); one byte of the listener says that it is in place.
/// </summary>
internal sealed class BulkHandshake(NodeIdentity identity, X509Certificate2 certificate)
{
    /// <summary>The listener's last word of the handshake.</summary>
    public const byte Admitted = 1;

    public const int PrefaceSize = 4 + Hash.Size + KeySize;
    private const string Domain = "ptoy/transport/bulk-hello/v2";
    private const string TlsName = "ptoy-node";
    private const int KeySize = 32;
    private const int SignatureSize = 64;
    private static readonly byte[] Magic = "PTB2"u8.ToArray();

    /// <summary>A certificate for the life of this process.</summary>
    public static X509Certificate2 CreateCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={TlsName}", key, HashAlgorithmName.SHA256);
        // The dates say nothing: trust comes from the signed hello, and clocks of two hospitals may differ.
        using X509Certificate2 made = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, new DateTimeOffset(2999, 1, 1, 0, 0, 0, TimeSpan.Zero));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>The dialler's side.</summary>
    public async Task<SslStream> DialAsync(Stream stream, PublicKey peer, bool successor, CancellationToken cancellation)
    {
        var preface = new byte[PrefaceSize];
        Magic.CopyTo(preface, 0);
        identity.ChainId.CopyTo(preface.AsSpan(Magic.Length));
        identity.Self.Bytes.CopyTo(preface, Magic.Length + Hash.Size);
        await stream.WriteAsync(preface, cancellation);
        var tls = new SslStream(stream, false, PresentsCertificate);
        try
        {
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = TlsName,
                ClientCertificates = [certificate],
                EnabledSslProtocols = SslProtocols.Tls13,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                AllowTlsResume = false, // each connection agrees on keys anew
            }, cancellation);
            await ExchangeHellosAsync(tls, peer, true, cancellation);
            await tls.WriteAsync(new[] { successor ? (byte)1 : (byte)0 }, cancellation);
            var answer = new byte[1];
            await tls.ReadExactlyAsync(answer, cancellation);
            if (answer[0] != Admitted) throw new TransportException("the peer answered something else than that it is ready");
            return tls;
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    /// <summary>Who the dialler says it is; null when it speaks another protocol or belongs to another chain.</summary>
    public async Task<PublicKey?> ReadPrefaceAsync(Stream stream, CancellationToken cancellation)
    {
        var preface = new byte[PrefaceSize];
        await stream.ReadExactlyAsync(preface, cancellation);
        if (!preface.AsSpan(0, Magic.Length).SequenceEqual(Magic)) return null;
        if (new Hash(preface.AsSpan(Magic.Length, Hash.Size)) != identity.ChainId) return null;
        return new PublicKey(SuiteId.Ed25519, preface[(Magic.Length + Hash.Size)..]);
    }

    /// <summary>The listener's side, after the preface named a member.</summary>
    public async Task<(SslStream Stream, bool Successor)> AcceptAsync(Stream stream, PublicKey peer, CancellationToken cancellation)
    {
        var tls = new SslStream(stream, false, PresentsCertificate);
        try
        {
            await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
            {
                ServerCertificate = certificate,
                ClientCertificateRequired = true,
                EnabledSslProtocols = SslProtocols.Tls13,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                AllowTlsResume = false,
            }, cancellation);
            await ExchangeHellosAsync(tls, peer, false, cancellation);
            var flag = new byte[1];
            await tls.ReadExactlyAsync(flag, cancellation);
            return (tls, flag[0] == 1);
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    private static bool PresentsCertificate(object sender, X509Certificate? presented, X509Chain? chain, SslPolicyErrors errors) => presented is not null;

    private async Task ExchangeHellosAsync(SslStream tls, PublicKey peer, bool dialler, CancellationToken cancellation)
    {
        if (tls.RemoteCertificate is null) throw new TransportException("the peer showed no certificate");
        byte[] ours = SHA256.HashData(certificate.RawData), theirs = SHA256.HashData(tls.RemoteCertificate.GetRawCertData());
        Signature own = identity.Key.Sign(Domain, Statement(identity.Self, peer, dialler, ours, theirs));
        await tls.WriteAsync(own.Bytes, cancellation);
        var received = new byte[SignatureSize];
        await tls.ReadExactlyAsync(received, cancellation);
        byte[] expected = Statement(peer, identity.Self, !dialler, theirs, ours);
        if (!Signing.Verify(peer, Domain, expected, new Signature(SuiteId.Ed25519, received)))
            throw new TransportException($"the peer did not prove that it holds node key {peer}");
    }

    private byte[] Statement(PublicKey signer, PublicKey other, bool dialler, byte[] signerCertificate, byte[] otherCertificate) =>
        [.. identity.ChainId.ToArray(), dialler ? (byte)1 : (byte)0, .. signer.Bytes, .. other.Bytes, .. signerCertificate, .. otherCertificate];
}
