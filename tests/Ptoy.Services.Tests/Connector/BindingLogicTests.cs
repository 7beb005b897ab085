using System.Text;
using NUnit.Framework;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Matching;
using Ptoy.Services.Connector;
using Ptoy.Services.Matching;
using Ptoy.Services.Tests.Matching;

namespace Ptoy.Services.Tests.Connector;

public sealed class BindingLogicTests
{
    private const string Name = "Amélie Featherstone";
    private const string Phone = "(617) 555-0123";
    private const string Born = "1980-02-29";
    private static readonly byte[] Key = Enumerable.Repeat((byte)3, 32).ToArray();
    private static readonly Address Patient = Account(1);
    private static readonly Address Stranger = Account(2);

    private readonly TokenMaker _tokens = new(Key);
    private string _folder = "";
    private ManualTime _time = new();
    private ConnectorState _state = null!;
    private BindingLogic _logic = null!;

    [SetUp]
    public void SetUp()
    {
        _folder = Directory.CreateTempSubdirectory("ptoy-connector-").FullName;
        _time = new ManualTime();
        _state = ConnectorState.Open(StatePath, Key);
        _state.Record(new PatientSeen("ehr|1", [Name], [Phone], Born));
        _state.Record(new TokensKept("ehr|1", [.. _tokens.Make(new PersonIdentity([Name], [Phone], Born)).Select(t => new MatchTokenText(t.Rule, t.Value.ToString()))]));
        _logic = new BindingLogic(_state, _time, new SeededBytes(8));
    }

