using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Common;
using Ptoy.Services.Grants;
using Ptoy.Services.Hosting;
using Ptoy.Services.Notifications;
using Ptoy.Services.Tests.Network;

namespace Ptoy.Services.Tests.Account;

/// <summary>Export and notices against a running network.</summary>
[NonParallelizable]
public sealed class AccountOnChainTests
{
    private static readonly byte[] Goal = Encoding.UTF8.GetBytes("{\"resourceType\":\"Goal\",\"id\":\"g\",\"x\":1.00}");
    private DevNetwork _network = null!;
    private string _folder = "";

    [OneTimeSetUp]
    public async Task StartNetwork() => _network = await DevNetwork.StartAsync();

    [OneTimeTearDown]
    public async Task StopNetwork() => await _network.DisposeAsync();

    [SetUp]
    public void SetUp() => _folder = Directory.CreateTempSubdirectory("ptoy-account-").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_folder, recursive: true);

    [Test, CancelAfter(180_000)]
    public async Task AnExportHasEverythingAndRecordsAreByteIdentical(CancellationToken cancellation)
    {
        (Member patient, PatientSession session) = await _network.PatientAsync();
        using PatientSession _ = session;
        Hash id = (await _network.WriteAsync(patient, patient, 0, ("goals", Goal)))[0];
        using var bank = new TransactionSender(await _network.ConnectAsync(_network.Hospitals[0], 0));
        await bank.SendAsync("Token", "transfer", patient.Address.ToString(), "5000000");
        using var zip = new MemoryStream();
        NodeConnection[] nodes = [await _network.ConnectAsync(patient, 0), await _network.ConnectAsync(patient, 1)];
        ExportResult result = await new AccountExport(session, nodes[0]).WriteAsync(zip, [nodes[0], nodes[1], null], 1, null, cancellation);
        Assert.That((result.Records, result.Unreadable, result.NodesAway), Is.EqualTo((1, 0, 1)));
        Assert.That((result.Accesses, result.WalletEvents), Is.GreaterThanOrEqualTo((1, 1)));
        using var archive = new ZipArchive(zip, ZipArchiveMode.Read);
        Assert.That(Content(archive, $"records/goals/{id}.json"), Is.EqualTo(Goal));
        string wallet = Encoding.UTF8.GetString(Content(archive, "wallet.json"));
        Assert.That(wallet, Does.Contain("\"balanceMicroPtoy\": \"5000000\"").And.Contain("\"name\": \"transfer\""));
        using JsonDocument contents = JsonDocument.Parse(Content(archive, "contents.json"));
        foreach (JsonProperty file in contents.RootElement.GetProperty("sha256").EnumerateObject())
        {
            byte[] digest = System.Security.Cryptography.SHA256.HashData(Content(archive, file.Name));
            Assert.That(Convert.ToHexStringLower(digest), Is.EqualTo(file.Value.GetString()), file.Name);
        }
    }

    [Test, CancelAfter(240_000)]
    public async Task PeopleAreToldOfWritesAndOfReadsThroughAnyMemberAlsoOfThoseMissedMeanwhile(CancellationToken cancellation)
    {
        (Member patient, PatientSession session) = await _network.PatientAsync();
        using PatientSession _ = session;
        Member hospital = _network.Hospitals[1];
        using var reader = new GranteeSession(hospital.Keys, hospital.Root, await _network.ConnectAsync(hospital, 1), "TREAT");
        await reader.SetUpAsync("Hospital 2", "connector", cancellation);
        using Member account = Member.New();
        await _network.CertifyAsync(account, "organisation", "service");
        using var service = new GranteeSession(account.Keys, account.Root, await _network.ConnectAsync(account, 2), AccessWatch.Purpose);
        await service.SetUpAsync("Notices", "service", cancellation);
        RpcException refused = (await Assert.ThrowsAsync<RpcException>(() => AuditAsync(service, patient)))!;
        Assert.That(refused.Code, Is.EqualTo(RpcErrors.NotAuthorised), "nobody but the owner sees the access log unasked");
        await session.GrantAccessLogAsync(service.Account, null, cancellation);

        using SealedStore store = SealedStore.Open(_folder, new byte[32]);
        using var centre = new NotificationCentre(new NotificationOptions(new AccountOptions("none")), store, TimeProvider.System);
        centre.Set(patient.Address, new NotificationPreferences());
        await using (Watching first = Watch(centre, service, store))
        {
            await session.AcceptBindingAsync(hospital.Address, cancellation);
            await UntilAsync(centre, patient, n => n.Kind == "granted", cancellation);
        }
        // Nobody watches while this is written: the blocks have it.
        await _network.WriteAsync(hospital, patient, 1, ("goals", Goal));
        await using Watching second = Watch(centre, service, store);
        NoticeItem written = await UntilAsync(centre, patient, n => n.Kind == "written", cancellation);
        Assert.That(written.By, Is.EqualTo(hospital.Address.ToString()));
        await session.GrantAsync(new ReadGrant(hospital.Address, ["goals"], ["TREAT"]), cancellation);
        await second.Watched.WaitAsync(cancellation);
        RecordReader records = await reader.ReaderAsync(patient.Address, cancellation);
        await records.ListAsync(null, null, cancellation);
        NoticeItem read = await UntilAsync(centre, patient, n => n.Kind == "read", cancellation);
        Assert.That(read.By, Is.EqualTo(hospital.Address.ToString()));
        Assert.That(centre.Inbox(patient.Address, 0).Select(n => n.Id), Is.Unique);
    }

    private static Task<AuditListResult> AuditAsync(GranteeSession service, Member patient) =>
        service.Node.CallAsync<AuditListResult>("audit_list", new AuditListParams(patient.Address.ToString()), service.Account);

    private static async Task<NoticeItem> UntilAsync(NotificationCentre centre, Member patient, Func<NoticeItem, bool> wanted, CancellationToken cancellation)
    {
        while (true)
        {
            Task change = centre.Change;
            if (centre.Inbox(patient.Address, 0).FirstOrDefault(wanted) is { } found) return found;
            await change.WaitAsync(cancellation);
        }
    }

    private Watching Watch(NotificationCentre centre, GranteeSession service, SealedStore store) => new(_network.Url(2), centre, service, store);

    private static byte[] Content(ZipArchive archive, string name)
    {
        using Stream entry = archive.GetEntry(name)!.Open();
        using var content = new MemoryStream();
        entry.CopyTo(content);
        return content.ToArray();
    }

    private sealed class Watching : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly EventWatch _events;
        private readonly Task _running;

        public Watching(Uri node, NotificationCentre centre, GranteeSession service, SealedStore store)
        {
            var chain = new ChainEvents(node, TimeProvider.System, NullLogger<ChainEvents>.Instance);
            _events = new EventWatch(centre, chain, store, service.Node, NullLogger<EventWatch>.Instance);
            var access = new AccessWatch(centre, service, store, TimeSpan.FromSeconds(1), TimeProvider.System, NullLogger<AccessWatch>.Instance);
            _running = Task.WhenAll(chain.RunAsync(_stop.Token), _events.RunAsync(_stop.Token), access.RunAsync(_stop.Token));
            Watched = WatchedAsync(access);
        }

        /// <summary>Ends when the access logs have been looked at once: what comes later is news.</summary>
        public Task Watched { get; }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            _events.Dispose();
            _stop.Dispose();
        }

        private async Task WatchedAsync(AccessWatch access)
        {
            using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
            while (!access.Health().Text.StartsWith("1 people", StringComparison.Ordinal)) await poll.WaitForNextTickAsync(_stop.Token);
        }
    }
}
