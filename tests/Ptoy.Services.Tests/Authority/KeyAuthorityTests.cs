using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Matching;
using Ptoy.Protocol.Wire;
using Ptoy.Services.Authority;
using Ptoy.Services.Common;
using Ptoy.Services.Matching;
using Ptoy.Services.Tests.Matching;

namespace Ptoy.Services.Tests.Authority;

public sealed class KeyAuthorityTests
{
    private const string Name = "Amélie Featherstone";
    private const string Phone = "(617) 555-0123";
    private const string E164 = "+16175550123";
    private const string Born = "1980-02-29";
    private static readonly CancellationToken None = CancellationToken.None;

    private string _folder = "";
    private ManualTime _time = new();
    private PhoneBook _phones = new();
    private FakeChain _chain = new();
    private CapturedLog<KeyAuthority> _log = new();
    private AuthorityDirectory _directory = null!;
    private TokenMaker _tokens = null!;
    private KeyAuthority _authority = null!;

    [SetUp]
    public void SetUp()
    {
        _folder = Directory.CreateTempSubdirectory("ptoy-authority-").FullName;
        (_time, _phones, _chain, _log) = (new ManualTime(), new PhoneBook(), new FakeChain(), new CapturedLog<KeyAuthority>());
        _tokens = new TokenMaker(Enumerable.Repeat((byte)9, 32).ToArray());
        _directory = AuthorityDirectory.Open(DirectoryPath, new byte[32]);
        _authority = new KeyAuthority(new KeyAuthorityOptions(), _directory, _tokens, _chain, new FakeIssuer(), _phones, _time, new SeededBytes(4), _log);
    }

