using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Ptoy.Services.Common;
using Ptoy.Services.Fraud.Detectors;
using Ptoy.Services.Fraud.Scoring;

namespace Ptoy.Services.Fraud.Review;

/// <summary>
/// What people are to look at: at most so many new matters a day, the most probable first. Everything an alert says about a patient lies in that patient's partition
/// of the store (an alert about several is cut into as many parts), so destroying the partition takes it away; what is left of such an alert is removed too, and comes
/// back by the next scan if it still stands without that patient. Safe for concurrent use.
/// </summary>
internal sealed class ReviewQueue
{
    /// <summary>Most alerts that wait; weaker ones are dropped, and found again by a later scan if there is room then.</summary>
    public const int MostWaiting = 2000;

    /// <summary>Most days' budgets that lie open; then nothing new is opened until reviewers have caught up.</summary>
    public const int MostOpenDays = 14;

    /// <summary>Days for which decided alerts are kept.</summary>
    public const int KeptDays = 400;

    private const string Parts = "fraud-alerts";
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private readonly SealedStore _store;
    private readonly SealedTable _heads, _feedbackTable;
    private readonly int _dailyBudget;
    private readonly byte[] _idKey;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Feedback> _feedback = new(StringComparer.Ordinal);

    /// <summary>Opens the queue and drops what a revocation had cut while the service was down.</summary>
    /// <param name="store">The service's store.</param>
    /// <param name="dailyBudget">Most new matters a day.</param>
    /// <param name="idKey">Alert ids are keyed hashes, so that an id tells nobody whom it is about.</param>
    public ReviewQueue(SealedStore store, int dailyBudget, byte[] idKey)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dailyBudget, 1);
        (_store, _dailyBudget, _idKey, _heads, _feedbackTable) = (store, dailyBudget, idKey, store.Table("fraud-heads"), store.Table("fraud-feedback"));
        foreach ((string kind, byte[] value) in _feedbackTable.Scan()) _feedback[kind] = JsonSerializer.Deserialize<Feedback>(value, Json)!;
        Load();
    }

    // Without a patient: nothing here says whom an alert is about.
    private sealed record Head(string Kind, double Probability, AlertState State, DateTimeOffset FoundOn, DateOnly? OpenedOn, int Patients, int Records);

    private sealed record Part(string Why, string Fold, IReadOnlyList<string> Records);

    private sealed record Entry(string Id, Head Head, string Why, string Fold, IReadOnlyList<AlertRecord> Records)
    {
        public Alert ToAlert() => new(Id, Head.Kind, Head.Probability, Head.State, Head.FoundOn, Head.OpenedOn, Why, Records);
    }

    /// <summary>How many are before reviewers, and how many wait.</summary>
    public (int Open, int Waiting) Counts
    {
        get
        {
            lock (_lock) return (_entries.Values.Count(e => e.Head.State == AlertState.Open), _entries.Values.Count(e => e.Head.State == AlertState.Waiting));
        }
    }

    /// <summary>True when nothing new is opened until reviewers have caught up.</summary>
    public bool IsFull => Counts.Open >= _dailyBudget * MostOpenDays;

    /// <summary>What reviewers' decisions add to the log-odds of a kind.</summary>
    public double ShiftOf(string kind)
    {
        lock (_lock) return _feedback.GetValueOrDefault(kind, Feedback.None).Shift;
    }

    /// <summary>Alerts in a state, the most probable first; null: all.</summary>
    public IReadOnlyList<Alert> List(AlertState? state = null)
    {
        lock (_lock) return [.. _entries.Values.Where(e => state is null || e.Head.State == state).OrderByDescending(e => e.Head.Probability).ThenBy(e => e.Id, StringComparer.Ordinal).Select(e => e.ToAlert())];
    }

    /// <summary>One alert. Throws <see cref="AlertException"/>.</summary>
    public Alert Get(string id)
    {
        lock (_lock) return Find(id).ToAlert();
    }

    /// <summary>
    /// Takes a scan's ranking: new matters wait, known ones are brought up to date, waiting ones that are found no more go; then the day's budget is filled. What was dismissed
    /// stays so, unless there is at least twice as much behind it now. Returns how many were opened.
    /// </summary>
    public int Offer(IReadOnlyList<Finding> ranking, DateTimeOffset now)
    {
        lock (_lock)
        {
            var found = new HashSet<string>(StringComparer.Ordinal);
            foreach (Finding finding in ranking.Take(MostWaiting))
            {
                string id = IdOf(finding.Candidate);
                found.Add(id);
                if (_entries.TryGetValue(id, out Entry? known)) Renew(known, finding, now);
                else Save(Make(id, finding, new Head(finding.Candidate.Kind, finding.Probability, AlertState.Waiting, now, null, 0, 0)));
            }
            foreach (Entry gone in _entries.Values.Where(e => e.Head.State == AlertState.Waiting && !found.Contains(e.Id)).ToArray()) Remove(gone, exceptOwner: null);
            foreach (Entry old in _entries.Values.Where(e => e.Head.State >= AlertState.Confirmed && now - e.Head.FoundOn > TimeSpan.FromDays(KeptDays)).ToArray()) Remove(old, exceptOwner: null);
            return Open(DateOnly.FromDateTime(now.UtcDateTime));
        }
    }

    /// <summary>A reviewer's decision about an open alert. Throws <see cref="AlertException"/>.</summary>
    public Alert Decide(string id, bool confirm)
    {
        lock (_lock)
        {
            Entry entry = Find(id);
            if (entry.Head.State != AlertState.Open)
                throw new AlertException(entry.Head.State == AlertState.Waiting ? $"alert {id} waits for its day and is not open yet" : $"alert {id} was {entry.Head.State.ToString().ToLowerInvariant()} before");
            Feedback feedback = _feedback.GetValueOrDefault(entry.Head.Kind, Feedback.None).With(confirm, entry.Head.Probability);
            Entry decided = entry with { Head = entry.Head with { State = confirm ? AlertState.Confirmed : AlertState.Dismissed } };
            _store.Write(batch =>
            {
                batch.Put(_heads, id, JsonSerializer.SerializeToUtf8Bytes(decided.Head, Json));
                batch.Put(_feedbackTable, entry.Head.Kind, JsonSerializer.SerializeToUtf8Bytes(feedback, Json));
            });
            (_entries[id], _feedback[entry.Head.Kind]) = (decided, feedback);
            return decided.ToAlert();
        }
    }

    /// <summary>Removes every alert that has anything to do with a patient, decided ones too, or those of some kinds. The patient's partition may be gone already. Returns how many.</summary>
    public int Forget(string patient, Func<string, bool>? kinds = null)
    {
        lock (_lock)
        {
            Entry[] about = [.. _entries.Values.Where(e => (kinds is null || kinds(e.Head.Kind)) && e.Records.Any(r => r.Patient == patient))];
            foreach (Entry entry in about) Remove(entry, exceptOwner: _store.HasPartition(patient) ? null : patient);
            return about.Length;
        }
    }

    private void Renew(Entry known, Finding finding, DateTimeOffset now)
    {
        bool again = known.Head.State == AlertState.Dismissed && finding.Candidate.Evidence.Count >= 2 * known.Head.Records;
        if (known.Head.State is AlertState.Confirmed || (known.Head.State is AlertState.Dismissed && !again)) return;
        Head head = again ? known.Head with { State = AlertState.Waiting, FoundOn = now, OpenedOn = null } : known.Head;
        Entry renewed = Make(known.Id, finding, head with { Probability = finding.Probability });
        // Records compare by content here: an unchanged alert costs no write.
        if (renewed.Head == known.Head && renewed.Why == known.Why && renewed.Records.SequenceEqual(known.Records)) return;
        Save(renewed, known.Records.Select(r => r.Patient));
    }

    private static Entry Make(string id, Finding finding, Head head)
    {
        AlertRecord[] records = [.. finding.Candidate.Evidence.Select(e => new AlertRecord(e.Id, e.Patient)).OrderBy(r => r.Patient, StringComparer.Ordinal)];
        return new Entry(id, head with { Patients = records.Select(r => r.Patient).Distinct().Count(), Records = records.Length }, finding.Candidate.Why, finding.Candidate.Fold, records);
    }

    private int Open(DateOnly today)
    {
        int opened = _entries.Values.Count(e => e.Head.OpenedOn == today), room = Math.Max(0, (_dailyBudget * MostOpenDays) - _entries.Values.Count(e => e.Head.State == AlertState.Open));
        int places = Math.Min(_dailyBudget - opened, room);
        if (places <= 0) return 0;
        Entry[] next = [.. _entries.Values.Where(e => e.Head.State == AlertState.Waiting).OrderByDescending(e => e.Head.Probability).ThenBy(e => e.Id, StringComparer.Ordinal).Take(places)];
        foreach (Entry entry in next) Save(entry with { Head = entry.Head with { State = AlertState.Open, OpenedOn = today } });
        return next.Length;
    }

    private Entry Find(string id) => _entries.TryGetValue(id, out Entry? entry) ? entry : throw new AlertException($"there is no alert '{id}'");

    private void Save(Entry entry, IEnumerable<string>? before = null)
    {
        _store.Write(batch =>
        {
            foreach (string patient in before?.Distinct().Except(entry.Records.Select(r => r.Patient)) ?? [])
                if (_store.HasPartition(patient)) batch.Delete(_store.Partition(patient).Table(Parts), entry.Id);
            foreach (IGrouping<string, AlertRecord> part in entry.Records.GroupBy(r => r.Patient))
                batch.Put(_store.Partition(part.Key).Table(Parts), entry.Id, JsonSerializer.SerializeToUtf8Bytes(new Part(entry.Why, entry.Fold, [.. part.Select(r => r.Record)]), Json));
            batch.Put(_heads, entry.Id, JsonSerializer.SerializeToUtf8Bytes(entry.Head, Json));
        });
        _entries[entry.Id] = entry;
    }

    private void Remove(Entry entry, string? exceptOwner)
    {
        _store.Write(batch =>
        {
            foreach (string patient in entry.Records.Select(r => r.Patient).Distinct().Where(p => p != exceptOwner))
                if (_store.HasPartition(patient)) batch.Delete(_store.Partition(patient).Table(Parts), entry.Id);
            batch.Delete(_heads, entry.Id);
        });
        _entries.Remove(entry.Id);
    }

    private void Load()
    {
        var parts = new Dictionary<string, List<(string Patient, Part Part)>>(StringComparer.Ordinal);
        foreach (string owner in _store.Owners)
        {
            foreach ((string id, byte[] value) in _store.Partition(owner).Table(Parts).Scan())
            {
                if (!parts.TryGetValue(id, out List<(string, Part)>? list)) parts[id] = list = [];
                list.Add((owner, JsonSerializer.Deserialize<Part>(value, Json)!));
            }
        }
        var heads = _heads.Scan().ToDictionary(h => h.Key, h => JsonSerializer.Deserialize<Head>(h.Value, Json)!, StringComparer.Ordinal);
        foreach (string id in parts.Keys.Union(heads.Keys).ToArray())
        {
            List<(string Patient, Part Part)> found = parts.GetValueOrDefault(id, []);
            AlertRecord[] records = [.. found.SelectMany(f => f.Part.Records.Select(r => new AlertRecord(r, f.Patient))).OrderBy(r => r.Patient, StringComparer.Ordinal)];
            Head head = heads.GetValueOrDefault(id) ?? new Head("", 0, AlertState.Waiting, default, null, -1, 0);
            var entry = new Entry(id, head, found.Count > 0 ? found[0].Part.Why : "", found.Count > 0 ? found[0].Part.Fold : "", records);
            // Cut by a revocation: what is left would still speak of who is gone.
            if (found.Count != head.Patients) Remove(entry, exceptOwner: null);
            else _entries[id] = entry;
        }
    }

    /// <summary>The same matter has the same id.</summary>
    private string IdOf(Candidate candidate) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(_idKey, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"ptoy/fraud-alert/v1\n{candidate.Kind}\n{candidate.Fold}"))).AsSpan(0, 6));
}
