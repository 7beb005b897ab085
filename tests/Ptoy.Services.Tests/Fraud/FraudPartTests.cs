using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Crypto;
using Ptoy.Services.Common;
using Ptoy.Services.Fraud;
using Ptoy.Services.Fraud.Review;
using Ptoy.Services.Fraud.Scoring;
using Ptoy.Services.Grants;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Tests.Fraud;

public class FraudPartTests
{
    private static readonly Address Patient = Key(1).Address, Hospital = Key(2).Address;
    private static readonly FraudOptions Options = new(new GranteeOptions(new AccountOptions("fraud.keystore"), "Fraud analytics", "FRAUD"));

    private string _folder = "";
    private SealedStore _store = null!;
    private FraudDesk _desk = null!;
    private FakeLogs _logs = null!;

    private sealed class FakeLogs : IAccessLogs
    {
        public List<AccessEntry> Entries { get; } = [];

        public Exception? Fails { get; set; }

        public bool Permitted { get; set; } = true;

        public Task<IReadOnlyList<AccessEntry>?> ReadAsync(Address patient, CancellationToken cancellation) =>
            Fails is not null ? throw Fails : Task.FromResult<IReadOnlyList<AccessEntry>?>(Permitted ? [.. Entries.Where(e => e.Owner == patient)] : null);
    }

