using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ptoy.Bench;

/// <summary>What the platform gives: messages with a length before them on a TLS 1.3 stream, one write each.</summary>
internal sealed class RawTls : IChannel, IAsyncDisposable
{
    private readonly SslStream _near, _far;
    private readonly X509Certificate2 _certificate;
    private Task _reading = Task.CompletedTask;
    private byte[] _frame = [];

    private RawTls(SslStream near, SslStream far, X509Certificate2 certificate) => (_near, _far, _certificate) = (near, far, certificate);

    public Action Received { private get; set; } = static () => { };

    public Action Answered { private get; set; } = static () => { };

    public static async Task<RawTls> StartAsync()
    {
        X509Certificate2 certificate = Certificate();
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var dialling = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Task<Socket> accepting = listener.AcceptAsync();
        await dialling.ConnectAsync(listener.LocalEndPoint!);
        Socket accepted = await accepting;
        accepted.NoDelay = true;
        var near = new SslStream(new NetworkStream(dialling, true), false, (_, shown, _, _) => shown?.GetCertHashString() == certificate.GetCertHashString());
        var far = new SslStream(new NetworkStream(accepted, true));
        await Task.WhenAll(
            near.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "bench", EnabledSslProtocols = SslProtocols.Tls13 }),
            far.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate, EnabledSslProtocols = SslProtocols.Tls13 }));
        var tls = new RawTls(near, far, certificate);
        tls._reading = Task.WhenAll(tls.ReadAsync(far, () => tls.Received()), tls.ReadAsync(near, () => tls.Answered()));
        return tls;
    }

    public ValueTask SendAsync(byte[] message) => _near.WriteAsync(Framed(message));

    // One message is under way when this is called, so that waiting holds up nothing else.
    public void Answer(byte[] message) => _far.Write(Framed(message).Span);

    public async ValueTask DisposeAsync()
    {
        await _near.DisposeAsync();
        await _far.DisposeAsync();
        await _reading;
        _certificate.Dispose();
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 made = new CertificateRequest("CN=bench", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UnixEpoch, new DateTimeOffset(2999, 1, 1, 0, 0, 0, TimeSpan.Zero));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }

    private ReadOnlyMemory<byte> Framed(byte[] message)
    {
        if (_frame.Length != message.Length + sizeof(int))
        {
            _frame = new byte[message.Length + sizeof(int)];
            BinaryPrimitives.WriteInt32BigEndian(_frame, message.Length);
        }
        return _frame;
    }

    private async Task ReadAsync(SslStream stream, Action came)
    {
        var buffer = new byte[256 * 1024];
        int start = 0, end = 0, left = -1;
        while (true)
        {
            if (left < 0 && end - start >= sizeof(int))
            {
                left = BinaryPrimitives.ReadInt32BigEndian(buffer.AsSpan(start));
                start += sizeof(int);
            }
            if (left >= 0)
            {
                int taken = Math.Min(left, end - start);
                start += taken;
                left -= taken;
                if (left == 0)
                {
                    left = -1;
                    came();
                    continue;
                }
            }
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            int read;
            try { read = await stream.ReadAsync(buffer.AsMemory(end)); }
            catch (Exception e) when (e is IOException or ObjectDisposedException) { return; }
            if (read == 0) return;
            end += read;
        }
    }
}
