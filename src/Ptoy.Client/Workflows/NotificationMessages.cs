namespace Ptoy.Client.Workflows;

/// <summary>How a person wants to be told that there is something to see. Content never goes this way.</summary>
public sealed record NotificationPreferences
{
    /// <summary>Kinds that are wanted, in camelCase (<c>written</c>, <c>read</c>, <c>finding</c>…); null: all.</summary>
    public string[]? Kinds { get; init; }

    /// <summary>E-mail address; used once it has been confirmed by the code that was sent there.</summary>
    public string? Email { get; init; }

    /// <summary>An https address that notices are posted to, signed by the service.</summary>
    public string? Webhook { get; init; }

    /// <summary>Beginning of quiet hours, HH:mm; null: none.</summary>
    public string? QuietFrom { get; init; }

    /// <summary>End of quiet hours, HH:mm.</summary>
    public string? QuietTo { get; init; }

    /// <summary>Time zone of the quiet hours, such as Europe/Berlin.</summary>
    public string TimeZone { get; init; } = "UTC";
}

/// <summary>Preferences as the service holds them.</summary>
/// <param name="Preferences">As set; null: none were set, nothing is sent.</param>
/// <param name="EmailConfirmed">True once the code came back.</param>
public sealed record NotificationState(NotificationPreferences? Preferences, bool EmailConfirmed);

/// <summary>Sets preferences; null ends all notification and forgets what was kept for the person.</summary>
/// <param name="Preferences">The new ones.</param>
public sealed record SetPreferences(NotificationPreferences? Preferences);

/// <summary>The code that came by e-mail.</summary>
/// <param name="Code">As sent.</param>
public sealed record ConfirmEmail(string Code);

/// <summary>Asks for notices.</summary>
/// <param name="After">Those after this sequence number.</param>
/// <param name="WaitSeconds">How long to wait for a first one, 0 to 30.</param>
public sealed record AskNotices(long After, int WaitSeconds = 0);

/// <summary>One notice.</summary>
/// <param name="Sequence">Counts a person's notices.</param>
/// <param name="Id">The same wherever and however often it arrives.</param>
/// <param name="Kind">What it is about.</param>
/// <param name="Reference">What the app opens.</param>
/// <param name="By">Account that it is by or about, or null.</param>
/// <param name="Time">When it was raised.</param>
/// <param name="Urgent">True when it did not wait for the end of quiet hours.</param>
public sealed record NoticeItem(long Sequence, string Id, string Kind, string Reference, string? By, DateTimeOffset Time, bool Urgent);

/// <summary>Notices, oldest first.</summary>
/// <param name="Notices">At most 100.</param>
public sealed record NoticeList(NoticeItem[] Notices);

/// <summary>Something that could not be delivered.</summary>
/// <param name="Account">Whose.</param>
/// <param name="Channel">email or webhook.</param>
/// <param name="Sequence">Which notice.</param>
/// <param name="Attempts">How often it was tried.</param>
/// <param name="Problem">Why the last try failed.</param>
/// <param name="Time">When it was given up.</param>
public sealed record DeadLetter(string Account, string Channel, long Sequence, int Attempts, string Problem, DateTimeOffset Time);

/// <summary>What could not be delivered: for the operator.</summary>
/// <param name="Letters">Newest last.</param>
public sealed record DeadLetters(DeadLetter[] Letters);
