using System.Net;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Authority;
using Ptoy.Services.Common;
using Ptoy.Services.Hosting;
using Ptoy.Services.Notifications;
using Ptoy.Services.Tests.Matching;

namespace Ptoy.Services.Tests.Notifications;

/// <summary>The part in a real daemon, asked over HTTP by people's keys, with a mail server and a webhook that are there.</summary>
public sealed class NotificationsPartTests
{
    private string _folder = "";
    private SmtpServer _smtp = null!;
    private Hook _hook = null!;
    private SealedStore _store = null!;
    private NotificationCentre _centre = null!;
    private NotificationsPart _part = null!;
    private DaemonHost _host = null!;
    private HttpClient _http = null!;
    private readonly CapturedLog<NotificationsPart> _log = new();
    private CancellationTokenSource _stop = null!;
    private SigningKey _service = null!, _ana = null!;
    private Task _running = Task.CompletedTask;

    private NotificationsClient Client => new(_http, _host.Address);

    [SetUp]
    public async Task SetUp()
    {
        (_service, _ana, _stop) = (Key(50), Key(51), new CancellationTokenSource());
        _folder = Directory.CreateTempSubdirectory("ptoy-part-").FullName;
        _smtp = new SmtpServer();
        _hook = new Hook();
        var options = new NotificationOptions(new AccountOptions("none")) { Smtp = new SmtpOptions("127.0.0.1", _smtp.Port, "notices@example.org") { Plain = true } };
        _store = SealedStore.Open(_folder, new byte[32]);
        _centre = new NotificationCentre(options, _store, TimeProvider.System);
        var info = new AuthorityInfo(_service.Address.ToString(), _service.Public.ToString(), Hash.Zero.ToString());
        _part = new NotificationsPart(
            _centre, new MailSender(options.Smtp, null, "https://app.example", "Notices"), new HookSender(_service, allowPrivate: true),
            new AuthorityRequests(Hash.Zero, _service.Public, TimeProvider.System), info, TimeProvider.System, _log);
        _host = await DaemonHost.StartAsync(new HttpOptions(Port: 0), "/", [_part, _hook], NullLoggerFactory.Instance);
        _http = new HttpClient();
        _running = _host.RunAsync(_stop.Token);
    }

    [TearDown]
    public async Task TearDown()
    {
        await _stop.CancelAsync();
        await _running;
        await _host.DisposeAsync();
        _http.Dispose();
        _part.Dispose();
        _centre.Dispose();
        _store.Dispose();
        await _smtp.DisposeAsync();
        _service.Dispose();
        _ana.Dispose();
        _stop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Test, CancelAfter(120_000)]
    public async Task ANoticeReachesAPersonByMailWebhookAndSubscriptionAndSaysNothingMore(CancellationToken cancellation)
    {
        var preferences = new NotificationPreferences { Email = "ana@example.org", Webhook = new Uri(_host.Address, "/hook").ToString() };
        NotificationState state = await Client.SetAsync(_ana, preferences, cancellation);
        Assert.That(state.EmailConfirmed, Is.False);
        string mail = await _smtp.NextAsync(cancellation);
        string code = mail.Split([' ', '\n', '\r']).First(CodeShape.IsCode);
        Assert.That((await Client.ConfirmAsync(_ana, code, cancellation)).EmailConfirmed, Is.True);

        Task<IReadOnlyList<NoticeItem>> waiting = Client.ListAsync(_ana, 0, 30, cancellation);
        _centre.Raise(new Notice(_ana.Address, NoticeKind.Finding, "finding/1", "reference-1"));
        NoticeItem item = (await waiting).Single();
        Assert.That((item.Kind, item.Reference), Is.EqualTo(("finding", "reference-1")));
        string told = await _smtp.NextAsync(cancellation);
        Assert.That(told, Does.Contain("a service has something for you to look at").And.Contain("https://app.example").And.Not.Contain("reference-1").And.Not.Contain(_ana.Address.ToString()));

        (byte[] body, string key, string signature) = await _hook.Received.Reader.ReadAsync(cancellation);
        Assert.That(key, Is.EqualTo(_service.Public.ToString()));
        Assert.That(Signing.Verify(PublicKey.Parse(key), HookSender.Domain, body, new Signature(SuiteId.Ed25519, Convert.FromHexString(signature))), Is.True);
        Assert.That(JsonSerializer.Deserialize<NoticeList>(body, RpcJson.Options)!.Notices.Single().Id, Is.EqualTo(item.Id));
        Assert.That(_log.All, Does.Not.Contain("ana@example.org"));
    }