    [TearDown]
    public void TearDown()
    {
        _authority.Dispose();
        _directory.Dispose();
        _tokens.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string DirectoryPath => Path.Combine(_folder, "directory.sealed");

    private static (SigningKey Signing, PublicKey Sealing) Keys(byte seed) =>
        (new SigningKey(Enumerable.Repeat(seed, 32).ToArray()), new PublicKey(SuiteId.HpkeX25519, Enumerable.Repeat(seed, 32).ToArray()));

    private static SignUpConfirm Request(string id, string code, byte seed)
    {
        (SigningKey signing, PublicKey sealing) = Keys(seed);
        byte[] text = Encoding.UTF8.GetBytes(SignUpProof.Text(id, signing.Public, sealing));
        return new SignUpConfirm(id, code, signing.Public.ToString(), sealing.ToString(), Convert.ToHexStringLower(signing.Sign(SignUpProof.Domain, text).Bytes));
    }

    private Task<SignUpStarted> Start(string name = Name, string phone = Phone) => _authority.StartAsync("10.0.0.1", new SignUpStart(name, phone, Born), None);

    private async Task<Address> SignUp(byte seed, string name = Name)
    {
        SignUpStarted started = await Start(name);
        return Address.Parse((await _authority.ConfirmAsync("10.0.0.1", Request(started.SignUpId, _phones.LastCode(E164), seed), None)).Account);
    }

    [Test]
    public async Task APersonWithTheCodeIsCertifiedWithTheKeysOfTheDevice()
    {
        Address account = await SignUp(1);
        Assert.That(account, Is.EqualTo(Keys(1).Signing.Address));
        Assert.That(_chain.Certified[account].SealingKey, Is.EqualTo(Keys(1).Sealing));
        Assert.That(_chain.Certified[account].Roles, Is.EqualTo(new[] { "patient" }));
        Assert.That(_directory.Find(account)!.Phone, Is.EqualTo(E164));
    }

    [Test]
    public async Task KeysCanBeIssuedAsAnEncryptedKeystore()
    {
        SignUpStarted started = await Start();
        SignUpIssued issued = await _authority.IssueAsync("10.0.0.1", new SignUpIssue(started.SignUpId, _phones.LastCode(E164), "correct horse battery"), None);
        Assert.That(_chain.Certified.Keys.Single().ToString(), Is.EqualTo(issued.Account));
        Assert.That(issued.Keystore, Is.EqualTo("encrypted"));
    }

    [Test]
    public async Task AShortPassphraseIsRefusedByName()
    {
        SignUpStarted started = await Start();
        await Assert.ThatAsync(() => _authority.IssueAsync("s", new SignUpIssue(started.SignUpId, "x", "short"), None),
            Throws.TypeOf<FieldException>().With.Message.StartsWith("passphrase: "));
    }

    [Test]
    public async Task AStrangerWithoutThePhoneGetsNothing()
    {
        SignUpStarted started = await Start();
        string wrong = CodeShape.Wrong(_phones.LastCode(E164));
        for (int i = 0; i < OneTimeCode.MaxTries; i++)
            await Assert.ThatAsync(() => _authority.ConfirmAsync("s", Request(started.SignUpId, wrong, 2), None), Throws.TypeOf<AuthorityException>());
        AuthorityException locked = (await Assert.ThrowsAsync<AuthorityException>(
            () => _authority.ConfirmAsync("s", Request(started.SignUpId, _phones.LastCode(E164), 2), None)))!;
        Assert.That(locked.Message, Does.Contain("too many wrong codes"));
        Assert.That(_chain.Certified, Is.Empty);
    }

    [Test]
    public async Task CodesExpire()
    {
        SignUpStarted started = await Start();
        _time.Advance(OneTimeCode.Lifetime);
        AuthorityException error = (await Assert.ThrowsAsync<AuthorityException>(
            () => _authority.ConfirmAsync("s", Request(started.SignUpId, _phones.LastCode(E164), 1), None)))!;
        Assert.That(error.Message, Does.Contain("expired"));
    }

    [Test]
    public async Task CodesAreForOneUse()
    {
        SignUpStarted started = await Start();
        string code = _phones.LastCode(E164);
        await _authority.ConfirmAsync("s", Request(started.SignUpId, code, 1), None);
        AuthorityException error = (await Assert.ThrowsAsync<AuthorityException>(() => _authority.ConfirmAsync("s", Request(started.SignUpId, code, 1), None)))!;
        Assert.That(error.Message, Does.Contain("used"));
    }

    [TestCase(Name)]
    [TestCase("FEATHERSTONE Amelie")]
    [TestCase("Amelie Fetherstone")]
    public async Task ASecondLiveKeyForOnePersonIsRefused(string spelling)
    {
        await SignUp(1);
        AuthorityException error = (await Assert.ThrowsAsync<AuthorityException>(() => SignUp(2, spelling)))!;
        Assert.That(error.Refusal, Is.EqualTo(AuthorityRefusal.SecondKey));
        Assert.That(_chain.Certified, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task WhetherAPersonIsKnownIsNotSaidBeforeTheCode()
    {
        SignUpStarted first = await Start();
        await _authority.ConfirmAsync("s", Request(first.SignUpId, _phones.LastCode(E164), 1), None);
        SignUpStarted known = await Start();
        Assert.That(known.ExpiresAt, Is.EqualTo(first.ExpiresAt));
        AuthorityException error = (await Assert.ThrowsAsync<AuthorityException>(
            () => _authority.ConfirmAsync("s", Request(known.SignUpId, CodeShape.Wrong(_phones.LastCode(E164)), 2), None)))!;
        Assert.That(error.Refusal, Is.EqualTo(AuthorityRefusal.Code));
        AuthorityException unknown = (await Assert.ThrowsAsync<AuthorityException>(
            () => _authority.ConfirmAsync("s", Request(new string('a', 32), CodeShape.Wrong(_phones.LastCode(E164)), 2), None)))!;
        Assert.That(unknown.Message, Is.EqualTo(error.Message));
    }

    [Test]
    public async Task AfterRevocationThePersonSignsUpAgain()
    {
        Address first = await SignUp(1);
        Assert.That(await _authority.RevokeAsync(first, None), Is.True);
        Address second = await SignUp(2);
        Assert.That(_directory.Find(first), Is.Null);
        Assert.That(_directory.Find(second), Is.Not.Null);
    }

    [Test]
    public async Task ACertificationThatTheChainRefusedCanBeTriedAgainWithTheSameCode()
    {
        SignUpStarted started = await Start();
        SignUpConfirm request = Request(started.SignUpId, _phones.LastCode(E164), 1);
        _chain.IsBroken = true;
        await Assert.ThatAsync(() => _authority.ConfirmAsync("s", request, None), Throws.TypeOf<AuthorityException>().With.Property("Refusal").EqualTo(AuthorityRefusal.Unavailable));
        _chain.IsBroken = false;
        Assert.That((await _authority.ConfirmAsync("s", request, None)).Account, Is.EqualTo(Keys(1).Signing.Address.ToString()));
    }

    [Test]
    public async Task AKeyThatTheAskerDoesNotHoldIsRefused()
    {
        SignUpStarted started = await Start();
        SignUpConfirm request = Request(started.SignUpId, _phones.LastCode(E164), 1) with { SigningKey = Keys(2).Signing.Public.ToString() };
        await Assert.ThatAsync(() => _authority.ConfirmAsync("s", request, None), Throws.TypeOf<AuthorityException>().With.Message.Contains("proof"));
        Assert.That(_chain.Certified, Is.Empty);
    }

    [TestCase("2:00", "1:00", "signingKey: ")]
    [TestCase(null, "1:00", "signingKey: ")]
    public async Task MalformedKeysAreNamed(string? signing, string sealing, string named) => await Assert.ThatAsync(() => _authority.ConfirmAsync("s", new SignUpConfirm("x", "y", signing!, sealing, "00"), None), Throws.TypeOf<FieldException>().With.Message.StartsWith(named));

    [Test]
    public async Task WrongNameAndPhoneAreNamed()
    {
        await Assert.ThatAsync(() => Start(name: "Amélie"), Throws.TypeOf<FieldException>().With.Message.StartsWith("fullName: "));
        await Assert.ThatAsync(() => Start(phone: "12"), Throws.TypeOf<FieldException>().With.Message.StartsWith("phone: "));
        Assert.That(_phones.Messages, Is.Empty);
    }

    [Test]
    public async Task OnePhoneGetsFewCodes()
    {
        for (int i = 0; i < 3; i++) await Start();
        await Assert.ThatAsync(() => Start(), Throws.TypeOf<RateLimitException>());
        _time.Advance(TimeSpan.FromHours(1));
        Assert.That(await Start(), Is.Not.Null);
    }

    [Test]
    public async Task OneAddressBeginsFewSignUps()
    {
        for (int i = 0; i < 20; i++) await Start(phone: $"(617) 555-01{i + 30}");
        await Assert.ThatAsync(() => Start(phone: "(617) 555-0199"), Throws.TypeOf<RateLimitException>());
    }

    [Test]
    public async Task TheDirectoryOutlivesARestartAndOpensWithItsKeyOnly()
    {
        Address account = await SignUp(1);
        _directory.Dispose();
        using (AuthorityDirectory again = AuthorityDirectory.Open(DirectoryPath, new byte[32]))
            Assert.That(again.Find(account)!.FullName, Is.EqualTo(Name));
        Assert.That(() => AuthorityDirectory.Open(DirectoryPath, Enumerable.Repeat((byte)1, 32).ToArray()),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains("key authority directory"));
        string raw = Encoding.Latin1.GetString(File.ReadAllBytes(DirectoryPath));
        Assert.That(raw, Does.Not.Contain("Featherstone").And.Not.Contain("5550123"));
    }

    [Test]
    public async Task NothingPersonalIsLogged()
    {
        await SignUp(1);
        await Assert.ThatAsync(() => SignUp(2), Throws.TypeOf<AuthorityException>());
        _phones.IsBroken = true;
        await Assert.ThatAsync(() => Start(), Throws.TypeOf<AuthorityException>());
        Assert.That(_log.Lines, Is.Not.Empty);
        foreach (string personal in new[] { "Featherstone", "Amélie", "555", "0123", Born, "10.0.0.1" })
            Assert.That(_log.All, Does.Not.Contain(personal));
    }

    [Test]
    public async Task AStatementIsAboutTheAskersOwnIdentity()
    {
        Address account = await SignUp(1);
        using var key = new SigningKey(Enumerable.Repeat((byte)77, 32).ToArray());
        TokenService service = Service(key);
        MatchClaim claim = service.StatementFor(account).Open(key.Public, Hash.Zero, _time.GetUtcNow().ToUnixTimeMilliseconds());
        Assert.That(claim.Account, Is.EqualTo(account));
        Assert.That(claim.Tokens, Is.EqualTo(_tokens.Make(new PersonIdentity([Name], [Phone], Born))));
        Assert.That(() => service.StatementFor(Keys(3).Signing.Address), Throws.TypeOf<AuthorityException>());
    }

    [Test]
    public async Task StatementsExpireAndAreNotForged()
    {
        Address account = await SignUp(1);
        using var key = new SigningKey(Enumerable.Repeat((byte)77, 32).ToArray());
        MatchStatement statement = Service(key).StatementFor(account);
        long now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        Assert.That(() => statement.Open(key.Public, Hash.Zero, now + 3_600_000), Throws.TypeOf<WireException>().With.Message.Contains("expired"));
        Assert.That(() => statement.Open(Keys(5).Signing.Public, Hash.Zero, now), Throws.TypeOf<WireException>().With.Message.Contains("not signed"));
        Assert.That(() => statement.Open(key.Public, new Hash(Enumerable.Repeat((byte)1, 32).ToArray()), now), Throws.TypeOf<WireException>().With.Message.Contains("another chain"));
    }

    [Test]
    public async Task TokensAreForMembersAndCounted()
    {
        using var key = new SigningKey(Enumerable.Repeat((byte)77, 32).ToArray());
        TokenService service = Service(key);
        var request = new TokenRequest([new TokenPerson("7", [Name], [Phone])]);
        TokenAnswer answer = await service.TokensAsync(Keys(8).Signing.Address, request, None);
        Assert.That(answer.People.Single().Tokens, Is.Not.Empty);
        await Assert.ThatAsync(() => service.TokensAsync(Keys(9).Signing.Address, request, None), Throws.TypeOf<AuthorityException>());
        await Assert.ThatAsync(() => service.TokensAsync(Keys(8).Signing.Address, new TokenRequest([]), None), Throws.TypeOf<FieldException>());
    }

    private TokenService Service(SigningKey key) => new(
        new KeyAuthorityOptions(), _directory, _tokens, key, Hash.Zero, (account, _) => Task.FromResult(account == Keys(8).Signing.Address),
        _time, new SeededBytes(6), NullLogger<TokenService>.Instance);

    private sealed class FakeChain : IIdentityRegistrar
    {
        public Dictionary<Address, IdentityFacts> Certified { get; } = [];

        public bool IsBroken { get; set; }

        public Task CertifyAsync(Address account, IdentityFacts facts, CancellationToken cancellation)
        {
            if (IsBroken) throw new AuthorityException(AuthorityRefusal.Unavailable, "the chain did not answer");
            Certified[account] = facts;
            return Task.CompletedTask;
        }

        public Task RevokeAsync(Address account, CancellationToken cancellation)
        {
            Certified.Remove(account);
            return Task.CompletedTask;
        }

        public Task<bool> IsActiveAsync(Address account, CancellationToken cancellation) => Task.FromResult(Certified.ContainsKey(account));
    }

    private sealed class FakeIssuer : IKeystoreIssuer
    {
        public IssuedKeys Issue(string passphrase) => new(Keys(40).Signing.Public, Keys(40).Sealing, "encrypted");
    }
}
