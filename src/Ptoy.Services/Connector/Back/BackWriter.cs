using System.Globalization;
using System.Threading.Channels;

namespace Ptoy.Services.Connector.Back;

/// <summary>A resource that the EHR refused too often: for its people to look at.</summary>
/// <param name="Patient">The patient's account.</param>
/// <param name="Author">Who wrote it.</param>
/// <param name="Type">FHIR resource type.</param>
/// <param name="Problem">What the EHR said, without content.</param>
public sealed record BackFailure(string Patient, string Author, string Type, string Problem);

/// <summary>
/// Delivers what waits in the outbox, patient by patient. A transaction that the EHR refuses is taken apart, so that one bad resource holds up no
/// other; what is refused again and again is listed. A patient who ended the grant is passed over.
/// </summary>
internal sealed class BackWriter(BackOptions options, BackOutbox outbox, IBackTarget target, Func<string, string?> ehrPatientOf, ILogger log)
{
    private readonly Channel<string> _changed = Channel.CreateBounded<string>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>False while the EHR is away.</summary>
    public bool TargetOk { get; private set; } = true;

    /// <summary>How many resources are for people.</summary>
    public int Refused => outbox.Patients.Sum(p => outbox.Rows(p).Count(r => IsFailed(r.Row)));

    /// <summary>What is for people.</summary>
    public IReadOnlyList<BackFailure> Failures() =>
        [.. outbox.Patients.SelectMany(p => outbox.Rows(p).Where(r => IsFailed(r.Row)).Select(r => new BackFailure(p, r.Row.Author, r.Row.Type, r.Row.Problem ?? "")))];

    /// <summary>Tries what is listed again.</summary>
    public void TryAgain()
    {
        foreach (string patient in outbox.Patients) outbox.TryAgain(patient, [.. outbox.Rows(patient).Where(r => IsFailed(r.Row))]);
        Wake();
    }

    /// <summary>There is something new in the outbox.</summary>
    public void Wake() => _changed.Writer.TryWrite("");

    /// <summary>Waits until there is something new, at most for a time.</summary>
    public async Task WaitAsync(TimeSpan atMost, TimeProvider time, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var timer = time.CreateTimer(_ => limit.Cancel(), null, atMost, Timeout.InfiniteTimeSpan);
        try { await _changed.Reader.ReadAsync(limit.Token); }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested) { return; }
    }

    /// <summary>Delivers everything that can be delivered now; returns how many resources the EHR took.</summary>
    public async Task<int> DeliverAsync(CancellationToken cancellation)
    {
        int delivered = 0;
        try
        {
            foreach (string patient in outbox.Patients) delivered += await DeliverAsync(patient, cancellation);
            TargetOk = true;
        }
        catch (BackAwayException e)
        {
            TargetOk = false;
            log.LogWarning("back to the EHR: {Problem}; trying again later", e.Message);
        }
        return delivered;
    }

    private async Task<int> DeliverAsync(string patient, CancellationToken cancellation)
    {
        if (ehrPatientOf(patient) is not { } ehrPatient) return 0;
        IReadOnlyList<(string Key, BackRow Row)> rows = outbox.Rows(patient);
        Dictionary<string, BackRow> byKey = rows.ToDictionary(r => r.Key, r => r.Row);
        var waiting = new List<BackRecord>();
        foreach ((string key, BackRow row) in rows)
        {
            if (row.Delivered || IsFailed(row) || outbox.BytesOf(patient, key) is not { } bytes) continue;
            waiting.Add(new BackRecord(row.Author, row.Type, row.Id, bytes, row.Before));
        }
        int delivered = 0;
        foreach (BackRecord[] part in BackBundle.InOrder(waiting).Chunk(options.PerTransaction))
            delivered += await DeliverAsync(patient, ehrPatient, part, byKey, cancellation);
        if (delivered > 0) log.LogInformation("back to the EHR: {Count} resources of account {Account}", delivered, patient);
        return delivered;
    }

    private async Task<int> DeliverAsync(string patient, string ehrPatient, BackRecord[] part, Dictionary<string, BackRow> rows, CancellationToken cancellation)
    {
        // The grant may have ended since: then there is nothing to say any more.
        if (!outbox.Patients.Contains(patient)) return 0;
        (string Key, BackRow Row)[] places = [.. part.Select(r => (r.Key, rows[r.Key]))];
        try
        {
            byte[] transaction = BackBundle.Make(part, ehrPatient, key => rows.TryGetValue(key, out BackRow? row) && (row.Delivered || row.Before) ? row.Type : null);
            await target.DeliverAsync(transaction, cancellation);
        }
        catch (Exception e) when (e is BackRefusedException or FormatException)
        {
            if (part.Length == 1)
            {
                outbox.Refused(patient, places, e.Message);
                log.LogWarning("back to the EHR: a {Type} was refused: {Problem}", part[0].Type, e.Message);
                return 0;
            }
            int taken = 0;
            foreach (BackRecord record in part) taken += await DeliverAsync(patient, ehrPatient, [record], rows, cancellation);
            return taken;
        }
        outbox.Delivered(patient, places);
        foreach ((string key, BackRow row) in places) rows[key] = row with { Delivered = true };
        return part.Length;
    }

    private bool IsFailed(BackRow row) => row.Refusals >= options.MaxRefusals;

    /// <summary>For the operator.</summary>
    public string Describe()
    {
        (string Key, BackRow Row)[] all = [.. outbox.Patients.SelectMany(outbox.Rows)];
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{all.Count(r => r.Row.Delivered)} resources delivered, {all.Count(r => !r.Row.Delivered && !IsFailed(r.Row))} wait, {all.Count(r => IsFailed(r.Row))} refused");
    }
}
