using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ptoy.Node.Rpc;

/// <summary>
/// The TLS certificate as its files have it now: each handshake looks at their times and reads them again after a change. A file
/// that cannot be read or used leaves the certificate before it in place, with a warning in the log.
/// </summary>
internal sealed class CertificateFile
{
    private readonly Lock _lock = new();
    private readonly string _certificate;
    private readonly string? _key;
    private readonly ILogger _log;
    private (DateTime, DateTime) _stamp;
    private X509Certificate2 _current;

    /// <summary>Throws <see cref="RpcStartException"/> when the files hold no usable certificate.</summary>
    public CertificateFile(string certificate, string? key, ILogger log)
    {
        _certificate = certificate;
        _key = key;
        _log = log;
        _stamp = Stamp();
        try
        {
            _current = Load();
        }
        catch (Exception e) when (IsUnusable(e))
        {
            throw new RpcStartException($"rpc.certificateFile: '{certificate}' has no usable PEM certificate and key: {e.Message}");
        }
    }

    public X509Certificate2 Current()
    {
        lock (_lock)
        {
            (DateTime, DateTime) stamp = Stamp();
            if (stamp == _stamp) return _current;
            _stamp = stamp;
            try
            {
                _current = Load();
                _log.LogInformation("TLS certificate read again, valid until {NotAfter:u}", _current.NotAfter.ToUniversalTime());
            }
            catch (Exception e) when (IsUnusable(e))
            {
                _log.LogWarning("the TLS certificate file changed and cannot be used ({Problem}); the one before stays in place", e.Message);
            }
            return _current;
        }
    }

    private X509Certificate2 Load() => X509Certificate2.CreateFromPemFile(_certificate, _key);

    private (DateTime, DateTime) Stamp() => (File.GetLastWriteTimeUtc(_certificate), _key is null ? default : File.GetLastWriteTimeUtc(_key));

    private static bool IsUnusable(Exception e) => e is IOException or CryptographicException or UnauthorizedAccessException or ArgumentException;
}
