using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Client.Keys;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Matching;
using Ptoy.Services.Authority;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Tests.Authority;

/// <summary>The authority over real HTTP on loopback, with a chain that is played.</summary>
public sealed class AuthorityHostTests
{
    private const string Name = "Amélie Featherstone";
    private const string Phone = "(617) 555-0123";
    private static readonly Uri AnyPort = new("http://127.0.0.1:0");

    private readonly SigningKey _key = new(Enumerable.Repeat((byte)1, 32).ToArray());
    private readonly TokenMaker _tokens = new(new byte[32]);
    private readonly PhoneBook _phones = new();
    private readonly PlayedChain _chain = new();
    private readonly CapturedProvider _logs = new();
    private readonly HttpClient _http = new();
    private string _folder = "";
    private AuthorityDirectory _directory = null!;
    private KeyAuthority _authority = null!;
    private DeviceBook _devices = null!;
    private WebApplication _app = null!;
    private AuthorityClient _client = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _folder = Directory.CreateTempSubdirectory("ptoy-authority-host-").FullName;
        _directory = AuthorityDirectory.Open(Path.Combine(_folder, "d"), new byte[32]);
        _devices = DeviceBook.Open(Path.Combine(_folder, "devices"), new byte[32], TimeProvider.System);
        var options = new KeyAuthorityOptions { StartsPerPhone = 100, StartsPerSource = 100 };
        _authority = new KeyAuthority(options, _directory, _tokens, _chain, new KeystoreIssuer(new Argon2Cost(8192, 1, 1)), _phones,
            TimeProvider.System, RandomNumberGenerator.Create(), NullLogger<KeyAuthority>.Instance);
        var service = new TokenService(options, _directory, _tokens, _key, Hash.Zero, (_, _) => Task.FromResult(false), TimeProvider.System,
            RandomNumberGenerator.Create(), NullLogger<TokenService>.Instance);
        _app = AuthorityHost.Build(AnyPort, _authority, service, new AuthorityRequests(Hash.Zero, _key.Public, TimeProvider.System),
            new AuthorityInfo(_key.Address.ToString(), _key.Public.ToString(), Hash.Zero.ToString()), l => l.AddProvider(_logs), _devices);
        await _app.StartAsync();
        _client = new AuthorityClient(_http, new Uri(_app.Urls.First()));
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        await _app.DisposeAsync();
        _authority.Dispose();
        _directory.Dispose();
        _devices.Dispose();
        _tokens.Dispose();
        _http.Dispose();
        _key.Dispose();
        _logs.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task SignUpStatementAndSecondKeyGoOverTheWire()
    {
        using AccountKeys keys = AccountKeys.FromSeed(Enumerable.Repeat((byte)7, 64).ToArray());
        await PatientSession.SignUpAsync(_client, keys, new SignUpStart(Name, Phone, "1980-02-29"), _ => Task.FromResult(_phones.LastCode("+16175550123")));
        Assert.That(_chain.Accounts, Does.Contain(keys.Address));
        MatchStatement statement = await _client.StatementAsync(keys.Signing);
        MatchClaim claim = statement.Open(_key.Public, Hash.Zero, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        Assert.That(claim.Account, Is.EqualTo(keys.Address));

        using AccountKeys second = AccountKeys.FromSeed(Enumerable.Repeat((byte)8, 64).ToArray());
        AuthorityRefusedException refused = (await Assert.ThrowsAsync<AuthorityRefusedException>(() =>
            PatientSession.SignUpAsync(_client, second, new SignUpStart(Name, Phone), _ => Task.FromResult(_phones.LastCode("+16175550123")))))!;
        Assert.That(refused.Status, Is.EqualTo((int)HttpStatusCode.Conflict));
        Assert.That(refused.Message, Does.Contain("live key already"));
        Assert.That(_logs.All, Does.Not.Contain("Featherstone").And.Not.Contain("5550123"));
    }

    [Test]
    public async Task FactsChangesAndDevicesGoOverTheWire()
    {
        using AccountKeys keys = AccountKeys.FromSeed(Enumerable.Repeat((byte)17, 64).ToArray());
        const string Before = "+16175550160", After = "+16175550161";
        await PatientSession.SignUpAsync(_client, keys, new SignUpStart("Brannoc Tillworth", Before), _ => Task.FromResult(_phones.LastCode(Before)));
        Assert.That((await _client.AccountAsync(keys.Signing)).Phone, Is.EqualTo(Before));
        ChangeStarted started = await _client.StartChangeAsync(keys.Signing, new ChangeStart(Phone: After));
        AccountFacts facts = await _client.ConfirmChangeAsync(keys.Signing, started.ChangeId, _phones.LastCode(After));
        Assert.That((facts.Phone, (await _client.AccountAsync(keys.Signing)).Phone), Is.EqualTo((After, After)));
        string id = new('c', 32);
        Assert.That((await _client.AnnounceAsync(keys.Signing, new AnnounceDevice(id, "phone"))).Single().Label, Is.EqualTo("phone"));
        Assert.That(await _client.DevicesAsync(keys.Signing), Has.Count.EqualTo(1));
        Assert.That(await _client.ForgetAsync(keys.Signing, id), Is.Empty);
        using AccountKeys stranger = AccountKeys.FromSeed(Enumerable.Repeat((byte)18, 64).ToArray());
        AuthorityRefusedException refused = (await Assert.ThrowsAsync<AuthorityRefusedException>(() => _client.DevicesAsync(stranger.Signing)))!;
        Assert.That(refused.Status, Is.EqualTo((int)HttpStatusCode.Forbidden));
        Assert.That(_logs.All, Does.Not.Contain("Tillworth").And.Not.Contain("5550161"));
    }

    [Test]
    public async Task AnIssuedKeystoreOpensWithItsPassphrase()
    {
        SignUpStarted started = await _client.StartAsync(new SignUpStart("Gwendal Thornburski", "(617) 555-0150"));
        SignUpIssued issued = await _client.IssueAsync(new SignUpIssue(started.SignUpId, _phones.LastCode("+16175550150"), "correct horse battery"));
        using Keystore keystore = Keystore.Decrypt(System.Text.Encoding.UTF8.GetBytes(issued.Keystore), "correct horse battery");
        using AccountKeys keys = keystore.Account();
        Assert.That(keys.Address.ToString(), Is.EqualTo(issued.Account));
        Assert.That(() => Keystore.Decrypt(System.Text.Encoding.UTF8.GetBytes(issued.Keystore), "wrong horse battery"), Throws.TypeOf<KeystoreException>());
    }

    [TestCase("Amélie", Phone, "fullName: ")]
    [TestCase(Name, "12", "phone: ")]
    public async Task WrongFieldsAreNamedToThePerson(string name, string phone, string named)
    {
        AuthorityRefusedException refused = (await Assert.ThrowsAsync<AuthorityRefusedException>(() => _client.StartAsync(new SignUpStart(name, phone))))!;
        Assert.That(refused.Status, Is.EqualTo((int)HttpStatusCode.BadRequest));
        Assert.That(refused.Message, Does.StartWith(named));
    }

    [Test]
    public async Task TokensAreRefusedToStrangers()
    {
        using AccountKeys keys = AccountKeys.FromSeed(Enumerable.Repeat((byte)9, 64).ToArray());
        AuthorityRefusedException refused = (await Assert.ThrowsAsync<AuthorityRefusedException>(
            () => _client.TokensAsync(keys.Signing, new TokenRequest([new TokenPerson("1", [Name], [Phone])]))))!;
        Assert.That(refused.Status, Is.EqualTo((int)HttpStatusCode.Forbidden));
        Assert.That(refused.Message, Does.Contain("member"));
    }

    [TestCase("{")]
    [TestCase("{}")]
    [TestCase("[]")]
    public async Task MalformedJsonIsRefusedClearly(string body)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await _http.PostAsync(new Uri(new Uri(_app.Urls.First()), "/v1/sign-up/start"), content);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        AuthorityError? error = await answer.Content.ReadFromJsonAsync<AuthorityError>();
        Assert.That(error!.Error, Does.Contain("JSON"));
    }

    [Test]
    public void PlainHttpIsForLoopbackOnly() => Assert.That(
        () => AuthorityHost.Build(new Uri("http://0.0.0.0:80"), _authority, null!, null!, null!), Throws.ArgumentException.With.Message.StartsWith("url: "));

    private sealed class PlayedChain : IIdentityRegistrar
    {
        public HashSet<Address> Accounts { get; } = [];

        public Task CertifyAsync(Address account, IdentityFacts facts, CancellationToken cancellation) => Task.FromResult(Accounts.Add(account));

        public Task RevokeAsync(Address account, CancellationToken cancellation) => Task.FromResult(Accounts.Remove(account));

        public Task<bool> IsActiveAsync(Address account, CancellationToken cancellation) => Task.FromResult(Accounts.Contains(account));
    }

    private sealed class CapturedProvider : ILoggerProvider
    {
        private readonly CapturedLog<AuthorityHostTests> _log = new();

        public string All => _log.All;

        public ILogger CreateLogger(string categoryName) => _log;

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