    [TearDown]
    public void TearDown()
    {
        _state.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [OneTimeTearDown]
    public void DisposeTokens() => _tokens.Dispose();

    private string StatePath => Path.Combine(_folder, "state");

    private static Address Account(byte seed)
    {
        using var key = new SigningKey(Enumerable.Repeat(seed, 32).ToArray());
        return key.Address;
    }

    private MatchClaim Claim(Address account, string name = Name, string phone = Phone, string? born = Born) => new(
        Hash.Zero, account, new byte[16], [.. _tokens.Make(new PersonIdentity([name], [phone], born))], long.MaxValue,
        new PublicKey(SuiteId.HpkeX25519, new byte[32]));

    private OneTimeCode Ask(Address account)
    {
        CodeToSend sent = _logic.Request(Claim(account), "US")!;
        _state.Record(sent.Happened);
        Assert.That(sent.Phone, Is.EqualTo("+16175550123"));
        return sent.Happened.Code;
    }

    private CodeOutcome Try(Address account, string code, string born = Born)
    {
        ConfirmOutcome outcome = _logic.Confirm(account.ToString(), new MatchConfirm(code, born));
        if (outcome.Happened is not null) _state.Record(outcome.Happened);
        return outcome.Outcome;
    }

    [Test]
    public void CodeAndBirthDateTogetherProveThePerson() => Assert.That(Try(Patient, Ask(Patient).Text), Is.EqualTo(CodeOutcome.Right));

    [Test]
    public void AStrangerWithNameAndNumberCannotUseTheCodeWithoutThePhone()
    {
        OneTimeCode code = Ask(Stranger);
        for (int i = 1; i <= OneTimeCode.MaxTries; i++)
            Assert.That(Try(Stranger, CodeShape.Wrong(code.Text)), Is.EqualTo(i < OneTimeCode.MaxTries ? CodeOutcome.Wrong : CodeOutcome.Locked));
        Assert.That(Try(Stranger, code.Text), Is.EqualTo(CodeOutcome.Locked));
    }

    [Test]
    public void AStrangerCannotUseACodeThatWasSentForAnotherAccount()
    {
        OneTimeCode code = Ask(Patient);
        Assert.That(Try(Stranger, code.Text), Is.EqualTo(CodeOutcome.Wrong));
        Assert.That(Try(Patient, code.Text), Is.EqualTo(CodeOutcome.Right));
    }

    [Test]
    public void TheRightCodeWithAWrongBirthDateIsAWrongTry()
    {
        OneTimeCode code = Ask(Patient);
        Assert.That(Try(Patient, code.Text, "1980-02-28"), Is.EqualTo(CodeOutcome.Wrong));
        Assert.That(Try(Patient, code.Text), Is.EqualTo(CodeOutcome.Right));
    }

    [Test]
    public void AskingAgainGivesNoNewTriesAndNoSecondMessage()
    {
        Ask(Stranger);
        Assert.That(_logic.Request(Claim(Stranger), "US"), Is.Null);
        _time.Advance(OneTimeCode.Lifetime);
        Assert.That(_logic.Request(Claim(Stranger), "US"), Is.Not.Null);
    }

    [Test]
    public void ARestartGivesNoTriesBack()
    {
        OneTimeCode code = Ask(Stranger);
        for (int i = 0; i < OneTimeCode.MaxTries; i++) Try(Stranger, CodeShape.Wrong(code.Text));
        _state.Dispose();
        _state = ConnectorState.Open(StatePath, Key);
        _logic = new BindingLogic(_state, _time, new SeededBytes(9));
        Assert.That(Try(Stranger, code.Text), Is.EqualTo(CodeOutcome.Locked));
    }

    [Test]
    public void CodesExpireAndAreForOneUse()
    {
        OneTimeCode late = Ask(Stranger);
        _time.Advance(OneTimeCode.Lifetime);
        Assert.That(Try(Stranger, late.Text), Is.EqualTo(CodeOutcome.Expired));
        OneTimeCode code = Ask(Patient);
        Assert.That(Try(Patient, code.Text), Is.EqualTo(CodeOutcome.Right));
        Assert.That(Try(Patient, code.Text), Is.EqualTo(CodeOutcome.Used));
    }

    [Test]
    public void ACodeOfAnotherHospitalCostsThisOneNoTries()
    {
        OneTimeCode code = Ask(Patient);
        string other = (code.Handle == "ZZZZ" ? "YYYY" : "ZZZZ") + "-123456";
        for (int i = 0; i < 2 * OneTimeCode.MaxTries; i++) Assert.That(Try(Patient, other), Is.EqualTo(CodeOutcome.Wrong));
        Assert.That(Try(Patient, code.Text), Is.EqualTo(CodeOutcome.Right));
    }

    [Test]
    public void GuessingHandlesEndsToo()
    {
        OneTimeCode code = Ask(Stranger);
        string other = (code.Handle == "ZZZZ" ? "YYYY" : "ZZZZ") + "-123456";
        for (int i = 0; i < BindingLogic.MaxStrays; i++) Try(Stranger, other);
        Assert.That(Try(Stranger, code.Text), Is.EqualTo(CodeOutcome.Locked));
    }

    [Test]
    public void ACodeHandedOutByStaffStandsForPhoneAndBirthDate()
    {
        CodeSent code = _logic.HandOut("ehr|1", Patient.ToString(), "2:" + new string('0', 64));
        _state.Record(code);
        Assert.That(Try(Patient, code.Code.Text, ""), Is.EqualTo(CodeOutcome.Right));
        Assert.That(() => _logic.HandOut("nobody", "x", "y"), Throws.ArgumentException);
    }

    [TestCase("Rosalind Kirkbridholm", "(617) 555-0199", "1990-01-01")]
    [TestCase("Amélie Nobody", Phone, null)]
    public void WhoDoesNotFitCausesNoMessage(string name, string phone, string? born) =>
        Assert.That(_logic.Request(Claim(Stranger, name, phone, born), "US"), Is.Null);

    [Test]
    public void ABoundPatientIsNotProposedAgain()
    {
        var bound = new Binding(Patient.ToString(), "2:" + new string('0', 64), new string('0', 64), IsBound: true);
        _state.Record(new BindingChanged("ehr|1", bound));
        Assert.That(_logic.Request(Claim(Stranger), "US"), Is.Null);
    }

    [Test]
    public void TheStateIsUnreadableOnDiskAndOpensWithItsKeyOnly()
    {
        _state.Dispose();
        foreach (string file in Directory.GetFiles(StatePath, "*", SearchOption.AllDirectories))
        {
            string raw = Encoding.Latin1.GetString(File.ReadAllBytes(file));
            Assert.That(raw, Does.Not.Contain("Featherstone").And.Not.Contain("5550123").And.Not.Contain("ehr|1"), file);
        }
        Assert.That(() => ConnectorState.Open(StatePath, new byte[32]), Throws.TypeOf<InvalidDataException>());
        _state = ConnectorState.Open(StatePath, Key);
        Assert.That(_state.Patients["ehr|1"].Seen!.Names, Is.EqualTo(new[] { Name }));
        Assert.That(_state.Patients["ehr|1"].HasTokens, Is.True);
    }

    [Test]
    public void CustodyIsUnreadableOnceItsKeyIsDestroyed()
    {
        var custody = new CustodyKeys(Path.Combine(_folder, "custody"), Key);
        byte[] kept = custody.Seal("ehr|1", "{\"a\":1.00}"u8.ToArray());
        Assert.That(custody.Open("ehr|1", kept), Is.EqualTo("{\"a\":1.00}"u8.ToArray()));
        Assert.That(() => custody.Open("ehr-2", kept), Throws.TypeOf<InvalidDataException>());
        byte[] changed = [.. kept];
        changed[^1] ^= 1;
        Assert.That(() => custody.Open("ehr|1", changed), Throws.TypeOf<InvalidDataException>().With.Message.Contains("changed"));
        Assert.That(Directory.GetFiles(Path.Combine(_folder, "custody")).Single(), Does.Not.Contain("ehr|1"));
        custody.Destroy("ehr|1");
        Assert.That(custody.Exists("ehr|1"), Is.False);
        Assert.That(() => custody.Open("ehr|1", kept), Throws.TypeOf<InvalidDataException>().With.Message.Contains("destroyed"));
    }
}