    [Test, CancelAfter(120_000)]
    public async Task AMailboxThatDoesNotExistBecomesADeadLetterThatTheServiceItselfMaySee(CancellationToken cancellation)
    {
        await Client.SetAsync(_ana, new NotificationPreferences { Email = "ana@example.org" }, cancellation);
        string mail = await _smtp.NextAsync(cancellation);
        await Client.ConfirmAsync(_ana, mail.Split([' ', '\n', '\r']).First(CodeShape.IsCode), cancellation);
        _smtp.Refusal = "550 no such mailbox";
        _centre.Raise(new Notice(_ana.Address, NoticeKind.Written, "1"));
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        IReadOnlyList<DeadLetter> dead;
        while ((dead = await Client.DeadLettersAsync(_service, cancellation)).Count == 0) await poll.WaitForNextTickAsync(cancellation);
        Assert.That((dead[0].Problem, dead[0].Attempts), Is.EqualTo(("the mail server answered 550", 1)));
        await Assert.ThatAsync(() => Client.DeadLettersAsync(_ana, cancellation), Throws.TypeOf<AuthorityRefusedException>().With.Property("Status").EqualTo(403));
        Assert.That(_part.Health().Ok, Is.True, "one person's mailbox says nothing about the service");
    }

    [Test, CancelAfter(120_000)]
    public async Task WrongRequestsAreRefusedNamingWhatIsWrong(CancellationToken cancellation)
    {
        await Assert.ThatAsync(
            () => Client.SetAsync(_ana, new NotificationPreferences { Email = "nowhere" }, cancellation),
            Throws.TypeOf<AuthorityRefusedException>().With.Message.StartsWith("email").And.Property("Status").EqualTo(400));
        await Assert.ThatAsync(() => Client.ListAsync(_ana, 0, 31, cancellation), Throws.TypeOf<AuthorityRefusedException>().With.Message.StartsWith("waitSeconds"));
        await Assert.ThatAsync(() => Client.ConfirmAsync(_ana, "XXXX-000000", cancellation), Throws.TypeOf<AuthorityRefusedException>().With.Message.StartsWith("code"));
        using HttpResponseMessage unsigned = await _http.PostAsync(new Uri(_host.Address, "/v1/notifications/preferences"), new StringContent("{}"), cancellation);
        Assert.That(unsigned.StatusCode, Is.EqualTo(HttpStatusCode.Forbidden));
        using HttpResponseMessage large = await _http.PostAsync(new Uri(_host.Address, "/v1/notifications/preferences"), new StringContent(new string(' ', 20_000)), cancellation);
        Assert.That(large.StatusCode, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
    }

    [TestCase("127.0.0.1", false)]
    [TestCase("10.1.2.3", false)]
    [TestCase("172.20.0.1", false)]
    [TestCase("192.168.1.1", false)]
    [TestCase("169.254.169.254", false)]
    [TestCase("100.64.0.1", false)]
    [TestCase("::1", false)]
    [TestCase("fe80::1", false)]
    [TestCase("fd00::1", false)]
    [TestCase("::ffff:10.0.0.1", false)]
    [TestCase("8.8.8.8", true)]
    [TestCase("2001:4860:4860::8888", true)]
    public void WebhooksDoNotReachIntoPrivateNetworks(string address, bool isPublic) => Assert.That(HookSender.IsPublic(IPAddress.Parse(address)), Is.EqualTo(isPublic));

    [Test, CancelAfter(60_000)]
    public async Task AWebhookOfAPrivateNetworkFailsWhereItIsNotAllowed(CancellationToken cancellation)
    {
        using var sender = new HookSender(_service, allowPrivate: false);
        await Assert.ThatAsync(
            () => sender.SendAsync(new Uri(_host.Address, "/hook").ToString(), [], cancellation), Throws.TypeOf<SendFailedException>().With.Message.EqualTo("the webhook cannot be reached"));
    }

    private static SigningKey Key(byte seed) => new(Enumerable.Repeat(seed, 32).ToArray());

    /// <summary>Somebody's webhook.</summary>
    private sealed class Hook : IDaemonPart
    {
        public Channel<(byte[] Body, string Key, string Signature)> Received { get; } = Channel.CreateUnbounded<(byte[], string, string)>();

        public string Name => "hook";

        public PartHealth Health() => new(true, "");

        public void Map(IEndpointRouteBuilder routes) => routes.MapPost("/hook", async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            Received.Writer.TryWrite((body.ToArray(), http.Request.Headers["Ptoy-Key"].ToString(), http.Request.Headers["Ptoy-Signature"].ToString()));
        });

        public async Task RunAsync(CancellationToken stop)
        {
            var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using CancellationTokenRegistration _ = stop.Register(() => stopped.TrySetResult());
            await stopped.Task;
        }
    }
}
