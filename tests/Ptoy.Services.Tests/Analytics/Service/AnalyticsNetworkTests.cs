using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Analytics.Cohort;
using Ptoy.Services.Analytics.Patient;
using Ptoy.Services.Analytics.Service;
using Ptoy.Services.Common;
using Ptoy.Services.Grants;
using Ptoy.Services.Tests.Network;

namespace Ptoy.Services.Tests.Analytics.Service;

/// <summary>The analytics services at a network of four nodes: grants in, results and answers out, and what a revocation leaves.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class AnalyticsNetworkTests
{
    private static readonly byte[] StoreKey = RandomNumberGenerator.GetBytes(SealedStore.KeySize);
    private static readonly byte[] Hba1c = Encoding.UTF8.GetBytes(
        """{"resourceType":"Observation","id":"a","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},"effectiveDateTime":"2026-01-01","valueQuantity":{"value":7.10,"unit":"%","system":"http://unitsofmeasure.org","code":"%"}}""");

    private DevNetwork _network = null!;
    private string _folder = "";

    [OneTimeSetUp]
    public async Task StartNetwork() => _network = await DevNetwork.StartAsync();

    [OneTimeTearDown]
    public async Task StopNetwork() => await _network.DisposeAsync();

    [SetUp]
    public void SetUp() => _folder = Directory.CreateTempSubdirectory("ptoy-analytics-").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_folder, recursive: true);

    [Test, CancelAfter(240_000)]
    public async Task A_patients_series_come_back_sealed_and_everything_goes_with_the_grant(CancellationToken cancellation)
    {
        (Member patient, PatientSession session) = await _network.PatientAsync();
        using PatientSession _ = session;
        await _network.WriteAsync(patient, patient, 0, ("laboratory", Hba1c));
        await using Service service = await Service.StartAsync(_network, _folder, "CAREMGT", s => new SeriesDesk(
            new ResultShelf(s.Store, "series", s.Writer, TimeSpan.FromHours(24), TimeProvider.System), s.Session.Account.ToString(), TimeProvider.System), cancellation);
        // Writing is permitted first, so that the first analysis may already be handed back.
        await session.AcceptBindingAsync(service.Session.Account, cancellation);
        int provision = await session.GrantAsync(new ReadGrant(service.Session.Account, ["laboratory"], ["CAREMGT"]), cancellation);

        RecordReader reader = await session.ReaderAsync(null, cancellation);
        IReadOnlyList<RecordInfo> listed;
        // The permit is seen before the letter with the keys: the first look may find nothing to open.
        do
        {
            Assert.That(await service.NextAsync(cancellation), Is.EqualTo((patient.Address, true)));
            listed = await reader.ListAsync(null, null, cancellation);
        }
        while (listed.All(r => r.Author != service.Session.Account.ToString()));
        RecordInfo result = listed.Single(r => r.Author == service.Session.Account.ToString());
        Assert.That(session.CompartmentOf(result.Tag), Is.EqualTo("laboratory"), "sealed under the compartment that it rests on");
        using JsonDocument document = JsonDocument.Parse(await reader.OpenAsync(result, cancellation));
        byte[] data = document.RootElement.GetProperty("content")[0].GetProperty("attachment").GetProperty("data").GetBytesFromBase64();
        SeriesPoint point = JsonSerializer.Deserialize<SeriesResult>(data, SeriesResult.Json)!.Series.Single().Points.Single();
        Assert.That((point.Value, point.ByPatient, listed.Any(r => r.RecordId == point.RecordId)), Is.EqualTo((7.10m, true, true)));

        SealedTable derived = service.Store.Partition(patient.Address.ToString()).Table("series");
        await session.RevokeAsync(provision, cancellation);
        (Address Patient, bool IsHere) told;
        do told = await service.NextAsync(cancellation);
        while (told.IsHere);
        Assert.That(told.Patient, Is.EqualTo(patient.Address));
        Assert.That(service.Store.HasPartition(patient.Address.ToString()), Is.False);
        Assert.Throws<StoreGoneException>(() => derived.Get("laboratory"));
    }

    [Test, CancelAfter(240_000)]
    public async Task A_study_pays_on_chain_until_its_budget_is_spent_and_a_patient_who_leaves_is_in_no_answer(CancellationToken cancellation)
    {
        (Member patient, PatientSession session) = await _network.PatientAsync(1);
        using PatientSession _ = session;
        await _network.WriteAsync(patient, patient, 1, ("laboratory", Hba1c));
        CohortDesk? made = null;
        await using Service service = await Service.StartAsync(_network, _folder, "HRESCH", s =>
            made = new CohortDesk(s.Store, new ChainStudyLedger(s.Sender), new CohortLimits(11, 4, 128), s.Session.Account.ToString(), TimeProvider.System), cancellation);
        using CohortDesk desk = made!;
        Member analyst = Member.New();
        await _network.CertifyAsync(analyst, "researcher");
        Receipt opened = await service.Sender.SendAsync(
            ContractId.Single("Research"), "open", [new { budget = 1_500_000, purpose = "HRESCH", protocol = new string('a', 64), analysts = new[] { analyst.Address.ToString() } }], cancellation);
        long study = long.Parse(opened.Result, System.Globalization.CultureInfo.InvariantCulture);
        int provision = await session.GrantAsync(new ReadGrant(service.Session.Account, ["laboratory"], ["HRESCH"]), cancellation);
        await service.NextAsync(cancellation);

        CohortQuery query = CohortQuery.Parse("""{"kind":"count","epsilon":1}"""u8);
        StudyAnswer answer = await desk.AskAsync(study, analyst.Address, query, false, cancellation);
        Assert.That((answer.Left, answer.IsKept), Is.EqualTo((500_000L, false)));
        Assert.That((await desk.AskAsync(study, analyst.Address, query, false, cancellation)).IsKept);
        StudyRefusedException refused = (await Assert.ThrowsAsync<StudyRefusedException>(() => desk.AskAsync(study, analyst.Address, query, true, cancellation)))!;
        Assert.That(refused.IsBudget);
        StudyRefusedException stranger = (await Assert.ThrowsAsync<StudyRefusedException>(() => desk.AskAsync(study, patient.Address, query, false, cancellation)))!;
        Assert.That(stranger.IsBudget, Is.False);
        string? onChain = await service.Sender.Node.ProvenAsync(ContractId.Single("Research"), $"study/{study}", cancellation);
        Assert.That(onChain, Does.Contain("\"spent\":1000000"));

        await session.RevokeAsync(provision, cancellation);
        (Address Patient, bool IsHere) told;
        do told = await service.NextAsync(cancellation);
        while (told.IsHere);
        Assert.That((service.Store.Owners.Count, service.Store.Table("answers").Keys().Count), Is.EqualTo((0, 0)));
        analyst.Dispose();
    }

    /// <summary>A service that runs: its account, its feed, and the desk under test, which is waited for by what it was told.</summary>
    private sealed class Service : IGrantConsumer, IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Channel<(Address, bool)> _told = Channel.CreateUnbounded<(Address, bool)>();
        private IGrantConsumer _desk = null!;
        private GrantFeed _feed = null!;
        private Task _running = Task.CompletedTask;

        public required GranteeSession Session { get; init; }

        public required SealedStore Store { get; init; }

        public required TransactionSender Sender { get; init; }

        public PatientResultWriter Writer { get; } = new();

        public static async Task<Service> StartAsync(DevNetwork network, string folder, string purpose, Func<Service, IGrantConsumer> desk, CancellationToken cancellation)
        {
            Member member = Member.New();
            await network.CertifyAsync(member, "organisation", "service");
            NodeConnection node = await network.ConnectAsync(member, 2);
            var session = new GranteeSession(member.Keys, member.Root, node, purpose);
            await session.SetUpAsync("A service", "service", cancellation);
            var service = new Service { Session = session, Store = SealedStore.Open(folder, StoreKey), Sender = new TransactionSender(node) };
            service._desk = desk(service);
            service.Writer.Use(session);
            var events = new ChainEvents(network.Url(2), TimeProvider.System, NullLogger<ChainEvents>.Instance);
            service._feed = new GrantFeed(
                "test", session, service.Store, events, [service], new FeedOptions { SweepSeconds = 2 }, TimeProvider.System, NullLogger<GrantFeed>.Instance);
            service._running = Task.WhenAll(events.RunAsync(service._stop.Token), service._feed.RunAsync(service._stop.Token));
            return service;
        }

        /// <summary>What the desk was told next, after it has done its work.</summary>
        public ValueTask<(Address Patient, bool IsHere)> NextAsync(CancellationToken cancellation) => _told.Reader.ReadAsync(cancellation);

        public async Task PatientChangedAsync(PatientRecords records, CancellationToken cancellation)
        {
            await _desk.PatientChangedAsync(records, cancellation);
            await _told.Writer.WriteAsync((records.Patient, true), cancellation);
        }

        public async Task PatientGoneAsync(Address patient, CancellationToken cancellation)
        {
            await _desk.PatientGoneAsync(patient, cancellation);
            await _told.Writer.WriteAsync((patient, false), cancellation);
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            _feed.Dispose();
            Writer.Dispose();
            Sender.Dispose();
            Session.Dispose();
            Store.Dispose();
            _stop.Dispose();
        }
    }
}
