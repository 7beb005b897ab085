using System.Text;
using NUnit.Framework;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Matching;
using Ptoy.Services.Authority;
using Ptoy.Services.Common;
using Ptoy.Services.Matching;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ptoy.Services.Tests.Authority;

public sealed class AccountChangeTests
{
    private const string Old = "+16175550123", New = "+16175550199";
    private static readonly CancellationToken None = CancellationToken.None;
    private string _folder = "";
    private ManualTime _time = new();
    private PhoneBook _phones = new();
    private Chain _chain = new();
    private CapturedLog<KeyAuthority> _log = new();
    private AuthorityDirectory _directory = null!;
    private TokenMaker _tokens = null!;
    private KeyAuthority _authority = null!;

    [SetUp]
    public void SetUp()
    {
        _folder = Directory.CreateTempSubdirectory("ptoy-change-").FullName;
        (_time, _phones, _chain, _log) = (new ManualTime(), new PhoneBook(), new Chain(), new CapturedLog<KeyAuthority>());
        _tokens = new TokenMaker(Enumerable.Repeat((byte)9, 32).ToArray());
        Open();
    }

    [TearDown]
    public void TearDown()
    {
        _authority.Dispose();
        _directory.Dispose();
        _tokens.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task ANewPhoneIsProvedCertifiedAndTokensAreMadeOfItOnly()
    {
        SigningKey key = await SignUpAsync(1, "Ana Example", Old);
        Hash before = _chain.Certified[key.Address].PersonCommitment!.Value;
        MatchToken[] oldTokens = Tokens(key.Address);
        ChangeStarted started = await _authority.StartChangeAsync(key.Address, new ChangeStart(Phone: New), None);
        AccountFacts facts = await ConfirmAsync(key, started, _phones.LastCode(New));
        Assert.That((facts.Phone, facts.FullName), Is.EqualTo((New, "Ana Example")));
        Assert.That(_chain.Certified[key.Address].PersonCommitment, Is.Not.EqualTo(before));
        Assert.That(_chain.Certified[key.Address].SigningKey, Is.EqualTo(key.Public));
        Assert.That(Tokens(key.Address).Intersect(oldTokens).Where(t => t.Rule.Contains("phone", StringComparison.Ordinal)), Is.Empty, "tokens of the old phone are made no more");
        Assert.That(_phones.Messages.Last(m => m.To == Old).Text, Does.Contain("was changed"));
        Assert.That(_log.All, Does.Not.Contain("555").And.Not.Contain("Ana"));

        // The number is given to somebody else, who signs up with the same name.
        SigningKey other = await SignUpAsync(2, "Ana Example", Old);
        Assert.That(_chain.Certified.Keys, Does.Contain(other.Address).And.Contain(key.Address));
        Reopen();
        Assert.That(_authority.FactsOf(key.Address).Phone, Is.EqualTo(New));
        Assert.That(_directory.HolderOf(_tokens.PersonTag("Ana Example", Old))!.Account, Is.EqualTo(other.Address.ToString()));
    }

    [Test]
    public async Task ANewNameIsProvedByTheSamePhone()
    {
        SigningKey key = await SignUpAsync(1, "Ana Example", Old);
        ChangeStarted started = await _authority.StartChangeAsync(key.Address, new ChangeStart(FullName: "Ana Married"), None);
        Assert.That((await ConfirmAsync(key, started, _phones.LastCode(Old))).FullName, Is.EqualTo("Ana Married"));
        Assert.That(_directory.HolderOf(_tokens.PersonTag("Ana Example", Old)), Is.Null);
    }

    [Test]
    public async Task SomebodyElsesChangeLooksLikeNoneAndKeepsItsTries()
    {
        SigningKey ana = await SignUpAsync(1, "Ana Example", Old), ben = await SignUpAsync(2, "Ben Other", "+16175550111");
        ChangeStarted started = await _authority.StartChangeAsync(ana.Address, new ChangeStart(Phone: New), None);
        string code = _phones.LastCode(New);
        for (int i = 0; i < OneTimeCode.MaxTries + 1; i++)
            await Assert.ThatAsync(() => ConfirmAsync(ben, started, code), Throws.TypeOf<AuthorityException>().With.Message.EqualTo("the code is not right"));
        Assert.That((await ConfirmAsync(ana, started, code)).Phone, Is.EqualTo(New));
    }

    [Test]
    public async Task APersonWhoIsThereAlreadyIsNotTakenOver()
    {
        SigningKey ana = await SignUpAsync(1, "Ana Example", Old), ben = await SignUpAsync(2, "Ben Other", "+16175550111");
        ChangeStarted started = await _authority.StartChangeAsync(ben.Address, new ChangeStart("Ana Example", Old), None);
        await Assert.ThatAsync(() => ConfirmAsync(ben, started, _phones.LastCode(Old)), Throws.TypeOf<AuthorityException>().With.Property("Refusal").EqualTo(AuthorityRefusal.SecondKey));
        Assert.That(_authority.FactsOf(ben.Address).FullName, Is.EqualTo("Ben Other"));
        Assert.That(_authority.FactsOf(ana.Address).Phone, Is.EqualTo(Old));
    }

    [Test]
    public async Task AChainThatDoesNotAnswerChangesNothingAndTheCodeCanBeUsedAgain()
    {
        SigningKey key = await SignUpAsync(1, "Ana Example", Old);
        ChangeStarted started = await _authority.StartChangeAsync(key.Address, new ChangeStart(Phone: New), None);
        _chain.IsBroken = true;
        await Assert.ThatAsync(() => ConfirmAsync(key, started, _phones.LastCode(New)), Throws.TypeOf<AuthorityException>());
        Assert.That(_authority.FactsOf(key.Address).Phone, Is.EqualTo(Old));
        _chain.IsBroken = false;
        Assert.That((await ConfirmAsync(key, started, _phones.LastCode(New))).Phone, Is.EqualTo(New));
    }

    [Test]
    public async Task WhatIsWrongIsNamed()
    {
        SigningKey key = await SignUpAsync(1, "Ana Example", Old);
        await Assert.ThatAsync(() => _authority.StartChangeAsync(key.Address, new ChangeStart(), None), Throws.TypeOf<FieldException>().With.Message.Contains("nothing is to change"));
        await Assert.ThatAsync(() => _authority.StartChangeAsync(key.Address, new ChangeStart(Phone: Old), None), Throws.TypeOf<FieldException>().With.Message.Contains("so already"));
        await Assert.ThatAsync(() => _authority.StartChangeAsync(key.Address, new ChangeStart(Phone: "12"), None), Throws.TypeOf<FieldException>().With.Message.StartsWith("phone"));
        using SigningKey stranger = Key(9);
        await Assert.ThatAsync(() => _authority.StartChangeAsync(stranger.Address, new ChangeStart(Phone: New), None), Throws.TypeOf<AuthorityException>());
        ChangeStarted started = await _authority.StartChangeAsync(key.Address, new ChangeStart(Phone: New), None);
        await Assert.ThatAsync(() => _authority.ConfirmChangeAsync(key.Address, new ChangeConfirm(started.ChangeId, "x", stranger.Public.ToString()), None),
            Throws.TypeOf<FieldException>().With.Message.StartsWith("signingKey"));
    }

    [Test]
    public void DevicesAnnounceThemselvesAndAreForgotten()
    {
        using SigningKey key = Key(1);
        string path = Path.Combine(_folder, "devices.sealed"), phone = new('a', 32), laptop = new('b', 32);
        using (DeviceBook book = DeviceBook.Open(path, new byte[32], _time))
        {
            book.Announce(key.Address, new AnnounceDevice(phone, "phone"));
            _time.Advance(TimeSpan.FromDays(2));
            book.Announce(key.Address, new AnnounceDevice(laptop, "laptop"));
            book.Announce(key.Address, new AnnounceDevice(phone, "my phone"));
            Assert.That(() => book.Announce(key.Address, new AnnounceDevice("x", "l")), Throws.TypeOf<FieldException>().With.Message.StartsWith("id"));
            Assert.That(() => book.Announce(key.Address, new AnnounceDevice(phone, "")), Throws.TypeOf<FieldException>().With.Message.StartsWith("label"));
            for (int i = 2; i < DeviceBook.MaxDevices; i++) book.Announce(key.Address, new AnnounceDevice($"{i:x32}", "more"));
            Assert.That(() => book.Announce(key.Address, new AnnounceDevice($"{99:x32}", "one more")), Throws.TypeOf<FieldException>().With.Message.Contains("20 devices"));
            for (int i = 2; i < DeviceBook.MaxDevices; i++) book.Forget(key.Address, new ForgetDevice($"{i:x32}"));
        }
        using DeviceBook again = DeviceBook.Open(path, new byte[32], _time);
        Assert.That(again.Of(key.Address).Devices.Select(d => d.Label), Is.EqualTo(new[] { "my phone", "laptop" }));
        Assert.That(again.Of(key.Address).Devices[0].LastSeen - again.Of(key.Address).Devices[0].FirstSeen, Is.EqualTo(TimeSpan.FromDays(2)));
        Assert.That(() => again.Forget(key.Address, new ForgetDevice("z")), Throws.TypeOf<FieldException>());
    }

    private void Open()
    {
        _directory = AuthorityDirectory.Open(Path.Combine(_folder, "directory.sealed"), new byte[32]);
        _authority = new KeyAuthority(new KeyAuthorityOptions(), _directory, _tokens, _chain, new NoIssuer(), _phones, _time, new SeededBytes(4), _log);
    }

    private void Reopen()
    {
        _authority.Dispose();
        _directory.Dispose();
        Open();
    }

    private Task<AccountFacts> ConfirmAsync(SigningKey key, ChangeStarted started, string code) =>
        _authority.ConfirmChangeAsync(key.Address, new ChangeConfirm(started.ChangeId, code, key.Public.ToString()), None);

    private async Task<SigningKey> SignUpAsync(byte seed, string name, string phone)
    {
        SigningKey key = Key(seed);
        var sealing = new PublicKey(SuiteId.HpkeX25519, Enumerable.Repeat(seed, 32).ToArray());
        SignUpStarted started = await _authority.StartAsync($"10.0.0.{seed}", new SignUpStart(name, phone, "1980-02-29"), None);
        byte[] text = Encoding.UTF8.GetBytes(SignUpProof.Text(started.SignUpId, key.Public, sealing));
        string proof = Convert.ToHexStringLower(key.Sign(SignUpProof.Domain, text).Bytes);
        await _authority.ConfirmAsync($"10.0.0.{seed}", new SignUpConfirm(started.SignUpId, _phones.LastCode(phone), key.Public.ToString(), sealing.ToString(), proof), None);
        return key;
    }

    private MatchToken[] Tokens(Address account)
    {
        using var signer = new SigningKey(Enumerable.Repeat((byte)77, 32).ToArray());
        var service = new TokenService(
            new KeyAuthorityOptions(), _directory, _tokens, signer, Hash.Zero, (_, _) => Task.FromResult(false), _time, new SeededBytes(6), NullLogger<TokenService>.Instance);
        return service.StatementFor(account).Open(signer.Public, Hash.Zero, _time.GetUtcNow().ToUnixTimeMilliseconds()).Tokens;
    }

    private static SigningKey Key(byte seed) => new(Enumerable.Repeat(seed, 32).ToArray());

    private sealed class Chain : IIdentityRegistrar
    {
        public Dictionary<Address, IdentityFacts> Certified { get; } = [];

        public bool IsBroken { get; set; }

        public Task CertifyAsync(Address account, IdentityFacts facts, CancellationToken cancellation)
        {
            if (IsBroken) throw new AuthorityException(AuthorityRefusal.Unavailable, "the chain did not answer");
            Certified[account] = facts;
            return Task.CompletedTask;
        }

        public Task RevokeAsync(Address account, CancellationToken cancellation) => Task.CompletedTask;

        public Task<bool> IsActiveAsync(Address account, CancellationToken cancellation) => Task.FromResult(Certified.ContainsKey(account));
    }

    private sealed class NoIssuer : IKeystoreIssuer
    {
        public IssuedKeys Issue(string passphrase) => throw new NotSupportedException();
    }
}
