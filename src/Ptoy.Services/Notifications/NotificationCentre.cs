using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Services.Common;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Notifications;

/// <summary>Deliveries to one person by one channel that are due together.</summary>
internal sealed record DueDeliveries(Address Person, string Channel, string Target, IReadOnlyList<DeliveryRow> Deliveries, IReadOnlyList<NoticeItem> Notices);

/// <summary>
/// Takes notices, remembers each once, and says what is due to be sent to whom. Everything is on disk before it is acknowledged; a delivery leaves the
/// disk when it has arrived, so each arrives at least once, and its id is the same each time. Safe for concurrent use.
/// </summary>
public sealed class NotificationCentre : INotifier, IDisposable
{
    /// <summary>Channel by e-mail.</summary>
    public const string Email = "email";

    /// <summary>Channel by webhook.</summary>
    public const string Webhook = "webhook";

    /// <summary>Most notices in one message.</summary>
    public const int MaxTogether = 50;

    private const int MaxText = 200;
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(30), MaxRetry = TimeSpan.FromHours(6);

    private readonly NotificationOptions _options;
    private readonly NotificationRows _rows;
    private readonly TimeProvider _time;
    private readonly RandomNumberGenerator _random = RandomNumberGenerator.Create();
    private readonly RateLimiter _codes;
    private readonly PriorityQueue<(Address Person, string Channel), long> _due = new();
    private readonly Lock _lock = new();
    private readonly Meter _meter = new("Ptoy.Notifications");
    private readonly Counter<long> _raised, _delivered, _failed, _dead, _left;
    private TaskCompletionSource _change = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Puts the centre together and takes up what was waiting.</summary>
    public NotificationCentre(NotificationOptions options, SealedStore store, TimeProvider time)
    {
        (_options, _time) = (options, time);
        _rows = new NotificationRows(store);
        _codes = new RateLimiter(time, 5, TimeSpan.FromHours(1));
        _raised = _meter.CreateCounter<long>("ptoy.notifications.raised");
        _delivered = _meter.CreateCounter<long>("ptoy.notifications.delivered");
        _failed = _meter.CreateCounter<long>("ptoy.notifications.failed");
        _dead = _meter.CreateCounter<long>("ptoy.notifications.dead");
        _left = _meter.CreateCounter<long>("ptoy.notifications.left_out");
        foreach (Address person in _rows.People)
        {
            foreach (DeliveryRow delivery in _rows.Waiting(person)) _due.Enqueue((person, delivery.Channel), delivery.DueMs);
        }
    }

    /// <summary>People with preferences.</summary>
    public IReadOnlyList<Address> People => [.. _rows.People];

    /// <summary>What a person has set.</summary>
    public NotificationState State(Address person) => _rows.Find(person) is { } row ? new NotificationState(row.Preferences, row.EmailConfirmed) : new NotificationState(null, false);

    /// <summary>
    /// Sets preferences; null forgets the person. When the e-mail address is new, the code that has to come back from it is returned, to be sent there.
    /// Throws <see cref="FieldException"/>, <see cref="RateLimitException"/>.
    /// </summary>
    public string? Set(Address person, NotificationPreferences? preferences)
    {
        lock (_lock)
        {
            if (preferences is null)
            {
                _rows.End(person);
                return null;
            }
            PreferenceRules.Check(preferences);
            if (preferences.Email is not null && _options.Smtp is null) throw new FieldException("email", "this service sends no e-mail");
            PersonRow? before = _rows.Find(person);
            if (before is null && _rows.Count >= _options.MaxPeople) throw new RateLimitException("people with preferences");
            bool known = preferences.Email is null || (before is { EmailConfirmed: true } && before.Preferences.Email == preferences.Email);
            if (!known && (!_codes.TryTake(person.ToString()) || !_codes.TryTake(preferences.Email!))) throw new RateLimitException("codes by e-mail");
            OneTimeCode? code = known ? null : OneTimeCode.Create(_random, _time.GetUtcNow());
            _rows.Put(person, new PersonRow(preferences, known && preferences.Email is not null, code, before?.Next ?? 1));
            return code?.Text;
        }
    }

    /// <summary>The code that came by e-mail. Throws <see cref="FieldException"/> when it is not right.</summary>
    public NotificationState Confirm(Address person, string code)
    {
        lock (_lock)
        {
            if (_rows.Find(person) is not { Code: { } expected } row) throw new FieldException("code", "none was sent");
            (string handle, string secret) = OneTimeCode.Parse(code) ?? ("", "");
            (CodeOutcome outcome, OneTimeCode next) = expected.Try(secret, _time.GetUtcNow(), handle == expected.Handle);
            bool right = outcome == CodeOutcome.Right;
            _rows.Put(person, row with { Code = right ? null : next, EmailConfirmed = right });
            return right ? State(person) : throw new FieldException("code", outcome is CodeOutcome.Wrong ? "not right" : "it has ended: set the address again");
        }
    }

