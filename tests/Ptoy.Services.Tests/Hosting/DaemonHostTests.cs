using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Tests.Hosting;

public sealed class DaemonHostTests
{
    private static readonly HttpOptions Any = new(Port: 0);

    /// <summary>A part that works until it is told to end, or to fail.</summary>
    private sealed class Part(string name) : IDaemonPart
    {
        private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string Name => name;

        public bool Ok { get; set; } = true;

        public bool Stopped { get; private set; }

        public void Fail(Exception e) => _end.SetException(e);

        public void End() => _end.SetResult();

        public PartHealth Health() => new(Ok, Ok ? "well" : "waits for its source");

        public void Map(IEndpointRouteBuilder routes) => routes.MapGet($"/{name}", async context => await context.Response.WriteAsync("hello"));

        public async Task RunAsync(CancellationToken stop)
        {
            var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using CancellationTokenRegistration _ = stop.Register(() => stopped.TrySetResult());
            await await Task.WhenAny(stopped.Task, _end.Task);
            Stopped = stop.IsCancellationRequested;
        }
    }

    [Test]
    public async Task HealthSaysHowEachPartIsAndPartsHaveTheirRoutes()
    {
        var one = new Part("one");
        var two = new Part("two") { Ok = false };
        await using DaemonHost host = await DaemonHost.StartAsync(Any, "/", [one, two], NullLoggerFactory.Instance);
        using var http = new HttpClient { BaseAddress = host.Address };
        using HttpResponseMessage unwell = await http.GetAsync(new Uri("/health", UriKind.Relative));
        Assert.That(unwell.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(await unwell.Content.ReadAsStringAsync(), Does.Contain("waits for its source").And.Contain("\"name\":\"one\",\"ok\":true"));
        two.Ok = true;
        using HttpResponseMessage well = await http.GetAsync(new Uri("/health", UriKind.Relative));
        Assert.That(well.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await http.GetStringAsync(new Uri("/two", UriKind.Relative)), Is.EqualTo("hello"));
    }

    [Test]
    public async Task MetricsAreThePartsAndTheProjectsMeters()
    {
        var part = new Part("one");
        await using DaemonHost host = await DaemonHost.StartAsync(Any, "/", [part], NullLoggerFactory.Instance);
        using var meter = new Meter("Ptoy.Test");
        Counter<long> counter = meter.CreateCounter<long>("ptoy.test.things");
        counter.Add(2, new KeyValuePair<string, object?>("kind", "a\"b"));
        counter.Add(3, new KeyValuePair<string, object?>("kind", "a\"b"));
        meter.CreateHistogram<double>("ptoy.test.time").Record(1.5);
        meter.CreateObservableGauge("ptoy.test.depth", () => 7);
        using var http = new HttpClient { BaseAddress = host.Address };
        string text = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        Assert.That(text, Does.Contain("ptoy_part_ok{part=\"one\"} 1").And.Contain("ptoy_test_things_total{kind=\"a\\\"b\"} 5"));
        Assert.That(text, Does.Contain("ptoy_test_time_sum 1.5").And.Contain("ptoy_test_time_count 1").And.Contain("ptoy_test_depth 7"));
    }

    [Test, CancelAfter(60_000)]
    public async Task APartThatFailsEndsTheDaemonAndStopsTheOthers(CancellationToken cancellation)
    {
        Part one = new("one"), two = new("two");
        await using DaemonHost host = await DaemonHost.StartAsync(Any, "/", [one, two], NullLoggerFactory.Instance, cancellation);
        Task running = host.RunAsync(cancellation);
        two.Fail(new InvalidDataException("its state is damaged"));
        await Assert.ThatAsync(() => running, Throws.TypeOf<DaemonFailedException>().With.Message.EqualTo("part 'two' cannot go on: its state is damaged"));
        Assert.That(one.Stopped, Is.True);
    }

    [Test, CancelAfter(60_000)]
    public async Task APartThatJustEndsEndsTheDaemonToo(CancellationToken cancellation)
    {
        var one = new Part("one");
        await using DaemonHost host = await DaemonHost.StartAsync(Any, "/", [one], NullLoggerFactory.Instance, cancellation);
        Task running = host.RunAsync(cancellation);
        one.End();
        await Assert.ThatAsync(() => running, Throws.TypeOf<DaemonFailedException>().With.Message.Contains("'one'"));
    }

    [Test, CancelAfter(60_000)]
    public async Task WhenToldToStopAllPartsStopAndTheDaemonEndsWell(CancellationToken cancellation)
    {
        Part one = new("one"), two = new("two");
        await using DaemonHost host = await DaemonHost.StartAsync(Any, "/", [one, two], NullLoggerFactory.Instance, cancellation);
        using var stop = new CancellationTokenSource();
        Task running = host.RunAsync(stop.Token);
        await stop.CancelAsync();
        await running;
        Assert.That((one.Stopped, two.Stopped), Is.EqualTo((true, true)));
    }

    [Test]
    public async Task APortInUseIsNamed()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var http = new HttpOptions(Port: ((IPEndPoint)taken.LocalEndpoint).Port);
        await Assert.ThatAsync(() => DaemonHost.StartAsync(http, "/", [], NullLoggerFactory.Instance), Throws.TypeOf<DaemonConfigException>().With.Message.Contains("http.port"));
    }

    [Test]
    public async Task TlsTakesARenewedCertificateWithoutARestart()
    {
        string folder = Directory.CreateTempSubdirectory("ptoy-tls-").FullName, file = Path.Combine(folder, "cert.pem");
        try
        {
            WriteCertificate(file, "first", DateTime.UtcNow.AddMinutes(-2));
            await using DaemonHost host = await DaemonHost.StartAsync(Any with { Certificate = "cert.pem" }, folder, [], NullLoggerFactory.Instance);
            Assert.That(host.Address.Scheme, Is.EqualTo("https"));
            Assert.That(await SubjectAsync(host.Address), Is.EqualTo("CN=first"));
            File.WriteAllText(file, "not a certificate");
            Assert.That(await SubjectAsync(host.Address), Is.EqualTo("CN=first"), "one that cannot be used leaves the one before in place");
            WriteCertificate(file, "second", DateTime.UtcNow.AddMinutes(2));
            Assert.That(await SubjectAsync(host.Address), Is.EqualTo("CN=second"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public async Task ACertificateThatIsNoneIsNamed()
    {
        string file = Path.GetTempFileName();
        try
        {
            await Assert.ThatAsync(() => DaemonHost.StartAsync(Any with { Certificate = file }, "/", [], NullLoggerFactory.Instance), Throws.TypeOf<DaemonConfigException>().With.Message.Contains("http.certificate"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static void WriteCertificate(string file, string name, DateTime changed)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(file, certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        File.SetLastWriteTimeUtc(file, changed);
    }

    private static async Task<string> SubjectAsync(Uri address)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port);
        string subject = "";
        await using var tls = new SslStream(client.GetStream(), leaveInnerStreamOpen: false, (_, certificate, _, _) =>
        {
            subject = certificate!.Subject;
            return subject is "CN=first" or "CN=second";
        });
        await tls.AuthenticateAsClientAsync("localhost");
        return subject;
    }
}
