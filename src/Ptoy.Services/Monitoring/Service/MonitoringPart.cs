using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Analytics.Service;
using Ptoy.Services.Grants;
using Ptoy.Services.Hosting;
using Ptoy.Services.Notifications;

namespace Ptoy.Services.Monitoring.Service;

/// <summary>Monitoring of the patients that grant to this account.</summary>
/// <param name="Grantee">The service's account.</param>
public sealed record MonitoringOptions(GranteeOptions Grantee) : IPartOptions
{
    /// <summary>One line for help.</summary>
    public const string Summary = "goals, thresholds, trends, adherence and nutrition of each patient that grants";

    /// <summary>A section that works.</summary>
    public static MonitoringOptions Example { get; } = new(new GranteeOptions(new AccountOptions("monitoring.keystore", "monitoring.passphrase"), "Monitoring"));

    /// <summary>What is watched.</summary>
    public MonitorOptions Rules { get; init; } = new();

    /// <summary>When and how often people are told.</summary>
    public NoticeOptions Notices { get; init; } = new();

    /// <summary>Organisations that may be told of what is urgent, each only where the patient lets it read the records behind it.</summary>
    public IReadOnlyList<string> CareTeam { get; init; } = [];

    /// <summary>Seals goals and findings into the patient's record where the patient lets this account write.</summary>
    public bool WriteBack { get; init; } = true;

    /// <summary>One compartment's result is written at most once in so many hours.</summary>
    public int WriteEveryHours { get; init; } = 24;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>(Grantee.Problems().Select(p => $"grantee.{p}"));
        problems.AddRange(Rules.Problems().Select(p => $"rules.{p}"));
        problems.AddRange(Notices.Problems().Select(p => $"notices.{p}"));
        if (CareTeam.Count > 100) problems.Add($"careTeam: {CareTeam.Count} organisations, more than 100");
        for (int i = 0; i < CareTeam.Count; i++)
        {
            if (!Address.TryParse(CareTeam[i], out _)) problems.Add($"careTeam[{i}]: not a ptoy1 account");
        }
        if (WriteEveryHours is < 1 or > 8760) problems.Add($"writeEveryHours: {WriteEveryHours} is not 1 to 8760");
        return problems;
    }
}

/// <summary>Monitoring as a part of a daemon.</summary>
public sealed class MonitoringPart : IDaemonPart
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(30);
    private readonly MonitorDesk _desk;
    private readonly GrantFeed _feed;
    private readonly TimeProvider _time;
    private volatile string _trouble = "";

    private MonitoringPart(MonitorDesk desk, GrantFeed feed, TimeProvider time) => (_desk, _feed, _time) = (desk, feed, time);

    /// <inheritdoc/>
    public string Name => "monitoring";

    /// <summary>Makes the part.</summary>
    public static async Task<IDaemonPart> MakeAsync(PartContext context, MonitoringOptions options, CancellationToken cancellation)
    {
        const string Section = "monitoring";
        DaemonAccount account = await context.AccountAsync(options.Grantee.Account, cancellation);
        var writer = context.Own(new PatientResultWriter());
        IResultWriter used = options.WriteBack ? writer : new NoResultWriter();
        var shelf = new ResultShelf(context.Store(Section), "monitor", used, TimeSpan.FromHours(options.WriteEveryHours), context.Time);
        var team = new ChainCareTeam(account.Node, [.. options.CareTeam.Select(Address.Parse)]);
        var notify = new NoticeBridge(context.Notifier, account.Keys.Address);
        MonitorDesk desk = context.Own(new MonitorDesk(
            context.Store(Section), options.Rules, options.Notices, notify, team, shelf, account.Keys.Address.ToString(), context.Time));
        GrantFeed feed = await context.GrantsAsync(Section, options.Grantee, [desk], cancellation);
        writer.Use(feed.Session);
        team.TagOf = feed.Session.TagOf;
        desk.RecordsOf = feed.Records;
        desk.Begin(feed.Patients);
        return new MonitoringPart(desk, feed, context.Time);
    }

    /// <inheritdoc/>
    public PartHealth Health() => _trouble.Length > 0 ? new PartHealth(false, _trouble) : new PartHealth(true, $"{_feed.Patients.Count} patients, {_desk.Watched} watched");

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                _trouble = "";
                await _desk.RunAsync(stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested) { return; }
            catch (Exception e) when (e is RpcException or RpcConnectionException or TimeoutException or HttpRequestException or TransactionLostException)
            {
                _trouble = "the node does not answer";
                try { await Task.Delay(Retry, _time, stop); }
                catch (OperationCanceledException) when (stop.IsCancellationRequested) { return; }
            }
        }
    }
}

/// <summary>Hands notices to the daemon's notifications: kinds and nothing else.</summary>
internal sealed class NoticeBridge(INotifier notifier, Address self) : INotify
{
    /// <inheritdoc/>
    public void TellPatient(Address patient, FindingKind kind, bool isUrgent, string key) => notifier.Raise(
        new Notifications.Notice(patient, kind == FindingKind.NoData ? NoticeKind.Reminder : NoticeKind.Finding, key, $"monitoring/{kind}")
        {
            By = self, Urgency = isUrgent ? NoticeUrgency.Urgent : NoticeUrgency.Normal,
        });

    /// <inheritdoc/>
    public void TellCareTeam(Address organisation, Address patient, FindingKind kind, string key) => notifier.Raise(
        new Notifications.Notice(organisation, NoticeKind.Task, $"{key}/{patient}", patient.ToString()) { By = self, Urgency = NoticeUrgency.Urgent });
}

/// <summary>Asks the patient's contract whom it lets read, as a node would before it gave a record.</summary>
internal sealed class ChainCareTeam(NodeConnection node, IReadOnlyList<Address> organisations) : ICareTeam
{
    private static readonly string[] Purposes = ["TREAT", "CAREMGT"];

    /// <summary>The tag of a patient's compartment; set once letters can be opened.</summary>
    public Func<Address, string, Hash?> TagOf { get; set; } = (_, _) => null;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Address>> PermittedAsync(Address patient, string compartment, CancellationToken cancellation)
    {
        if (TagOf(patient, compartment) is not { } tag) return [];
        var permitted = new List<Address>();
        foreach (Address organisation in organisations)
        {
            foreach (string purpose in Purposes)
            {
                string who = organisation.ToString();
                object question = new { requester = who, onBehalfOf = who, action = "read", purpose, tag = tag.ToString() };
                JsonElement decision = await node.ViewAsync(new ContractId("Patient", patient), "decide", [question], cancellation);
                if (!decision.GetProperty("permit").GetBoolean()) continue;
                permitted.Add(organisation);
                break;
            }
        }
        return permitted;
    }
}
