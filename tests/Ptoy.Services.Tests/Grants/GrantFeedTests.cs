using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Common;
using Ptoy.Services.Grants;
using Ptoy.Services.Tests.Network;

namespace Ptoy.Services.Tests.Grants;

[NonParallelizable]
public sealed class GrantFeedTests
{
    private const string Purpose = "CAREMGT";
    private static readonly byte[] StoreKey = RandomNumberGenerator.GetBytes(32);
    private static readonly byte[] Weight = Resource("Observation", "w1", "\"valueQuantity\":{\"value\":80.50}");
    private DevNetwork _network = null!;
    private string _folder = "";

    [OneTimeSetUp]
    public async Task StartNetwork() => _network = await DevNetwork.StartAsync();

    [OneTimeTearDown]
    public async Task StopNetwork() => await _network.DisposeAsync();

    [SetUp]
    public void SetUp() => _folder = Directory.CreateTempSubdirectory("ptoy-feed-").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_folder, recursive: true);

    [Test, CancelAfter(180_000)]
    public async Task WhatAPatientGrantsArrivesAndGoesWhenItIsRevoked(CancellationToken cancellation)
    {
        Member hospital = _network.Hospitals[0];
        using var hospitalSession = new GranteeSession(hospital.Keys, hospital.Root, await _network.ConnectAsync(hospital, 0), "TREAT");
        await hospitalSession.SetUpAsync("Hospital 1", "connector", cancellation);
        (Member patient, PatientSession session) = await _network.PatientAsync();
        using PatientSession _ = session;
        await session.AcceptBindingAsync(hospital.Address, cancellation);
        await _network.WriteAsync(hospital, patient, 0, ("vital-signs", Weight));
        await using Service service = await ServiceAsync(0, cancellation);

        int provision = await session.GrantAsync(new ReadGrant(service.Address, ["vital-signs"], [Purpose]), cancellation);
        PatientRecords first = await service.Consumer.UntilAsync(patient.Address, r => r.Records.Count == 1, cancellation);
        FhirRecord record = first.Records[0];
        Assert.That((record.Type, record.Id, record.Compartment, record.Author), Is.EqualTo(("Observation", "w1", "vital-signs", hospital.Address.ToString())));
        Assert.That(record.Bytes.ToArray(), Is.EqualTo(Weight));
        Assert.That(record.Time, Is.GreaterThan(DateTimeOffset.UnixEpoch));

        byte[] later = Resource("Observation", "w1", "\"valueQuantity\":{\"value\":79.0}");
        await _network.WriteAsync(hospital, patient, 1, ("vital-signs", later), ("medications", Resource("MedicationRequest", "m1", "\"status\":\"active\"")));
        PatientRecords second = await service.Consumer.UntilAsync(patient.Address, r => r.Records.Count == 2, cancellation);
        Assert.That(second.Current().Single().Bytes.ToArray(), Is.EqualTo(later), "what was not granted does not come, and a newer version takes the place of the older");

        SealedTable derived = service.Feed.Partition(patient.Address).Table("derived");
        derived.Put("k", "something derived"u8);
        await session.RevokeAsync(provision, cancellation);
        await service.Consumer.UntilGoneAsync(patient.Address, cancellation);
        Assert.That(() => derived.Get("k"), Throws.TypeOf<StoreGoneException>());
        Assert.That((service.Feed.Records(patient.Address), service.Store.HasPartition(patient.Address.ToString())), Is.EqualTo(((PatientRecords?)null, false)));
        RpcException denied = (await Assert.ThrowsAsync<RpcException>(() => service.Session.ReaderAsync(patient.Address, cancellation)))!;
        Assert.That(denied.Code, Is.EqualTo(RpcErrors.Denied));
        Assert.That(service.Log.All, Does.Not.Contain(patient.Address.ToString()), "logs do not name patients");
    }

    [Test, CancelAfter(180_000)]
    public async Task AGrantThatEndsByTimeEndsWithoutAnybodyDoingAnything(CancellationToken cancellation)
    {
        (Member patient, PatientSession session) = await _network.PatientAsync(1);
        using PatientSession _ = session;
        await _network.WriteAsync(patient, patient, 1, ("vital-signs", Weight));
        await using Service service = await ServiceAsync(1, cancellation);
        await GrantForAWhileAsync(session, service, patient.Address, cancellation);
        await service.Consumer.UntilGoneAsync(patient.Address, cancellation);
        Assert.That(service.Store.HasPartition(patient.Address.ToString()), Is.False);
    }

    [Test, CancelAfter(240_000)]
    public async Task ARestartTellsAgainWhatWasNotTakenAndFindsWhatWasMissed(CancellationToken cancellation)
    {
        (Member patient, PatientSession session) = await _network.PatientAsync();
        using PatientSession _ = session;
        await _network.WriteAsync(patient, patient, 0, ("vital-signs", Weight));
        using Member account = Member.New();
        await using (Service first = await ServiceAsync(0, cancellation, account))
        {
            first.Consumer.Refuses = true;
            await session.GrantAsync(new ReadGrant(first.Address, ["vital-signs", "goals"], [Purpose]), cancellation);
            await first.Consumer.UntilRefusedAsync(cancellation);
        }
        await _network.WriteAsync(patient, patient, 0, ("goals", Resource("Goal", "g1", "\"lifecycleStatus\":\"active\"")));
        await using (Service second = await ServiceAsync(0, cancellation, account))
            await second.Consumer.UntilAsync(patient.Address, r => r.Records.Count == 2, cancellation);

        // Told already: a third start tells nothing, and sees at once that the grant went while nobody looked.
        foreach (var provision in (await session.ProvisionsAsync(cancellation)).EnumerateArray()) await session.RevokeAsync(provision.GetProperty("id").GetInt32(), cancellation);
        await using Service third = await ServiceAsync(0, cancellation, account);
        await third.Consumer.UntilGoneAsync(patient.Address, cancellation);
        Assert.That(third.Consumer.Changes, Is.Zero);
    }

    [Test, CancelAfter(300_000)]
    public async Task ANodeThatIsAwayShowsInHealthAndNothingIsLost(CancellationToken cancellation)
    {
        (Member patient, PatientSession session) = await _network.PatientAsync();
        using PatientSession _ = session;
        await using Service service = await ServiceAsync(3, cancellation);
        await session.GrantAsync(new ReadGrant(service.Address, ["goals"], [Purpose]), cancellation);
        await service.Consumer.UntilAsync(patient.Address, _ => true, cancellation);
        await _network.StopNodeAsync(3);
        await service.UntilHealthAsync(ok: false, cancellation);
        Assert.That(service.Events.Health().Ok, Is.False);
        await _network.WriteAsync(patient, patient, 0, ("goals", Resource("Goal", "g1", "\"lifecycleStatus\":\"active\"")));
        await _network.StartNodeAsync(3);
        await service.Consumer.UntilAsync(patient.Address, r => r.Records.Count == 1, cancellation);
        await service.UntilHealthAsync(ok: true, cancellation);
    }

    /// <summary>Long enough for the records to arrive on a machine that is busy; not longer than needed.</summary>
    private static async Task GrantForAWhileAsync(PatientSession session, Service service, Address patient, CancellationToken cancellation)
    {
        for (TimeSpan life = TimeSpan.FromSeconds(15); ; life *= 2)
        {
            await session.GrantAsync(new ReadGrant(service.Address, ["vital-signs"], [Purpose], null, DateTimeOffset.UtcNow + life), cancellation);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(life);
            try
            {
                await service.Consumer.UntilAsync(patient, r => r.Records.Count == 1, limit.Token);
                return;
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                // It ended before anybody saw it: once more, for longer.
            }
        }
    }

    private static byte[] Resource(string type, string id, string more) => Encoding.UTF8.GetBytes($"{{\"resourceType\":\"{type}\",\"id\":\"{id}\",{more}}}");

    private async Task<Service> ServiceAsync(int node, CancellationToken cancellation, Member? known = null)
    {
        Member account = known ?? Member.New();
        await _network.CertifyAsync(account, "organisation", "service");
        var session = new GranteeSession(account.Keys, account.Root, await _network.ConnectAsync(account, node), Purpose);
        await session.SetUpAsync("A service", "service", cancellation);
        return new Service(session, _network.Url(node), SealedStore.Open(_folder, StoreKey), known is null ? account : null);
    }

    /// <summary>A feed that runs, with what it needs.</summary>
    private sealed class Service : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Member? _owned;
        private readonly Task _running;

        public Service(GranteeSession session, Uri node, SealedStore store, Member? owned)
        {
            (Session, Store, _owned) = (session, store, owned);
            Events = new ChainEvents(node, TimeProvider.System, NullLogger<ChainEvents>.Instance);
            Feed = new GrantFeed("test", session, store, Events, [Consumer], new FeedOptions { SweepSeconds = 2 }, TimeProvider.System, Log);
            _running = Task.WhenAll(Events.RunAsync(_stop.Token), Feed.RunAsync(_stop.Token));
        }

        public GranteeSession Session { get; }

        public SealedStore Store { get; }

        public ChainEvents Events { get; }

        public GrantFeed Feed { get; }

        public CapturedLog<GrantFeed> Log { get; } = new();

        public Collector Consumer { get; } = new();

        public Address Address => Session.Account;

        public async Task UntilHealthAsync(bool ok, CancellationToken cancellation)
        {
            using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
            while (Feed.Health().Ok != ok) await poll.WaitForNextTickAsync(cancellation);
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            Feed.Dispose();
            Consumer.Dispose();
            Session.Dispose();
            Store.Dispose();
            _owned?.Dispose();
            _stop.Dispose();
        }
    }

    /// <summary>Keeps what it is told, and lets a test wait for it.</summary>
    private sealed class Collector : IGrantConsumer, IDisposable
    {
        private readonly ConcurrentDictionary<Address, PatientRecords> _newest = new();
        private readonly ConcurrentDictionary<Address, bool> _gone = new();
        private readonly SemaphoreSlim _told = new(0);
        private int _changes, _refused;

        public bool Refuses { get; set; }

        public int Changes => _changes;

        public Task PatientChangedAsync(PatientRecords records, CancellationToken cancellation)
        {
            if (Refuses)
            {
                Interlocked.Increment(ref _refused);
                _told.Release();
                throw new ConsumerRetryException("not now");
            }
            Interlocked.Increment(ref _changes);
            _newest[records.Patient] = records;
            _told.Release();
            return Task.CompletedTask;
        }

        public Task PatientGoneAsync(Address patient, CancellationToken cancellation)
        {
            _gone[patient] = true;
            _told.Release();
            return Task.CompletedTask;
        }

        public async Task<PatientRecords> UntilAsync(Address patient, Func<PatientRecords, bool> wanted, CancellationToken cancellation)
        {
            PatientRecords? newest;
            while (!_newest.TryGetValue(patient, out newest) || !wanted(newest)) await _told.WaitAsync(cancellation);
            return newest;
        }

        public async Task UntilGoneAsync(Address patient, CancellationToken cancellation)
        {
            while (!_gone.ContainsKey(patient)) await _told.WaitAsync(cancellation);
        }

        public void Dispose() => _told.Dispose();

        public async Task UntilRefusedAsync(CancellationToken cancellation)
        {
            while (Volatile.Read(ref _refused) == 0) await _told.WaitAsync(cancellation);
        }
    }
}
