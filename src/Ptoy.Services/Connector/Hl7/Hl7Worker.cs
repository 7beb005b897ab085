using Ptoy.Services.Common;
using Ptoy.Services.Connector.Hl7.Mapping;
using Ptoy.Services.Connector.Hl7.Parsing;
using Ptoy.Services.Connector.Hl7.Rules;
using Ptoy.Services.Connector.Hl7.State;

namespace Ptoy.Services.Connector.Hl7;

/// <summary>
/// Works on acknowledged messages, one after the other in the order in which they came: maps them, hands them to the intake, and only then
/// takes them off the spool, together with what is known now. A crash between repeats the message: it maps to the same bytes, which the
/// intake knows. A message that cannot be mapped is kept for staff and the next one goes on.
/// </summary>
internal sealed class Hl7Worker(
    Hl7Store store, Hl7Inbox inbox, Tally tally, MessageRules rules, MessageMapper mapper, IIntake intake, Hl7Options options,
        TimeProvider time, ILogger log)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private DateOnly _pruned;

    /// <summary>Why work stands still, or null.</summary>
    public string? Stuck { get; private set; }

    /// <summary>Works until told to stop.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (true)
        {
            await inbox.NewsAsync(stop);
            while (inbox.TryNext(out (long Number, int Bytes) next))
            {
                await HandleAsync(next.Number, stop);
                inbox.Done(next.Bytes);
            }
            Prune();
        }
    }

    private async Task HandleAsync(long number, CancellationToken stop)
    {
        if (store.Find(number) is not { } found) return;
        string kind = "not readable";
        try
        {
            Hl7Message message = Hl7Parser.Parse(found.Message);
            kind = Hl7Inbox.KindOf(message);
            if (rules.Check(message) is { } refused)
                Keep(number, new KeptLine(number, KeptBecause.NotTaken, kind, found.Time, refused.ToString()));
            else await MapAsync(number, found.Message, message, kind, found.Time, stop);
        }
        catch (Exception e) when (e is not (
            OperationCanceledException or IOException or InvalidDataException or StoreGoneException or OutOfMemoryException))
        {
            // Acknowledged is acknowledged: what this program cannot map, staff must be able to find.
            log.LogError("hl7: message {Number} ({Kind}) could not be mapped: {Problem} at {Place}", number, kind, e.GetType().Name,
                e.TargetSite?.Name);
            Keep(number, new KeptLine(number, KeptBecause.Failed, kind, found.Time, $"could not be mapped: {e.GetType().Name}"));
        }
    }

    private void Keep(long number, KeptLine line)
    {
        store.Finish(number, new Finished(new Dictionary<string, string[]>(), tally.Count([$"failed/{line.Kind}"]), [line], Keep: true));
        inbox.Kept();
    }

    private async Task MapAsync(long number, byte[] bytes, Hl7Message message, string kind, DateTimeOffset came, CancellationToken stop)
    {
        var fresh = new Dictionary<string, string[]>(StringComparer.Ordinal);
        string[]? Known(string patient, string key) => fresh.TryGetValue(Hl7Store.KnownKey(patient, key), out string[]? now) ? now
            : store.Known(patient, key);

        var lines = new List<KeptLine>();
        var counted = new List<string> { $"mapped/{kind}" };
        foreach (MappedPatient patient in mapper.Map(message, bytes, (who, key) => Known(who.Text, key)))
        {
            await TakeAsync(patient.Patient.Text, patient.Resources, counted, stop);
            foreach ((string key, string[] fields) in patient.Fresh) fresh[Hl7Store.KnownKey(patient.Patient.Text, key)] = fields;
            NoteAuthority(patient, Known, fresh);
            foreach (PlannedMerge merge in patient.Merges)
            {
                string? review = store.IsApproved(number) ? null : MergeRules.Doubt(merge, Known);
                review ??= await MergeAsync(merge, Known, fresh, counted, stop);
                if (review is null) continue;
                lines.Add(new KeptLine(number, KeptBecause.Review, kind, came, review));
                counted.Add("merge/review");
            }
        }
        counted.AddRange(NotMapped.Of(message));
        store.Finish(number, new Finished(fresh, tally.Count(counted), lines, Keep: lines.Count > 0));
        if (lines.Count > 0) inbox.Kept();
    }

    private async Task TakeAsync(string patient, IReadOnlyList<MappedResource> resources, List<string> counted, CancellationToken stop)
    {
        // Resources first: the original is kept with what it became, and known by its digest, so its place in the list does not matter.
        var batch = new IntakeBatch(options.Source, patient,
            [.. resources.Select(r => new IntakeResource(r.Bytes, r.Type, r.Id, r.Compartment))]) { IsCurrent = true };
        while (true)
        {
            try
            {
                IntakeOutcome outcome = await intake.TakeAsync(batch, stop);
                Stuck = null;
                counted.AddRange(Enumerable.Repeat("resources stored", outcome.Stored));
                return;
            }
            catch (IntakeFullException e)
            {
                if (Stuck is null) log.LogWarning("hl7: the intake is full, work waits: {Problem}", e.Message);
                Stuck = "the intake is full: is the hospital's node up?";
                await Task.Delay(Pause, time, stop);
            }
        }
    }

    /// <summary>Merges two numbers. Null when that ended right; else why it is for staff.</summary>
    private async Task<string?> MergeAsync(
        PlannedMerge merge, Func<string, string, string[]?> known, Dictionary<string, string[]> fresh, List<string> counted,
        CancellationToken stop)
    {
        MergeOutcome outcome = await intake.MergeAsync(options.Source, merge.From.Text, merge.Into.Text, stop);
        counted.Add($"merge/{outcome.Result.ToString().ToLowerInvariant()}");
        if (outcome.Result == MergeResult.Review) return $"merge: {outcome.Reason ?? "for staff to decide"}";
        string[] links = known(merge.Into.Text, "links") ?? [];
        string old = mapper.PatientId(merge.From);
        if (links.Contains(old)) return null;
        fresh[Hl7Store.KnownKey(merge.Into.Text, "links")] = [.. links, old];
        MappedResource survivor = mapper.Survivor(merge.Into, key => known(merge.Into.Text, key));
        await TakeAsync(merge.Into.Text, [survivor], counted, stop);
        return null;
    }

    /// <summary>Remembers under which authorities a number is known, to notice when a merge does not say which one it means.</summary>
    private static void NoteAuthority(MappedPatient patient, Func<string, string, string[]?> known, Dictionary<string, string[]> fresh)
    {
        string number = MergeRules.ByNumber(patient.Patient.Number);
        string[] authorities = known(number, "authorities") ?? [];
        if (!authorities.Contains(patient.Patient.Authority) && authorities.Length < MergeRules.MaxAuthorities)
            fresh[Hl7Store.KnownKey(number, "authorities")] = [.. authorities, patient.Patient.Authority];
    }

    private void Prune()
    {
        const int AtOnce = 10_000;
        DateTimeOffset now = time.GetUtcNow();
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        if (today == _pruned) return;
        if (store.Prune(now - TimeSpan.FromDays(options.RememberDays), AtOnce) < AtOnce) _pruned = today;
    }
}
