using System.Text.Json;
using System.Threading.Channels;
using Ptoy.Protocol;
using Ptoy.Services.Analytics.Patient;
using Ptoy.Services.Analytics.Service;
using Ptoy.Services.Common;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Monitoring.Service;

/// <summary>Tells people that there is something to see; the owner of notifications brings it to them.</summary>
internal interface INotify
{
    /// <summary>Tells the patient.</summary>
    void TellPatient(Address patient, FindingKind kind, bool isUrgent, string key);

    /// <summary>Tells an organisation of the care team that one of its patients needs looking at.</summary>
    void TellCareTeam(Address organisation, Address patient, FindingKind kind, string key);
}

/// <summary>Whom the patient lets see a compartment.</summary>
internal interface ICareTeam
{
    /// <summary>Of the configured organisations those which the patient's contract lets read this compartment now.</summary>
    Task<IReadOnlyList<Address>> PermittedAsync(Address patient, string compartment, CancellationToken cancellation);
}

/// <summary>
/// Looks at each patient when records change, when a notice falls due, and every few hours, since time alone makes findings. What is remembered, the findings
/// themselves included, is in the patient's partition. Work for one patient is done one after another.
/// </summary>
internal sealed class MonitorDesk(
    SealedStore store, MonitorOptions rules, NoticeOptions notices, INotify notify, ICareTeam team, ResultShelf shelf, string self, TimeProvider time)
    : IGrantConsumer, IDisposable
{
    /// <summary>At the latest so long after the last look.</summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromHours(6);

    private const string Table = "monitoring", StateKey = "state";
    private readonly Dictionary<Address, DateTimeOffset> _due = [];
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly Lock _lock = new();

    /// <summary>The records that are held of a patient; set once the feed is there.</summary>
    public Func<Address, PatientRecords?> RecordsOf { get; set; } = _ => null;

    /// <summary>Patients that are looked at.</summary>
    public int Watched
    {
        get { lock (_lock) return _due.Count; }
    }

    /// <inheritdoc/>
    public async Task PatientChangedAsync(PatientRecords records, CancellationToken cancellation) => await LookAsync(records, cancellation);

    /// <inheritdoc/>
    public Task PatientGoneAsync(Address patient, CancellationToken cancellation)
    {
        lock (_lock) _due.Remove(patient);
        return Task.CompletedTask;
    }

    /// <summary>Begins with these patients, whose turn is now: after a restart nobody is forgotten.</summary>
    public void Begin(IEnumerable<Address> patients)
    {
        DateTimeOffset now = time.GetUtcNow();
        lock (_lock)
        {
            foreach (Address patient in patients) _due.TryAdd(patient, now);
        }
        _changed.Writer.TryWrite(true);
    }

    /// <summary>Looks at patients as they fall due, until told to stop.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            DateTimeOffset now = time.GetUtcNow();
            Address[] due;
            DateTimeOffset? next;
            lock (_lock)
            {
                due = [.. _due.Where(d => d.Value <= now).Select(d => d.Key)];
                next = _due.Count == 0 ? null : _due.Values.Min();
            }
            foreach (Address patient in due) await LookAgainAsync(patient, stop);
            if (due.Length == 0) await WaitAsync(next - now, stop);
        }
    }

    /// <summary>What was last seen of a patient; null when nothing is held.</summary>
    public NoticeState? StateOf(Address patient)
    {
        string owner = patient.ToString();
        if (!store.HasPartition(owner)) return null;
        return store.Partition(owner).Table(Table).Get(StateKey) is { } row ? JsonSerializer.Deserialize<NoticeState>(row) : null;
    }

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();

    private async Task LookAgainAsync(Address patient, CancellationToken cancellation)
    {
        try
        {
            if (RecordsOf(patient) is { } records) await LookAsync(records, cancellation);
            else await PatientGoneAsync(patient, cancellation);
        }
        catch (StoreGoneException)
        {
            // Revoked in this moment: the feed tells us too.
            await PatientGoneAsync(patient, cancellation);
        }
    }

    private async Task LookAsync(PatientRecords records, CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            DateTimeOffset now = time.GetUtcNow();
            MonitorReport report = MonitorRules.Look(records, rules, now, self);
            NoticeStep step = NoticePlan.Step(report.Findings, StateOf(records.Patient) ?? NoticeState.Empty, notices, now);
            // Told before it is remembered: a crash in between tells twice, the other order not at all.
            foreach (Notice notice in step.Notices) await SendAsync(records.Patient, notice, now, cancellation);
            store.Partition(records.Patient.ToString()).Table(Table).Put(StateKey, JsonSerializer.SerializeToUtf8Bytes(step.State));
            DateTimeOffset? write = await shelf.PutAsync(records.Patient, Documents(records.Patient, report, now), cancellation);
            DateTimeOffset next = now + LookEvery;
            foreach (DateTimeOffset? at in new[] { step.NextAt, write })
            {
                if (at < next) next = at.Value;
            }
            lock (_lock) _due[records.Patient] = next;
            _changed.Writer.TryWrite(true);
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task SendAsync(Address patient, Notice notice, DateTimeOffset now, CancellationToken cancellation)
    {
        // Kind and time only: nothing that says what.
        string key = $"monitoring/{notice.Kind}/{now.ToUnixTimeMilliseconds()}";
        if (!notice.ToCareTeam)
        {
            notify.TellPatient(patient, notice.Kind, notice.IsUrgent, key);
            return;
        }
        foreach (Address organisation in await team.PermittedAsync(patient, notice.Compartment, cancellation)) notify.TellCareTeam(organisation, patient, notice.Kind, key);
    }

    // One document a compartment: a goal's findings are for those who may see goals.
    private static IReadOnlyList<ResultDocument> Documents(Address patient, MonitorReport report, DateTimeOffset now) =>
        [.. report.Findings.Select(f => f.Compartment).Concat(report.Goals.Select(g => g.Compartment))
            .Where(Protocol.Records.Compartments.Names.Contains).Distinct().Order(StringComparer.Ordinal).Select(compartment =>
            {
                var part = new MonitorReport([.. report.Goals.Where(g => g.Compartment == compartment)], [.. report.Findings.Where(f => f.Compartment == compartment)]);
                byte[] content = JsonSerializer.SerializeToUtf8Bytes(part, SeriesResult.Json);
                return ResultDocuments.Wrap(patient, compartment, "monitoring", "Monitoring: goals and findings", ResultDocuments.MonitorType, content, now);
            })];

    private async Task WaitAsync(TimeSpan? delay, CancellationToken stop)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task change = _changed.Reader.WaitToReadAsync(ended.Token).AsTask();
        Task clock = delay is { } wait ? Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, time, ended.Token) : Task.Delay(Timeout.InfiniteTimeSpan, time, ended.Token);
        await Task.WhenAny(change, clock);
        await ended.CancelAsync();
        try { await Task.WhenAll(change, clock); }
        catch (OperationCanceledException) { stop.ThrowIfCancellationRequested(); }
        while (_changed.Reader.TryRead(out _)) { }
    }
}
