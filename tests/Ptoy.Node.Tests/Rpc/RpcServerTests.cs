using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using NUnit.Framework;
using Ptoy.Node.Rpc;

namespace Ptoy.Node.Tests.Rpc;

[TestFixture]
internal sealed class RpcServerTests
{
    private const string Call = """{"jsonrpc":"2.0","id":1,"method":"subtract","params":{"minuend":3,"subtrahend":1}}""";

    [TestCase("http://0.0.0.0:0", "rpc.listen: 'http://0.0.0.0:0' is plain HTTP on an address others can reach")]
    [TestCase("http://192.0.2.1:80", "rpc.listen: 'http://192.0.2.1:80' is plain HTTP on an address others can reach")]
    [TestCase("https://127.0.0.1:0", "rpc.certificateFile: missing")]
    [TestCase("ftp://127.0.0.1", "rpc.listen: 'ftp://127.0.0.1' is not http://ip:port or https://ip:port")]
    [TestCase("http://node.example:1", "rpc.listen: 'http://node.example:1' is not http://ip:port")]
    public void An_address_that_would_be_unsafe_or_unclear_is_refused_at_start(string address, string message)
    {
        var options = new RpcServerOptions { Listen = [address] };
        Assert.That(options.Problem(), Does.StartWith(message));
        Assert.That(async () => await RpcHarness.StartAsync(_ => options), Throws.TypeOf<RpcStartException>().With.Message.StartsWith(message));
    }

    [Test]
    public async Task Plain_HTTP_off_loopback_is_served_when_the_operator_insists()
    {
        await using RpcHarness node = await RpcHarness.StartAsync(o => o with { Listen = ["http://0.0.0.0:0"], Insecure = true });
        Assert.That(node.Address.Port, Is.Positive);
    }

    [Test]
    public void Limits_that_make_no_sense_are_refused_by_name()
    {
        Assert.That(new RpcServerOptions { MaxBatch = 51 }.Problem(), Is.EqualTo("rpc.maxBatch: 51 is not 1 to 50"));
        Assert.That(new RpcServerOptions { MaxBodyBytes = 0 }.Problem(), Is.EqualTo("rpc.maxBodyBytes: 0 is not above 0"));
        Assert.That(new RpcServerOptions { CorsOrigins = ["app.example/x"] }.Problem(), Does.StartWith("rpc.corsOrigins: "));
        Assert.That(new RpcServerOptions().Problem(), Is.Null);
    }

    [Test]
    public async Task An_occupied_port_is_named()
    {
        await using RpcHarness first = await RpcHarness.StartAsync();
        string taken = first.Address.GetLeftPart(UriPartial.Authority);
        Assert.That(
            async () => await RpcHarness.StartAsync(o => o with { Listen = [taken] }),
            Throws.TypeOf<RpcStartException>().With.Message.StartsWith($"rpc.listen: cannot listen on {taken}: "));
    }

    [Test]
    public async Task Browsers_of_unlisted_origins_get_nothing_that_they_could_read()
    {
        await using RpcHarness node = await RpcHarness.StartAsync(o => o with { CorsOrigins = ["https://app.example"] });
        foreach ((string origin, HttpStatusCode status, bool allowed) in new[]
        {
            ("https://app.example", HttpStatusCode.NoContent, true), ("https://evil.example", HttpStatusCode.Forbidden, false),
        })
        {
            using var preflight = new HttpRequestMessage(HttpMethod.Options, node.Address);
            preflight.Headers.Add("Origin", origin);
            preflight.Headers.Add("Access-Control-Request-Method", "POST");
            using HttpResponseMessage answer = await node.SendAsync(preflight);
            Assert.That(answer.StatusCode, Is.EqualTo(status));
            Assert.That(answer.Headers.Contains("Access-Control-Allow-Origin"), Is.EqualTo(allowed));
        }
    }

    [TestCase("text/plain")]
    [TestCase("application/x-www-form-urlencoded")]
    public async Task A_content_type_that_a_page_can_send_unasked_is_refused(string contentType)
    {
        await using RpcHarness node = await RpcHarness.StartAsync();
        Assert.That((await node.PostAsync(Call, contentType)).Status, Is.EqualTo(415));
    }

    [Test]
    public async Task Health_is_told_and_other_paths_are_not_there()
    {
        await using RpcHarness node = await RpcHarness.StartAsync();
        using HttpResponseMessage health = await node.SendAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(node.Address, "/health")));
        using HttpResponseMessage get = await node.SendAsync(new HttpRequestMessage(HttpMethod.Get, node.Address));
        using HttpResponseMessage other = await node.SendAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(node.Address, "/admin")));
        Assert.That(health.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await health.Content.ReadAsStringAsync(), Does.StartWith("{\"healthy\":true"));
        Assert.That(get.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
        Assert.That(other.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task A_new_certificate_is_served_without_a_restart_and_a_broken_one_is_not()
    {
        string directory = Directory.CreateTempSubdirectory("ptoy-rpc-").FullName;
        string file = Path.Combine(directory, "node.pem");
        try
        {
            WriteCertificate(file, "CN=first", new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
            await using RpcHarness node = await RpcHarness.StartAsync(o => o with { Listen = ["https://127.0.0.1:0"], CertificateFile = file });
            Assert.That(await ServedAsync(node.Address), Is.EqualTo("CN=first"));
            WriteCertificate(file, "CN=second", new DateTime(2026, 1, 2, 0, 0, 0, DateTimeKind.Utc));
            Assert.That(await ServedAsync(node.Address), Is.EqualTo("CN=second"));
            File.WriteAllText(file, "no certificate");
            Assert.That(await ServedAsync(node.Address), Is.EqualTo("CN=second"));
            Assert.That(node.Logs.Text, Does.Contain("the one before stays in place"));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Test]
    public void A_certificate_file_that_is_missing_is_named()
    {
        Assert.That(
            async () => await RpcHarness.StartAsync(o => o with { Listen = ["https://127.0.0.1:0"], CertificateFile = "/nowhere/node.pem" }),
            Throws.TypeOf<RpcStartException>().With.Message.StartsWith("rpc.certificateFile: '/nowhere/node.pem'"));
    }

    [Test]
    public void A_method_table_refuses_a_name_given_twice_and_methods_without_a_handler()
    {
        RpcMethod method = TestMethods.All[0];
        Assert.That(() => new RpcMethodTable([method, method]), Throws.ArgumentException.With.Message.Contains("subtract is in the table twice"));
        Assert.That(() => new RpcMethodTable([method with { Handler = null }]), Throws.ArgumentException.With.Message.Contains("needs either"));
    }

    private static void WriteCertificate(string file, string name, DateTime stamp)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(file, certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        File.SetLastWriteTimeUtc(file, stamp);
    }

    private static async Task<string> ServedAsync(Uri address)
    {
        using var tcp = new System.Net.Sockets.TcpClient();
        await tcp.ConnectAsync(address.Host, address.Port);
        await using var tls = new SslStream(tcp.GetStream(), false, (_, certificate, _, _) => certificate is not null);
        await tls.AuthenticateAsClientAsync("localhost");
        return tls.RemoteCertificate!.Subject;
    }
}