    [SetUp]
    public void Open()
    {
        _folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "fraud-part-" + Guid.NewGuid().ToString("N"));
        _store = SealedStore.Open(_folder, new byte[32]);
        (_desk, _logs) = (new FraudDesk(_store, FraudModel.Shipped(), 10, new ManualTime()), new FakeLogs());
    }

    [TearDown]
    public void Close()
    {
        _store.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private FraudPart Part() => new(_desk, _logs, (_, _) => Task.FromResult<(string, DateTimeOffset)?>(null), Options, "token", new ManualTime(), NullLogger.Instance);

    private static SigningKey Key(byte seed) => new([.. Enumerable.Repeat(seed, SigningKey.SeedSize)]);

    private static AccessEntry Look(byte who, DateTimeOffset time, Address onBehalfOf) => new(
        (ulong)time.ToUnixTimeMilliseconds(), Key(9).Public, 5, Key(who).Public, onBehalfOf, Patient, AccessAction.Read, "TREAT", [], [], AccessOutcome.Permit, "permitted", "", default!, new byte[16], Hash.Zero);

    private static PatientRecords Records(params (string Id, string Json)[] records) => new(
        Patient, [.. records.Select(r => new FhirRecord("rec-" + r.Id, "Claim", r.Id, "insurance", Encoding.UTF8.GetBytes(r.Json), Hospital.ToString(), 1, FraudWorld.Monday))]);

    private static (string, string) Claim(string id) => (id, $$$"""
        {"resourceType":"Claim","id":"{{{id}}}","status":"active","use":"claim","created":"2026-02-05","billablePeriod":{"start":"2026-02-02T09:00:00Z","end":"2026-02-02T09:30:00Z"},
         "provider":{"reference":"Organization/o"},"careTeam":[{"sequence":1,"provider":{"reference":"Practitioner/dr"}}],
         "item":[{"sequence":1,"productOrService":{"coding":[{"code":"99213"}]},"net":{"value":92.5}}]}
        """);

    [Test]
    public async Task Records_and_access_log_become_alerts_and_revocation_takes_them_all()
    {
        FraudPart part = Part();
        for (int day = 0; day < 4; day++) _logs.Entries.Add(Look(7, FraudWorld.Monday.AddDays(day), Hospital));
        await part.PatientChangedAsync(Records(Claim("a"), Claim("b")), default);
        await part.RoundAsync(default);
        Assert.That(_desk.Queue.List().Select(a => a.Kind), Is.EquivalentTo(new[] { "duplicate", "unexplained-access" }));
        Assert.That(_desk.Queue.List().Single(a => a.Kind == "unexplained-access").Records, Has.Count.EqualTo(4));
        _store.Destroy(Patient.ToString());
        await part.PatientGoneAsync(Patient, default);
        Assert.That(_desk.Queue.List(), Is.Empty);
        await part.RoundAsync(default);
        Assert.That((_desk.Queue.List().Count, _desk.Patients.Count, _store.Owners.Count), Is.EqualTo((0, 0, 0)));
    }

    [Test]
    public async Task When_only_the_access_log_is_revoked_only_what_came_of_it_goes()
    {
        FraudPart part = Part();
        for (int day = 0; day < 4; day++) _logs.Entries.Add(Look(7, FraudWorld.Monday.AddDays(day), Hospital));
        await part.PatientChangedAsync(Records(Claim("a"), Claim("b")), default);
        await part.RoundAsync(default);
        _logs.Permitted = false;
        await part.RoundAsync(default);
        Assert.That(_desk.Queue.List().Select(a => a.Kind), Is.EqualTo(new[] { "duplicate" }));
    }

    [Test]
    public async Task The_services_own_reads_and_the_patients_are_no_looks()
    {
        _logs.Entries.Add(Look(2, FraudWorld.Monday, Hospital));
        _logs.Entries.Add(Look(1, FraudWorld.Monday, Address.None));
        FraudPart part = Part();
        await part.PatientChangedAsync(Records(Claim("a")), default);
        await part.RoundAsync(default);
        Assert.That(_desk.Queue.List(), Is.Empty);
    }

    [Test]
    public async Task A_node_that_is_away_is_said_in_health_and_what_was_known_stays()
    {
        FraudPart part = Part();
        for (int day = 0; day < 4; day++) _logs.Entries.Add(Look(7, FraudWorld.Monday.AddDays(day), Hospital));
        await part.PatientChangedAsync(Records(Claim("a")), default);
        await part.RoundAsync(default);
        _logs.Fails = new TimeoutException("away");
        await part.RoundAsync(default);
        Assert.That(part.Health().Ok, Is.False);
        Assert.That(part.Health().Text, Does.Contain("access log cannot be read").And.Not.Contain(Patient.ToString()));
        Assert.That(_desk.Queue.List(), Has.Count.EqualTo(1));
        _logs.Fails = null;
        await part.RoundAsync(default);
        Assert.That(part.Health().Ok, Is.True);
    }

    [TestCase(0, 60, "FRAUD", "dailyBudget: 0")]
    [TestCase(10, 0, "FRAUD", "scanMinutes: 0")]
    [TestCase(10, 60, "TREAT", "grantee.purpose: 'TREAT'")]
    public void Options_out_of_bounds_are_named(int budget, int minutes, string purpose, string problem) => Assert.That(
        (Options with { DailyBudget = budget, ScanMinutes = minutes, Grantee = Options.Grantee with { Purpose = purpose } }).Problems(), Has.Exactly(1).StartsWith(problem));

    [Test]
    public void Options_that_are_right_have_no_problem_and_a_node_that_is_no_address_is_named()
    {
        Assert.That(Options.Problems(), Is.Empty);
        Assert.That((Options with { Nodes = ["ftp://x"] }).Problems().Single(), Does.StartWith("nodes: 'ftp://x'"));
    }

    [Test]
    public void The_token_is_made_once_readable_by_the_owner_only_and_a_short_one_is_refused()
    {
        string path = Path.Combine(_folder, "..", Guid.NewGuid().ToString("N") + ".token");
        try
        {
            string made = FraudPart.TokenOf(path);
            Assert.That((made.Length, FraudPart.TokenOf(path)), Is.EqualTo((64, made)));
            if (!OperatingSystem.IsWindows()) Assert.That(File.GetUnixFileMode(path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
            File.WriteAllText(path, "short");
            Assert.That(() => FraudPart.TokenOf(path), Throws.TypeOf<DaemonConfigException>().With.Message.StartsWith("fraud.reviewerTokenFile"));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
