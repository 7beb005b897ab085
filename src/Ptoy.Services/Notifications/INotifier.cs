using Ptoy.Protocol;

namespace Ptoy.Services.Notifications;

/// <summary>What a notice is about. It says that there is something to see, never what.</summary>
public enum NoticeKind
{
    /// <summary>Somebody asks for access.</summary>
    GrantAsked,
    /// <summary>Access was given.</summary>
    Granted,
    /// <summary>Access was ended.</summary>
    Revoked,
    /// <summary>Somebody read or searched records.</summary>
    Read,
    /// <summary>Somebody was refused.</summary>
    Denied,
    /// <summary>Emergency access against the provisions.</summary>
    Override,
    /// <summary>Something was written into the record.</summary>
    Written,
    /// <summary>PTOY moved.</summary>
    Payment,
    /// <summary>Something about the account itself: keys, phone, devices.</summary>
    Account,
    /// <summary>A service has found something to look at (monitoring, analytics).</summary>
    Finding,
    /// <summary>A care plan, a goal or a task is there to see.</summary>
    Plan,
    /// <summary>A reminder that the person, or the person's plan, asked for.</summary>
    Reminder,
    /// <summary>Something for a member of the care team or a reviewer to look at.</summary>
    Task,
}

/// <summary>How soon somebody should know.</summary>
public enum NoticeUrgency
{
    /// <summary>When quiet hours are over.</summary>
    Normal,
    /// <summary>At once, quiet hours or not.</summary>
    Urgent,
}

/// <summary>
/// Something for one person to know. No medical content and no name: it goes by mail. What there is to see, the person sees in the app, after
/// the person's own keys have opened it.
/// </summary>
/// <param name="To">Account of the person.</param>
/// <param name="Kind">What it is about.</param>
/// <param name="Key">Set by the raiser: a notice with a key that was raised before is dropped. At most 200 characters, no personal data.</param>
/// <param name="Reference">What the app opens: a record id, a provision number, an account. Never a code or value. At most 200 characters.</param>
public sealed record Notice(Address To, NoticeKind Kind, string Key, string Reference = "")
{
    /// <summary>How soon.</summary>
    public NoticeUrgency Urgency { get; init; } = NoticeUrgency.Normal;

    /// <summary>The account that it is by or about, such as the service's or reader's; null: nobody.</summary>
    public Address? By { get; init; }
}

/// <summary>Brings notices to people.</summary>
public interface INotifier
{
    /// <summary>
    /// Takes a notice; it is on disk when this returns true. False when it was raised before, when the person does not want this kind, or when the
    /// person's queue is full.
    /// </summary>
    bool Raise(Notice notice);
}

/// <summary>Where nobody is to be told.</summary>
public sealed class NoNotifier : INotifier
{
    /// <summary>The one.</summary>
    public static NoNotifier Instance { get; } = new();

    /// <inheritdoc/>
    public bool Raise(Notice notice) => false;
}
