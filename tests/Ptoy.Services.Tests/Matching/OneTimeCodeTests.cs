using NUnit.Framework;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Tests.Matching;

public class OneTimeCodeTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private static OneTimeCode Fresh() => OneTimeCode.Create(new SeededBytes(1), Now);

    private static string Wrong(OneTimeCode code) => code.Secret == "000000" ? "000001" : "000000";

    [Test]
    public void TheRightCodeWorksOnce()
    {
        OneTimeCode code = Fresh();
        (CodeOutcome first, OneTimeCode used) = code.Try(code.Secret, Now);
        Assert.That(first, Is.EqualTo(CodeOutcome.Right));
        Assert.That(used.Try(code.Secret, Now).Outcome, Is.EqualTo(CodeOutcome.Used));
    }

    [Test]
    public void ItExpires()
    {
        OneTimeCode code = Fresh();
        Assert.That(code.Try(code.Secret, code.ExpiresAt - TimeSpan.FromMilliseconds(1)).Outcome, Is.EqualTo(CodeOutcome.Right));
        Assert.That(code.Try(code.Secret, code.ExpiresAt).Outcome, Is.EqualTo(CodeOutcome.Expired));
    }

    [Test]
    public void FiveWrongTriesLockIt()
    {
        OneTimeCode code = Fresh();
        for (int i = 1; i <= OneTimeCode.MaxTries; i++)
        {
            (CodeOutcome outcome, code) = code.Try(Wrong(code), Now);
            Assert.That(outcome, Is.EqualTo(i < OneTimeCode.MaxTries ? CodeOutcome.Wrong : CodeOutcome.Locked));
        }
        Assert.That(code.Try(code.Secret, Now).Outcome, Is.EqualTo(CodeOutcome.Locked));
    }

    [Test]
    public void FourWrongTriesDoNotLockIt()
    {
        OneTimeCode code = Fresh();
        for (int i = 1; i < OneTimeCode.MaxTries; i++) code = code.Try(Wrong(code), Now).Next;
        Assert.That(code.Try(code.Secret, Now).Outcome, Is.EqualTo(CodeOutcome.Right));
    }

    [Test]
    public void TheRightCodeWithAWrongSecondFactorIsAWrongTry()
    {
        OneTimeCode code = Fresh();
        (CodeOutcome outcome, OneTimeCode next) = code.Try(code.Secret, Now, alsoAgrees: false);
        Assert.That(outcome, Is.EqualTo(CodeOutcome.Wrong));
        Assert.That(next.Tries, Is.EqualTo(1));
    }

    [TestCase("abcd-123456", true)]
    [TestCase(" abcd 123456 ", true)]
    [TestCase("ABCD123456", true)]
    [TestCase("ABCD-12345", false)]
    [TestCase("AB0D-123456", false)]
    [TestCase(null, false)]
    public void TypedCodesAreRead(string? typed, bool isCode) => Assert.That(OneTimeCode.Parse(typed) is not null, Is.EqualTo(isCode));

    [Test]
    public void WhatIsSentIsWhatIsTyped()
    {
        OneTimeCode code = Fresh();
        Assert.That(OneTimeCode.Parse(code.Text), Is.EqualTo((code.Handle, code.Secret)));
    }
}
