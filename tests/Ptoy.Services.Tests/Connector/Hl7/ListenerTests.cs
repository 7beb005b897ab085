using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using NUnit.Framework;
using Ptoy.Services.Connector.Hl7;
using Ptoy.Services.Connector.Hl7.Mllp;

namespace Ptoy.Services.Tests.Connector.Hl7;

public sealed class ListenerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Test]
    public async Task Over_TLS_a_sender_with_a_certificate_of_the_authority_is_heard_and_others_are_not()
    {
        string folder = Directory.CreateTempSubdirectory("ptoy-hl7-tls").FullName;
        try
        {
            using X509Certificate2 authority = Certificate("authority", null), server = Certificate("server", authority),
                known = Certificate("sender", authority);
            using X509Certificate2 other = Certificate("other authority", null), stranger = Certificate("stranger", other);
            Hl7Options options = Write(folder, server, authority);
            Assert.That(options.Problems(), Is.Empty);
            await using Feed feed = await Feed.StartAsync(new RecordingIntake(), options);
            Assert.That(await TalkAsync(feed.Port, known), Does.Contain("\rMSA|AA|TLS\r"));
            Assert.That(await TalkAsync(feed.Port, stranger), Is.Null);
            Assert.That(await TalkAsync(feed.Port, null), Is.Null);
            using Sender plain = await feed.ConnectAsync();
            Assert.That(await plain.SendAsync(Messages.Admission()), Is.Null, "plain TCP is not heard");
            Assert.That(await TalkAsync(feed.Port, known), Does.Contain("\rMSA|AA|TLS\r"), "and the listener goes on");
            Assert.That(feed.Log.All, Does.Contain("the TLS handshake failed"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public async Task A_connection_too_many_is_closed_and_there_is_room_again_when_one_ends()
    {
        await using Feed feed = await Feed.StartAsync(new RecordingIntake(), new Hl7Options { MaxConnections = 1 });
        using (Sender first = await feed.ConnectAsync())
        {
            Assert.That(await first.SendAsync(Messages.Admission("1")), Does.Contain("MSA|AA"));
            using Sender second = await feed.ConnectAsync();
            Assert.That(await second.SendAsync(Messages.Admission("2")), Is.Null);
        }
        using var limit = new CancellationTokenSource(Patience);
        string? answer = null;
        while (answer is null)
        {
            limit.Token.ThrowIfCancellationRequested();
            using Sender third = await feed.ConnectAsync();
            answer = await third.SendAsync(Messages.Admission("3"));
        }
        Assert.That(answer, Does.Contain("MSA|AA"));
    }

    [Test]
    public async Task A_block_that_does_not_end_in_time_ends_its_connection()
    {
        await using Feed feed = await Feed.StartAsync(new RecordingIntake(), new Hl7Options { MessageSeconds = 1 });
        using Sender slow = await feed.ConnectAsync();
        await slow.SendRawAsync([0x0B, (byte)'M', (byte)'S']);
        Assert.That(await slow.ReadAsync(), Is.Null);
        Assert.That(await feed.SendAsync(Messages.Admission()), Does.Contain("MSA|AA"));
    }

    [Test]
    public async Task Several_blocks_at_once_and_byte_by_byte_are_each_answered()
    {
        await using Feed feed = await Feed.StartAsync(new RecordingIntake());
        using Sender sender = await feed.ConnectAsync();
        await sender.SendRawAsync([.. MllpReader.Frame(Messages.Admission("1")), .. "\r\n"u8,
            .. MllpReader.Frame(Messages.Admission("2"))[..^1]]);
        foreach (string id in new[] { "1", "2" }) Assert.That(await sender.ReadAsync(), Does.Contain($"MSA|AA|{id}\r"));
        foreach (byte part in MllpReader.Frame(Messages.Admission("3"))) await sender.SendRawAsync([part]);
        Assert.That(await sender.ReadAsync(), Does.Contain("MSA|AA|3\r"));
    }

    [Test]
    public async Task A_long_message_goes_through_in_its_exact_bytes()
    {
        var intake = new RecordingIntake();
        await using Feed feed = await Feed.StartAsync(intake);
        byte[] message = Messages.Bytes(
            Messages.Header("ORU^R01"), Messages.Pid(), "OBR|1||F1|1-1^X^LN",
            $"OBX|1|ED|1-1^X^LN||^AP^PDF^Base64^{Convert.ToBase64String(new byte[6_000_000])}||||||F");
        Assert.That(await feed.SendAsync(message), Does.Contain("MSA|AA"));
        await feed.SettleAsync();
        Assert.That(intake.Batches[0].Resources[0].Bytes.Length, Is.EqualTo(message.Length));
    }

    private static Hl7Options Write(string folder, X509Certificate2 server, X509Certificate2 authority)
    {
        string At(string name) => Path.Combine(folder, name);
        File.WriteAllText(At("server.pem"), server.ExportCertificatePem());
        File.WriteAllText(At("server.key"), server.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(At("authority.pem"), authority.ExportCertificatePem());
        return new Hl7Options { Certificate = At("server.pem"), CertificateKey = At("server.key"),
            ClientAuthorities = At("authority.pem") };
    }

    private static async Task<string?> TalkAsync(int port, X509Certificate2? certificate)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", port);
        await using var stream = new SslStream(client.GetStream(), false, (_, shown, _, _) => shown?.Subject == "CN=server");
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            var options = new SslClientAuthenticationOptions { TargetHost = "server", ClientCertificates = certificate is null ? null
                : [certificate] };
            await stream.AuthenticateAsClientAsync(options, limit.Token);
            await stream.WriteAsync(MllpReader.Frame(Messages.Admission("TLS")), limit.Token);
            byte[]? answer = await new MllpReader(stream, 1 << 20).ReadAsync(() => { }, limit.Token);
            return answer is null ? null : Encoding.UTF8.GetString(answer);
        }
        catch (Exception e) when (e is IOException or AuthenticationException or MllpException)
        {
            return null;
        }
    }

    private static X509Certificate2 Certificate(string name, X509Certificate2? issuer)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(issuer is null, false, 0, true));
        DateTimeOffset from = DateTimeOffset.UtcNow.AddDays(-1), to = from.AddYears(1);
        using X509Certificate2 made = issuer is null ? request.CreateSelfSigned(from, to)
            : request.Create(issuer, from, to.AddDays(-1), Guid.NewGuid().ToByteArray()).CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}
