using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ptoy.Services.Hosting;

/// <summary>
/// A daemon's TLS certificate as its PEM file has it now: looked at for each handshake, so that a renewed one needs no restart. A file that
/// cannot be used leaves the certificate before it in place.
/// </summary>
internal sealed class ServerCertificate
{
    private readonly string _path;
    private readonly ILogger _log;
    private readonly Lock _lock = new();
    private DateTime _changed;
    private X509Certificate2 _current;

    /// <summary>Throws <see cref="DaemonConfigException"/> when the file holds no usable certificate and key.</summary>
    public ServerCertificate(string path, ILogger log)
    {
        (_path, _log) = (path, log);
        _changed = File.GetLastWriteTimeUtc(path);
        try
        {
            _current = X509Certificate2.CreateFromPemFile(path);
        }
        catch (Exception e) when (IsUnusable(e))
        {
            throw new DaemonConfigException($"http.certificate: '{path}' has no usable PEM certificate and key: {e.Message}");
        }
    }

    public X509Certificate2 Current()
    {
        lock (_lock)
        {
            DateTime changed = File.GetLastWriteTimeUtc(_path);
            if (changed == _changed) return _current;
            _changed = changed;
            try
            {
                _current = X509Certificate2.CreateFromPemFile(_path);
                _log.LogInformation("TLS certificate read again, valid until {NotAfter:u}", _current.NotAfter.ToUniversalTime());
            }
            catch (Exception e) when (IsUnusable(e))
            {
                _log.LogWarning("the TLS certificate file changed and cannot be used ({Problem}); the one before stays in place", e.Message);
            }
            return _current;
        }
    }

    private static bool IsUnusable(Exception e) => e is IOException or CryptographicException or UnauthorizedAccessException or ArgumentException;
}