    /// <inheritdoc/>
    public bool Raise(Notice notice)
    {
        if (notice.Key.Length is 0 or > MaxText) throw new ArgumentException($"a notice's key has 1 to {MaxText} characters", nameof(notice));
        if (notice.Reference.Length > MaxText) throw new ArgumentException($"a notice's reference has at most {MaxText} characters", nameof(notice));
        lock (_lock)
        {
            if (_rows.Find(notice.To) is not { } person || !PreferenceRules.Wants(person.Preferences, notice.Kind) || _rows.Seen(notice.To, notice.Key)) return false;
            DateTimeOffset now = _time.GetUtcNow();
            long due = PreferenceRules.SendAt(person.Preferences, now, notice.Urgency).ToUnixTimeMilliseconds();
            var row = new NoticeRow(person.Next, notice.Key, notice.Kind, notice.Reference, notice.By?.ToString(), now.ToUnixTimeMilliseconds(), notice.Urgency == NoticeUrgency.Urgent);
            DeliveryRow[] deliveries = [.. Channels(person).Select(c => new DeliveryRow(c, row.Sequence, 0, due))];
            int waiting = deliveries.Length == 0 ? 0 : _rows.Waiting(notice.To).Count;
            if (waiting + deliveries.Length > _options.MaxWaiting * Math.Max(1, deliveries.Length))
            {
                _left.Add(deliveries.Length);
                deliveries = [];
            }
            _rows.Add(notice.To, person with { Next = person.Next + 1 }, row, deliveries, _options.MaxInbox);
            foreach (DeliveryRow delivery in deliveries) _due.Enqueue((notice.To, delivery.Channel), delivery.DueMs);
            _raised.Add(1);
            Changed();
            return true;
        }
    }

    /// <summary>Notices after a sequence number, oldest first.</summary>
    public IReadOnlyList<NoticeItem> Inbox(Address person, long after)
    {
        const int Most = 100;
        return [.. _rows.Inbox(person, after, Most).Select(n => Item(person, n))];
    }

    /// <summary>Completes when something was raised or put off after this was read.</summary>
    public Task Change
    {
        get { lock (_lock) return _change.Task; }
    }

    /// <summary>What could not be delivered.</summary>
    public IReadOnlyList<DeadLetter> DeadLetters()
    {
        const int Most = 1_000;
        return [.. _rows.People.SelectMany(_rows.Dead).OrderBy(d => d.Time).TakeLast(Most)];
    }

    /// <summary>When the next delivery is due; null: none waits.</summary>
    internal DateTimeOffset? NextDue
    {
        get { lock (_lock) return _due.TryPeek(out _, out long due) ? DateTimeOffset.FromUnixTimeMilliseconds(due) : null; }
    }

    /// <summary>The deliveries of one person and channel that are due now; null: none.</summary>
    internal DueDeliveries? TakeDue()
    {
        lock (_lock)
        {
            long now = _time.GetUtcNow().ToUnixTimeMilliseconds();
            while (_due.TryPeek(out (Address Person, string Channel) who, out long due) && due <= now)
            {
                _due.Dequeue();
                DeliveryRow[] ready = [.. _rows.Waiting(who.Person).Where(d => d.Channel == who.Channel && d.DueMs <= now).Take(MaxTogether)];
                if (ready.Length == 0 || _rows.Find(who.Person) is not { } person) continue;
                var notices = ready.Select(d => _rows.Notice(who.Person, d.Sequence)).OfType<NoticeRow>().Select(n => Item(who.Person, n)).ToArray();
                string? target = Target(person, who.Channel);
                var found = new DueDeliveries(who.Person, who.Channel, target ?? "", ready, notices);
                if (target is not null && notices.Length > 0) return found;
                // The person has taken the channel away, or so much came meanwhile that the notices are not kept any more.
                if (target is null) _rows.Delivered(who.Person, ready);
                else Failed(found, "the notice is older than what is kept", forGood: true);
            }
            return null;
        }
    }

    /// <summary>They have arrived.</summary>
    internal void Delivered(DueDeliveries done)
    {
        lock (_lock)
        {
            _delivered.Add(done.Deliveries.Count);
            if (_rows.Has(done.Person)) _rows.Delivered(done.Person, done.Deliveries);
        }
    }

    /// <summary>They have not: tried again later, or given up.</summary>
    internal void Failed(DueDeliveries failed, string problem, bool forGood)
    {
        lock (_lock)
        {
            if (!_rows.Has(failed.Person)) return;
            DateTimeOffset now = _time.GetUtcNow();
            var later = new List<DeliveryRow>();
            var dead = new List<DeadLetter>();
            foreach (DeliveryRow delivery in failed.Deliveries)
            {
                int attempts = delivery.Attempts + 1;
                if (forGood || attempts >= _options.MaxAttempts) dead.Add(new DeadLetter(failed.Person.ToString(), failed.Channel, delivery.Sequence, attempts, problem, now));
                else later.Add(delivery with { Attempts = attempts, DueMs = (now + Retry.After(FirstRetry, MaxRetry, delivery.Attempts)).ToUnixTimeMilliseconds() });
            }
            _rows.Failed(failed.Person, later, dead);
            foreach (DeliveryRow delivery in later) _due.Enqueue((failed.Person, failed.Channel), delivery.DueMs);
            _failed.Add(later.Count);
            _dead.Add(dead.Count);
            Changed();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _meter.Dispose();
        _random.Dispose();
    }

    private void Changed()
    {
        TaskCompletionSource before = _change;
        _change = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        before.SetResult();
    }

    private static IEnumerable<string> Channels(PersonRow person)
    {
        if (person is { EmailConfirmed: true, Preferences.Email: not null }) yield return Email;
        if (person.Preferences.Webhook is not null) yield return Webhook;
    }

    private static string? Target(PersonRow person, string channel) => channel switch
    {
        Email => person.EmailConfirmed ? person.Preferences.Email : null,
        Webhook => person.Preferences.Webhook,
        _ => null,
    };

    private static NoticeItem Item(Address person, NoticeRow row) => new(
        row.Sequence, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{person}|{row.Key}")).AsSpan(0, 16)), PreferenceRules.NameOf(row.Kind),
        row.Reference, row.By, DateTimeOffset.FromUnixTimeMilliseconds(row.TimeMs), row.Urgent);
}
