namespace Ptoy.Services.Monitoring;

/// <summary>When and how often people are told.</summary>
public sealed record NoticeOptions
{
    /// <summary>Quiet from this time of day; equal to <see cref="QuietUntil"/> for never.</summary>
    public TimeOnly QuietFrom { get; init; } = new(21, 0);

    /// <summary>Quiet until this time of day.</summary>
    public TimeOnly QuietUntil { get; init; } = new(8, 0);

    /// <summary>Where the day is (IANA), such as Europe/Berlin.</summary>
    public string TimeZone { get; init; } = "UTC";

    /// <summary>Most notices that are not urgent in any 24 hours; further ones wait.</summary>
    public int MaxPerDay { get; init; } = 3;

    /// <summary>A matter that stays is told again after this.</summary>
    public TimeSpan RemindAfter { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How often a matter that stays is told again.</summary>
    public int MaxReminders { get; init; } = 2;

    /// <summary>A matter that was gone for less than this is the same matter when it comes back.</summary>
    public TimeSpan ForgetAfter { get; init; } = TimeSpan.FromDays(2);

    /// <summary>An urgent matter that still stands so long after the patient was told goes to the care team.</summary>
    public TimeSpan EscalateAfter { get; init; } = TimeSpan.FromHours(4);

    /// <summary>What is wrong, each naming the field.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(TimeZone, out _)) problems.Add("timeZone: this system knows no such zone");
        if (MaxPerDay is < 1 or > 100) problems.Add("maxPerDay: is 1 to 100");
        if (MaxReminders is < 0 or > 100) problems.Add("maxReminders: is 0 to 100");
        if (RemindAfter < TimeSpan.FromHours(1)) problems.Add("remindAfter: is at least an hour");
        if (ForgetAfter < TimeSpan.Zero) problems.Add("forgetAfter: is not negative");
        if (EscalateAfter < TimeSpan.Zero) problems.Add("escalateAfter: is not negative");
        return problems;
    }
}

/// <summary>What is remembered of one matter.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Key">Its key.</param>
/// <param name="IsUrgent">It is urgent.</param>
/// <param name="Compartment">Compartment of the records behind it.</param>
/// <param name="LastSeen">When it last stood.</param>
/// <param name="Told">When the patient was first told; null: not yet.</param>
/// <param name="LastTold">When the patient was last told.</param>
/// <param name="Reminders">How often it was told again.</param>
/// <param name="Escalated">When the care team was told.</param>
public sealed record Matter(
    FindingKind Kind, string Key, bool IsUrgent, string Compartment, DateTimeOffset LastSeen, DateTimeOffset? Told = null, DateTimeOffset? LastTold = null,
    int Reminders = 0, DateTimeOffset? Escalated = null);

/// <summary>All that is remembered of one patient's notices.</summary>
/// <param name="Matters">Matters that stand, or stood lately.</param>
/// <param name="Recent">When notices that were not urgent went out in the last 24 hours.</param>
public sealed record NoticeState(IReadOnlyList<Matter> Matters, IReadOnlyList<DateTimeOffset> Recent)
{
    /// <summary>Nothing yet.</summary>
    public static readonly NoticeState Empty = new([], []);
}

/// <summary>One notice to send: a kind and nothing else.</summary>
/// <param name="Kind">What kind of finding.</param>
/// <param name="IsUrgent">It is urgent.</param>
/// <param name="ToCareTeam">To the care team and not to the patient.</param>
/// <param name="Compartment">For the care team: who may not see this compartment is not told.</param>
public sealed record Notice(FindingKind Kind, bool IsUrgent, bool ToCareTeam, string Compartment);

/// <summary>What to send now, what to remember, and when to look again at the latest.</summary>
public sealed record NoticeStep(IReadOnlyList<Notice> Notices, NoticeState State, DateTimeOffset? NextAt);

