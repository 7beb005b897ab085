using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Common;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Grants;

/// <summary>
/// Follows what patients let one account see: who its customers are, what each permits now, which records there are. Opened records are kept in
/// the patient's partition of the store, sealed; consumers are told of each change. When nothing may be read any more (revoked, expired, denied),
/// the partition is destroyed at once, then consumers are told.
/// </summary>
/// <remarks>
/// Events only say where to look; what counts is what the contract answers. Everybody is looked at again in each sweep, and at the instant at which
/// a provision begins or ends. Looking uses views, which leave no trace; reading is in the patient's access log, as any reader's.
/// </remarks>
public sealed class GrantFeed : IDaemonPart, IDisposable
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1), MaxRetry = TimeSpan.FromMinutes(2);

    private readonly GranteeSession _session;
    private readonly FeedRows _rows;
    private readonly FeedSchedule _schedule;
    private readonly IReadOnlyList<IGrantConsumer> _consumers;
    private readonly FeedOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<GrantFeed> _log;
    private readonly ChainEvents _events;
    private readonly string _account;
    private volatile PartHealth _health = new(true, "starting");
    private volatile bool _sweep = true;
    private int _failing;

    /// <summary>Puts a feed together; it begins when it is run.</summary>
    /// <param name="name">Names it in health.</param>
    /// <param name="session">The account.</param>
    /// <param name="store">Keeps the records, in a partition for each patient: this feed's own, since services do not share what they see.</param>
    /// <param name="events">Events of the chain.</param>
    /// <param name="consumers">Who is told.</param>
    /// <param name="options">How often, how many.</param>
    /// <param name="time">Clock.</param>
    /// <param name="log">Messages without personal data.</param>
    public GrantFeed(
        string name, GranteeSession session, SealedStore store, ChainEvents events, IReadOnlyList<IGrantConsumer> consumers,
        FeedOptions options, TimeProvider time, ILogger<GrantFeed> log)
    {
        (Name, _session, _consumers, _options, _time, _log, _events) = (name, session, consumers, options, time, log, events);
        Store = store;
        _rows = new FeedRows(store);
        _schedule = new FeedSchedule(time, options.MaxPatients);
        _account = session.Account.ToString();
        events.Happened += OnEvent;
        events.Gap += OnGap;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>The service's store, with a partition for each patient, named by the patient's account.</summary>
    public SealedStore Store { get; }

    /// <summary>The session it reads with.</summary>
    public GranteeSession Session => _session;

    /// <summary>The patients whose records are held now.</summary>
    public IReadOnlyList<Address> Patients => _rows.Patients;

    /// <summary>What is held of a patient; null when nothing is. Read before a revocation it is the reader's own to forget.</summary>
    public PatientRecords? Records(Address patient)
    {
        try { return _rows.Has(patient) ? _rows.Records(patient) : null; }
        catch (StoreGoneException) { return null; }
    }

    /// <summary>The partition in which everything that is derived from this patient belongs. It ends with the grant.</summary>
    public SealedStore Partition(Address patient) => _rows.Partition(patient);

    /// <inheritdoc/>
    public PartHealth Health() => _health;

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken stop)
    {
        foreach (Address patient in _rows.Patients.Concat(_rows.Gone)) _schedule.At(patient, _time.GetUtcNow());
        DateTimeOffset nextSweep = _time.GetUtcNow();
        var retry = new Retry(FirstRetry, MaxRetry);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (_sweep || _time.GetUtcNow() >= nextSweep)
                {
                    _sweep = false;
                    await SweepAsync(stop);
                    nextSweep = _time.GetUtcNow() + TimeSpan.FromSeconds(_options.SweepSeconds);
                }
                while (_schedule.Due() is { } patient) await LookAsync(patient, retry, stop);
                await _schedule.WaitAsync(nextSweep, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (IsPassing(e))
            {
                Unwell(e);
                nextSweep = _time.GetUtcNow();
                await WaitAsync(retry.Next(), stop);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _events.Happened -= OnEvent;
        _events.Gap -= OnGap;
        _schedule.Dispose();
    }

    private async Task WaitAsync(TimeSpan delay, CancellationToken stop)
    {
        try { await Task.Delay(delay, _time, stop); }
        catch (OperationCanceledException) { }
    }

    private void OnGap()
    {
        _sweep = true;
        _schedule.Wake();
    }

    private void OnEvent(ChainEvent happened)
    {
        Address? patient = happened.Name switch
        {
            "granted" or "revoked" when Concerns(happened.Data) => Owner(happened.Contract, "Patient/"),
            "registered" or "retired" or "wrapsAdded" when happened.Contract == "Records" && happened.Data.TryGetProperty("owner", out JsonElement owner) => Owner(owner.GetString()!, ""),
            _ => null,
        };
        // New records matter only of patients who are followed; a grant may be a new patient's.
        if (patient is { } who && (happened.Name == "granted" || _schedule.Knows(who))) _schedule.At(who, _time.GetUtcNow());
    }

    private bool Concerns(JsonElement data) =>
        data.TryGetProperty("actor", out JsonElement actor) && actor.TryGetProperty("organisation", out JsonElement organisation) && organisation.GetString() == _account;

    private static Address? Owner(string text, string prefix) =>
        text.StartsWith(prefix, StringComparison.Ordinal) && Address.TryParse(text[prefix.Length..], out Address address) ? address : null;

    private async Task SweepAsync(CancellationToken stop)
    {
        IReadOnlyList<Address> customers = await _session.CustomersAsync(stop);
        DateTimeOffset at = _time.GetUtcNow();
        TimeSpan step = TimeSpan.FromSeconds(1.0 / _options.PatientsPerSecond);
        foreach (Address patient in customers.Union(_schedule.All))
        {
            _schedule.AtLatest(patient, at);
            at += step;
        }
        int left = customers.Count - _schedule.Count;
        if (_failing == 0) _health = left > 0
            ? new PartHealth(false, $"{left} patients above the bound of {_options.MaxPatients} are not followed")
            : new PartHealth(true, $"{_schedule.Count} patients followed");
    }

    private async Task LookAsync(Address patient, Retry retry, CancellationToken stop)
    {
        try
        {
            await FollowAsync(patient, stop);
            if (_failing > 0) _health = new PartHealth(true, $"{_schedule.Count} patients followed");
            _failing = 0;
            retry.Reset();
        }
        catch (StoreGoneException)
        {
            // Destroyed meanwhile, by ourselves: the next look finds nothing there.
            _schedule.At(patient, _time.GetUtcNow());
        }
        catch (Exception e) when (IsPassing(e))
        {
            Unwell(e);
            _schedule.AtLatest(patient, _time.GetUtcNow() + retry.Next());
            if (e is RpcConnectionException or TimeoutException) throw;
        }
    }

    /// <summary>Brings what is kept of a patient in line with what the patient permits now.</summary>
    private async Task FollowAsync(Address patient, CancellationToken stop)
    {
        if (!_rows.Has(patient) && _rows.Gone.Contains(patient)) await TellGoneAsync(patient, stop);
        FeedState state = _rows.State(patient);
        JsonElement[] provisions = await _session.ProvisionsAsync(patient, stop);
        string digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('|', provisions.Select(p => p.GetRawText())))));
        DateTimeOffset now = _time.GetUtcNow();
        bool accessMayDiffer = digest != state.Provisions || (state.Until != 0 && state.Until <= now.ToUnixTimeMilliseconds());
        IReadOnlyList<(string Root, ulong Height, bool Retired)> manifests = await _session.ManifestsAsync(patient, 0, stop);
        int live = manifests.Count(m => !m.Retired) + manifests.Count;
        if (accessMayDiffer || live != state.Manifests)
        {
            if (!await ReadAsync(patient, provisions, digest, live, state, stop)) return;
            state = _rows.State(patient);
        }
        if (state.Told < state.Version)
        {
            PatientRecords records = _rows.Records(patient);
            foreach (IGrantConsumer consumer in _consumers) await consumer.PatientChangedAsync(records, stop);
            _rows.Put(patient, state with { Told = state.Version });
        }
        _schedule.AtLatest(patient, NextLook(state));
    }

    private DateTimeOffset NextLook(FeedState state)
    {
        DateTimeOffset sweep = _time.GetUtcNow() + TimeSpan.FromSeconds(_options.SweepSeconds);
        if (state.Until == 0) return sweep;
        DateTimeOffset until = DateTimeOffset.FromUnixTimeMilliseconds(state.Until);
        return until < sweep ? until : sweep;
    }

    /// <summary>Reads what is new, drops what may not be seen any more. False when nothing may be: then everything is gone.</summary>
    private async Task<bool> ReadAsync(Address patient, JsonElement[] provisions, string digest, int manifests, FeedState state, CancellationToken stop)
    {
        IReadOnlyDictionary<string, string> held = _rows.Tags(patient);
        GrantAccess access = await _session.AccessAsync(patient, provisions, held.Values.Distinct(), stop);
        if (!access.Any)
        {
            await EndAsync(patient, access, stop);
            return false;
        }
        RecordReader reader = await _session.ReaderAsync(patient, stop);
        IReadOnlyList<RecordInfo> listed = await reader.ListAsync([.. access.Tags.Select(Hash.Parse)], null, stop);
        HashSet<string> visible = [.. listed.Select(r => r.RecordId)];
        HashSet<string> dropped = [.. held.Keys.Where(id => !visible.Contains(id))];
        var fresh = await OpenAsync(patient, reader, [.. listed.Where(r => !held.ContainsKey(r.RecordId))], stop);
        bool changed = fresh.Count > 0 || dropped.Count > 0 || state.Version == 0;
        long until = access.Until?.ToUnixTimeMilliseconds() ?? 0;
        _rows.Change(patient, fresh, dropped, state with { Provisions = digest, Manifests = manifests, Version = state.Version + (changed ? 1 : 0), Until = until });
        if (changed) _log.LogInformation("account {Account}: a patient's records changed: {Fresh} new, {Dropped} gone", _account, fresh.Count, dropped.Count);
        return true;
    }

    private async Task<List<(FhirRecord Record, string Tag)>> OpenAsync(Address patient, RecordReader reader, RecordInfo[] wanted, CancellationToken stop)
    {
        var fresh = new List<(FhirRecord, string)>();
        var times = new Dictionary<string, DateTimeOffset>();
        foreach (RecordInfo info in wanted)
        {
            if (!times.ContainsKey(info.Manifest)) times[info.Manifest] = await _session.TimeOfAsync(info.Manifest, stop);
        }
        await foreach (OpenedRecord opened in OpenableAsync(reader, wanted, stop))
        {
            (string type, string id) = ResourceName.Of(opened.Content);
            string compartment = _session.CompartmentOf(patient, opened.Info.Tag) ?? "";
            fresh.Add((new FhirRecord(
                opened.Info.RecordId, type, id, compartment, opened.Content, opened.Info.Author, opened.Info.RegisteredHeight, times[opened.Info.Manifest]), opened.Info.Tag));
        }
        return fresh;
    }

    /// <summary>Opens in bulk; when one has no wrap for us (written before the grant in an epoch that is not shared), one by one, passing those over.</summary>
    private async IAsyncEnumerable<OpenedRecord> OpenableAsync(RecordReader reader, RecordInfo[] wanted, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        const int Batch = 100;
        foreach (RecordInfo[] batch in wanted.Chunk(Batch))
        {
            var opened = new List<OpenedRecord>();
            try
            {
                await foreach (OpenedRecord record in reader.OpenAsync(batch, stop)) opened.Add(record);
            }
            catch (SealException e) when (e.Fault == SealFault.NoKey)
            {
                foreach (RecordInfo info in batch.Skip(opened.Count))
                {
                    try { opened.Add(new OpenedRecord(info, await reader.OpenAsync(info, stop))); }
                    catch (SealException inner) when (inner.Fault == SealFault.NoKey) { _log.LogWarning("account {Account}: a permitted record is not sealed to its keys", _account); }
                }
            }
            foreach (OpenedRecord record in opened) yield return record;
        }
    }

    private async Task EndAsync(Address patient, GrantAccess access, CancellationToken stop)
    {
        if (_rows.Has(patient))
        {
            _rows.Destroy(patient);
            _log.LogInformation("account {Account}: a patient's grant ended; the partition is destroyed", _account);
        }
        _session.Forget(patient);
        if (_rows.Gone.Contains(patient)) await TellGoneAsync(patient, stop);
        if (access.Until is { } begins) _schedule.AtLatest(patient, begins);
        else _schedule.Remove(patient);
    }

    private async Task TellGoneAsync(Address patient, CancellationToken stop)
    {
        foreach (IGrantConsumer consumer in _consumers) await consumer.PatientGoneAsync(patient, stop);
        _rows.Told(patient);
    }

    // A node that is away, behind or wrong; a consumer that asks to be told again. What is left is a fault, and ends the daemon.
    private static bool IsPassing(Exception e) => e is ConsumerRetryException or FormatException || Passing.Is(e);

    private void Unwell(Exception e)
    {
        _failing++;
        string what = Passing.Describe(e);
        _health = new PartHealth(false, $"{what}; trying again");
        _log.LogWarning("account {Account}: {What}; trying again", _account, what);
    }
}

/// <summary>Thrown by a consumer that cannot take what it is told now, and wants to be told again.</summary>
public sealed class ConsumerRetryException(string message) : Exception(message);
