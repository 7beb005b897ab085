using System.Text;
using NUnit.Framework;
using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Services.Authority;

namespace Ptoy.Services.Tests.Authority;

public sealed class AuthorityRequestsTests
{
    private static readonly byte[] Body = Encoding.UTF8.GetBytes("{}");
    private readonly SigningKey _authority = new(Enumerable.Repeat((byte)1, 32).ToArray());
    private readonly SigningKey _asker = new(Enumerable.Repeat((byte)2, 32).ToArray());
    private ManualTime _time = new();
    private AuthorityRequests _requests = null!;

    [SetUp]
    public void SetUp()
    {
        _time = new ManualTime();
        _requests = new AuthorityRequests(Hash.Zero, _authority.Public, _time);
    }

    [OneTimeTearDown]
    public void DisposeKeys()
    {
        _authority.Dispose();
        _asker.Dispose();
    }

    private string Header(PublicKey? node = null) => new RpcSigner(_asker, Hash.Zero, node ?? _authority.Public, null, _time).Sign("m", Body).ToJson();

    [Test]
    public void ASignedRequestIsItsSigners() => Assert.That(_requests.Check(Header(), "m", Body).Account, Is.EqualTo(_asker.Address));

    [Test]
    public void AReplayIsRefused()
    {
        string header = Header();
        _requests.Check(header, "m", Body);
        Assert.That(_requests.Check(header, "m", Body), Is.EqualTo(((Address?)null, "auth.nonce: used before")));
    }

    [Test]
    public void AnExpiredRequestIsRefused()
    {
        string header = Header();
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.That(_requests.Check(header, "m", Body).Problem, Does.Contain("expired"));
    }

    [Test]
    public void ARequestForSomebodyElseIsRefused() => Assert.That(_requests.Check(Header(_asker.Public), "m", Body).Problem, Does.StartWith("auth.node"));

    [Test]
    public void AnotherMethodOrBodyIsRefused()
    {
        Assert.That(_requests.Check(Header(), "other", Body).Problem, Does.StartWith("auth.signature"));
        Assert.That(_requests.Check(Header(), "m", [1]).Problem, Does.StartWith("auth.signature"));
    }

    [TestCase(null, "not signed")]
    [TestCase("{", "not JSON")]
    [TestCase("{}", "auth.key")]
    public void MalformedHeadersAreExplained(string? header, string problem) => Assert.That(_requests.Check(header, "m", Body).Problem, Does.Contain(problem));
}