/// <summary>Decides who is told what and when. Pure: findings, memory and time decide everything.</summary>
public static class NoticePlan
{
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);

    /// <summary>One step at a moment.</summary>
    public static NoticeStep Step(IReadOnlyList<Finding> findings, NoticeState state, NoticeOptions options, DateTimeOffset now)
    {
        Matter[] matters = [.. Merge(findings, state.Matters, options, now)];
        var standing = findings.Select(f => (f.Kind, f.Key)).ToHashSet();
        List<DateTimeOffset> recent = [.. state.Recent.Where(t => now - t < Day)];
        var notices = new List<Notice>();
        bool isQuiet = IsQuiet(options, now);
        // Of one kind one notice at a time: the app shows what there is.
        foreach (IGrouping<(FindingKind Kind, bool IsUrgent), int> group in Enumerable.Range(0, matters.Length)
            .Where(i => standing.Contains((matters[i].Kind, matters[i].Key)) && IsDue(matters[i], options, now))
            .GroupBy(i => (matters[i].Kind, matters[i].IsUrgent)).OrderByDescending(g => g.Key.IsUrgent).ThenBy(g => g.Key.Kind))
        {
            if (!group.Key.IsUrgent && (isQuiet || recent.Count >= options.MaxPerDay)) continue;
            if (!group.Key.IsUrgent) recent.Add(now);
            notices.Add(new Notice(group.Key.Kind, group.Key.IsUrgent, false, ""));
            foreach (int i in group)
                matters[i] = matters[i] with { Told = matters[i].Told ?? now, LastTold = now, Reminders = matters[i].Told is null ? 0 : matters[i].Reminders + 1 };
        }
        for (int i = 0; i < matters.Length; i++)
        {
            Matter m = matters[i];
            if (!m.IsUrgent || m.Escalated is not null || m.Told is not { } told || now - told < options.EscalateAfter || !standing.Contains((m.Kind, m.Key))) continue;
            matters[i] = m with { Escalated = now };
            var notice = new Notice(m.Kind, true, true, m.Compartment);
            if (!notices.Contains(notice)) notices.Add(notice);
        }
        return new NoticeStep(notices, new NoticeState(matters, recent), NextAt(matters, standing, recent, options, now));
    }

    /// <summary>True in the hours in which only what is urgent is sent.</summary>
    public static bool IsQuiet(NoticeOptions options, DateTimeOffset now)
    {
        if (options.QuietFrom == options.QuietUntil) return false;
        TimeOnly local = TimeOnly.FromDateTime(TimeZoneInfo.ConvertTime(now, ZoneOf(options)).DateTime);
        return local.IsBetween(options.QuietFrom, options.QuietUntil);
    }

    private static IEnumerable<Matter> Merge(IReadOnlyList<Finding> findings, IReadOnlyList<Matter> known, NoticeOptions options, DateTimeOffset now)
    {
        var byKey = known.ToDictionary(m => (m.Kind, m.Key));
        foreach (Finding f in findings)
        {
            yield return byKey.Remove((f.Kind, f.Key), out Matter? matter)
                // What becomes urgent is told anew.
                ? matter with { LastSeen = now, IsUrgent = f.IsUrgent, Compartment = f.Compartment, Told = f.IsUrgent && !matter.IsUrgent ? null : matter.Told }
                : new Matter(f.Kind, f.Key, f.IsUrgent, f.Compartment, now);
        }
        foreach (Matter gone in byKey.Values)
        {
            if (now - gone.LastSeen < options.ForgetAfter) yield return gone;
        }
    }

    private static bool IsDue(Matter m, NoticeOptions options, DateTimeOffset now) => m.Told is null || m.LastTold is null
        // Good news is told once.
        || (m.Kind != FindingKind.GoalMet && m.Reminders < options.MaxReminders && now - m.LastTold >= options.RemindAfter);

    private static DateTimeOffset? NextAt(
        Matter[] matters, HashSet<(FindingKind, string)> standing, List<DateTimeOffset> recent, NoticeOptions options, DateTimeOffset now)
    {
        DateTimeOffset? next = null;
        void At(DateTimeOffset time)
        {
            if (time > now && (next is null || time < next)) next = time;
        }
        foreach (Matter m in matters.Where(m => standing.Contains((m.Kind, m.Key))))
        {
            if (IsDue(m, options, now))
            {
                // Held back: by the quiet hours, or by the day's bound.
                At(IsQuiet(options, now) ? QuietEnd(options, now) : recent.Count > 0 ? recent.Min() + Day : now + TimeSpan.FromMinutes(1));
                continue;
            }
            if (m.Kind != FindingKind.GoalMet && m.Reminders < options.MaxReminders && m.LastTold is { } last) At(last + options.RemindAfter);
            if (m is { IsUrgent: true, Escalated: null, Told: { } told }) At(told + options.EscalateAfter);
        }
        return next;
    }

    private static DateTimeOffset QuietEnd(NoticeOptions options, DateTimeOffset now)
    {
        TimeZoneInfo zone = ZoneOf(options);
        DateTime local = TimeZoneInfo.ConvertTime(now, zone).DateTime;
        DateTime end = local.Date + options.QuietUntil.ToTimeSpan();
        if (end <= local) end = end.AddDays(1);
        // An hour that the clock leaps over in spring: the next one that exists.
        while (zone.IsInvalidTime(end)) end = end.AddMinutes(15);
        return new DateTimeOffset(end, zone.GetUtcOffset(end)).ToUniversalTime();
    }

    private static TimeZoneInfo ZoneOf(NoticeOptions options) => TimeZoneInfo.FindSystemTimeZoneById(options.TimeZone);
}
