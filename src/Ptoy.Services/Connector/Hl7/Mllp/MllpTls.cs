using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ptoy.Services.Connector.Hl7.Mllp;

/// <summary>
/// TLS of the listener, from PEM files that are read again for every connection when they changed: certificates are renewed without a
/// restart. With client authorities, a sender must show a certificate that one of them issued.
/// </summary>
internal sealed class MllpTls(Hl7Options options)
{
    private readonly Lock _lock = new();
    private (DateTime Written, SslStreamCertificateContext Context, X509Certificate2Collection Authorities)? _loaded;

    /// <summary>Secures a connection. Throws <see cref="MllpException"/> when the sender does not get through the handshake.</summary>
    public async Task<Stream> SecureAsync(Stream plain, CancellationToken cancellation)
    {
        (_, SslStreamCertificateContext context, X509Certificate2Collection authorities) = Load();
        bool asks = options.ClientAuthorities is not null;
        var secured = new SslStream(plain, leaveInnerStreamOpen: false);
        try
        {
            await secured.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
            {
                ServerCertificateContext = context,
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                ClientCertificateRequired = asks,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                RemoteCertificateValidationCallback = asks ? (_, certificate, _, _) => certificate is X509Certificate2 shown
                    && IsIssued(shown, authorities) : null,
            }, cancellation);
            return secured;
        }
        catch (Exception e) when (e is AuthenticationException or IOException or CryptographicException)
        {
            await secured.DisposeAsync();
            throw new MllpException(asks ? "the TLS handshake failed: no valid client certificate, or no TLS" : "the TLS handshake failed");
        }
    }

    /// <summary>Reads the files. Throws <see cref="InvalidDataException"/> naming the field when they cannot be used.</summary>
    public void Check() => Load();

    private static bool IsIssued(X509Certificate2 shown, X509Certificate2Collection authorities)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(shown);
    }

    private (DateTime Written, SslStreamCertificateContext Context, X509Certificate2Collection Authorities) Load()
    {
        lock (_lock)
        {
            string[] files = [.. new[] { options.Certificate, options.CertificateKey, options.ClientAuthorities }.OfType<string>()];
            DateTime written = files.Max(File.GetLastWriteTimeUtc);
            if (_loaded is { } known && known.Written == written) return known;
            try
            {
                using X509Certificate2 pem = X509Certificate2.CreateFromPemFile(options.Certificate!, options.CertificateKey);
                // The key has to be in a store of its own for some platforms' TLS.
                X509Certificate2 certificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
                var authorities = new X509Certificate2Collection();
                if (options.ClientAuthorities is { } file) authorities.ImportFromPemFile(file);
                var fresh = (written, SslStreamCertificateContext.Create(certificate, null, offline: true), authorities);
                _loaded = fresh;
                return fresh;
            }
            catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
            {
                // A renewal that is half written: the certificate of before goes on.
                if (_loaded is { } former) return former;
                throw new InvalidDataException("mllp.certificate: certificate, key or client authorities cannot be read as PEM");
            }
        }
    }
}
