using System.Globalization;
using Ptoy.Client.Workflows;
using Ptoy.Services.Common;

namespace Ptoy.Services.Notifications;

/// <summary>What preferences may say, and what they mean at a moment.</summary>
public static class PreferenceRules
{
    private const int MaxText = 256;

    /// <summary>A kind as it is written in preferences and notices: camelCase.</summary>
    public static string NameOf(NoticeKind kind) => char.ToLowerInvariant(kind.ToString()[0]) + kind.ToString()[1..];

    /// <summary>Refuses preferences that cannot be used, naming the field. Throws <see cref="FieldException"/>.</summary>
    public static void Check(NotificationPreferences preferences)
    {
        string[] known = [.. Enum.GetValues<NoticeKind>().Select(NameOf)];
        if (preferences.Kinds?.FirstOrDefault(k => !known.Contains(k)) is { } unknown)
            throw new FieldException("kinds", $"'{new string([.. unknown.Where(char.IsLetterOrDigit).Take(32)])}' is not one of: {string.Join(", ", known)}");
        if (preferences.Email is { } email && !IsEmail(email)) throw new FieldException("email", "not an e-mail address");
        if (preferences.Webhook is { } hook) CheckWebhook(hook);
        if (preferences.QuietFrom is null != preferences.QuietTo is null) throw new FieldException("quietTo", "quietFrom and quietTo go together");
        if (preferences.QuietFrom is { } from) ParseTime("quietFrom", from);
        if (preferences.QuietTo is { } to) ParseTime("quietTo", to);
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(preferences.TimeZone ?? "", out _)) throw new FieldException("timeZone", "not a time zone such as Europe/Berlin");
    }

    /// <summary>True for text that is one plain address.</summary>
    public static bool IsEmail(string text) =>
        text.Length is >= 3 and <= MaxText && text.All(c => c is > ' ' and < (char)127 and not ('<' or '>' or ',' or ';' or '"'))
        && text.IndexOf('@', StringComparison.Ordinal) is > 0 and var at && at == text.LastIndexOf('@') && at < text.Length - 1 && MimeKit.MailboxAddress.TryParse(text, out _);

    /// <summary>When a notice that is raised then may be sent: at once, or at the end of quiet hours.</summary>
    public static DateTimeOffset SendAt(NotificationPreferences preferences, DateTimeOffset raised, NoticeUrgency urgency)
    {
        if (urgency == NoticeUrgency.Urgent || preferences.QuietFrom is null || preferences.QuietTo is null) return raised;
        TimeOnly from = ParseTime("quietFrom", preferences.QuietFrom), to = ParseTime("quietTo", preferences.QuietTo);
        TimeZoneInfo zone = TimeZoneInfo.TryFindSystemTimeZoneById(preferences.TimeZone, out TimeZoneInfo? found) ? found : TimeZoneInfo.Utc;
        DateTimeOffset local = TimeZoneInfo.ConvertTime(raised, zone);
        TimeOnly now = TimeOnly.FromDateTime(local.DateTime);
        if (from == to || !now.IsBetween(from, to)) return raised;
        DateTime end = local.Date + to.ToTimeSpan();
        if (end <= local.DateTime) end = end.AddDays(1);
        // An hour that a change of clocks leaves out is the one after it.
        if (zone.IsInvalidTime(end)) end = end.AddHours(1);
        return new DateTimeOffset(end, zone.GetUtcOffset(end)).ToUniversalTime();
    }

    /// <summary>True when the person wants this kind. What is about the account itself is always wanted.</summary>
    public static bool Wants(NotificationPreferences preferences, NoticeKind kind) =>
        kind == NoticeKind.Account || preferences.Kinds is null || preferences.Kinds.Contains(NameOf(kind));

    private static void CheckWebhook(string text)
    {
        if (text.Length > MaxText || !Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || url.UserInfo.Length > 0) throw new FieldException("webhook", "not an https address");
        if (url.Scheme != Uri.UriSchemeHttps && !(url.Scheme == Uri.UriSchemeHttp && url.IsLoopback)) throw new FieldException("webhook", "not an https address");
    }

    private static TimeOnly ParseTime(string field, string text) =>
        TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out TimeOnly time) ? time : throw new FieldException(field, "not a time such as 22:00");
}
