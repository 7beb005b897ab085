using System.Security.Cryptography;
using NUnit.Framework;
using Ptoy.Protocol;
using Ptoy.Services.Analytics.Service;
using Ptoy.Services.Common;
using Ptoy.Services.Grants;
using Ptoy.Services.Monitoring;
using Ptoy.Services.Monitoring.Service;
using Ptoy.Services.Tests.Analytics;

namespace Ptoy.Services.Tests.Monitoring.Service;

[TestFixture]
internal sealed class MonitorDeskTests
{
    private static readonly Address Hospital = Resources.PatientNumber(800), Stranger = Resources.PatientNumber(801);
    private static readonly MonitorOptions Rules = new() { Thresholds = [new ThresholdRule("8480-6", "mm[Hg]", 180, null, IsUrgent: true)] };
    private string _folder = "";

    private sealed class Told : INotify
    {
        public List<(Address To, FindingKind Kind, bool IsUrgent, string Key)> Patients { get; } = [];

        public List<(Address To, Address About, FindingKind Kind)> Teams { get; } = [];

        public void TellPatient(Address patient, FindingKind kind, bool isUrgent, string key) => Patients.Add((patient, kind, isUrgent, key));

        public void TellCareTeam(Address organisation, Address patient, FindingKind kind, string key) => Teams.Add((organisation, patient, kind));
    }

    private sealed class Team(params Address[] permitted) : ICareTeam
    {
        public List<string> Asked { get; } = [];

        public Task<IReadOnlyList<Address>> PermittedAsync(Address patient, string compartment, CancellationToken cancellation)
        {
            Asked.Add(compartment);
            return Task.FromResult<IReadOnlyList<Address>>(permitted);
        }
    }

    [SetUp]
    public void Make() => _folder = Directory.CreateTempSubdirectory("ptoy-monitor-").FullName;

    [TearDown]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    private SealedStore Open() => SealedStore.Open(_folder, SHA256.HashData("key"u8));

    private static MonitorDesk Desk(SealedStore store, Told told, ICareTeam team, ManualTime time) => new(
        store, Rules, new NoticeOptions(), told, team, new ResultShelf(store, "monitor", new NoResultWriter(), TimeSpan.FromHours(24), time), "self", time);

    private static PatientRecords High()
    {
        var r = new Resources();
        r.Pressure("2026-03-01T11:00:00Z", 190, 100, Resources.Patient.ToString());
        return r.Records;
    }

    [Test]
    public async Task An_urgent_value_is_told_at_once_and_to_the_permitted_care_team_when_it_stands()
    {
        using SealedStore store = Open();
        var (told, team, time) = (new Told(), new Team(Hospital), new ManualTime());
        using MonitorDesk desk = Desk(store, told, team, time);
        await desk.PatientChangedAsync(High(), default);
        Assert.That(told.Patients.Select(p => (p.To, p.Kind, p.IsUrgent)), Is.EqualTo(new[] { (Resources.Patient, FindingKind.Threshold, true) }));
        Assert.That(told.Patients[0].Key, Does.Not.Contain("8480").And.Not.Contain("190").And.Not.Contain(Resources.Patient.ToString()), "nothing that says what");
        time.Advance(TimeSpan.FromHours(4));
        await desk.PatientChangedAsync(High(), default);
        Assert.That(told.Teams, Is.EqualTo(new[] { (Hospital, Resources.Patient, FindingKind.Threshold) }));
        Assert.That(team.Asked, Is.EqualTo(new[] { "vital-signs" }));
    }

    [Test]
    public async Task A_care_team_that_is_not_granted_is_not_told()
    {
        using SealedStore store = Open();
        var (told, time) = (new Told(), new ManualTime());
        using MonitorDesk desk = Desk(store, told, new Team(), time);
        await desk.PatientChangedAsync(High(), default);
        time.Advance(TimeSpan.FromHours(5));
        await desk.PatientChangedAsync(High(), default);
        Assert.That(told.Teams, Is.Empty);
        Assert.That(told.Teams.Any(t => t.To == Stranger), Is.False);
    }

    [Test]
    public async Task After_a_restart_nobody_is_told_twice_and_everybody_is_looked_at()
    {
        var time = new ManualTime();
        var told = new Told();
        using (SealedStore store = Open())
        {
            using MonitorDesk desk = Desk(store, told, new Team(), time);
            await desk.PatientChangedAsync(High(), default);
        }
        using SealedStore reopened = Open();
        using MonitorDesk again = Desk(reopened, told, new Team(), time);
        var looked = new TaskCompletionSource();
        again.RecordsOf = _ =>
        {
            looked.TrySetResult();
            return High();
        };
        again.Begin([Resources.Patient]);
        using var stop = new CancellationTokenSource();
        Task running = again.RunAsync(stop.Token);
        await looked.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await stop.CancelAsync();
        try { await running; }
        catch (OperationCanceledException) when (stop.IsCancellationRequested) { }
        Assert.That(told.Patients, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task When_the_grant_goes_what_was_remembered_goes_and_nobody_is_looked_at()
    {
        using SealedStore store = Open();
        var (told, time) = (new Told(), new ManualTime());
        using MonitorDesk desk = Desk(store, told, new Team(), time);
        await desk.PatientChangedAsync(High(), default);
        Assert.That((desk.Watched, desk.StateOf(Resources.Patient)!.Matters.Count), Is.EqualTo((1, 1)));
        Assert.That(store.Partition(Resources.Patient.ToString()).Table("monitor").Keys(), Is.EqualTo(new[] { "vital-signs" }));
        store.Destroy(Resources.Patient.ToString());
        await desk.PatientGoneAsync(Resources.Patient, default);
        Assert.That((desk.Watched, desk.StateOf(Resources.Patient)), Is.EqualTo((0, (NoticeState?)null)));
        Assert.That(store.HasPartition(Resources.Patient.ToString()), Is.False);
    }
}
