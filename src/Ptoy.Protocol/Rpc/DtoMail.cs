namespace Ptoy.Protocol.Rpc;

/// <summary>
/// Parameters of <c>match_request</c> (signed by the account that the statement names). The answer says only that it was taken:
/// the same whether or not any hospital knows the person.
/// </summary>
/// <param name="Statement">Wire bytes of the <see cref="Matching.MatchStatement"/>.</param>
public sealed record MatchRequestParams(byte[] Statement);

/// <summary>The one answer of <c>match_request</c>.</summary>
/// <param name="Accepted">Always true.</param>
public sealed record MatchRequestResult(bool Accepted);

/// <summary>Parameters of <c>mail_send</c> (signed): a small sealed blob into an account's inbox, kept for at most 24 hours.</summary>
/// <param name="To">Account that may list it.</param>
/// <param name="Kind">What it is, of a fixed list (see <see cref="MailKinds"/>).</param>
/// <param name="Bytes">At most 62 KiB.</param>
public sealed record MailSendParams(string To, string Kind, byte[] Bytes);

/// <summary>Answer of <c>mail_send</c>.</summary>
/// <param name="Id">The mail's id, hexadecimal: random, the same at every member.</param>
public sealed record MailSendResult(string Id);

/// <summary>Parameters of <c>mail_list</c> (signed): the requester's own inbox.</summary>
/// <param name="After">Only mails that came after this cursor of the same node.</param>
/// <param name="Limit">Most mails in the answer, 1 to 256.</param>
/// <param name="WaitMs">How long to hold the answer for a first mail, at most 30,000; absent: answer at once.</param>
public sealed record MailListParams(string? After = null, int? Limit = null, int? WaitMs = null);

/// <summary>Answer of <c>mail_list</c>.</summary>
/// <param name="Mails">Oldest first.</param>
/// <param name="Next">Cursor to give as <c>after</c> next time; absent when nothing was listed and none was given.</param>
public sealed record MailListResult(MailDto[] Mails, string? Next);

/// <summary>One mail.</summary>
/// <param name="Id">Hexadecimal.</param>
/// <param name="From">Account whose signed request brought it; verified by the node that took it.</param>
/// <param name="Kind">One of <see cref="MailKinds"/>.</param>
/// <param name="TimeMs">When it was taken, Unix milliseconds.</param>
/// <param name="Bytes">The blob.</param>
public sealed record MailDto(string Id, string From, string Kind, long TimeMs, byte[] Bytes);

/// <summary>The kinds of mail.</summary>
public static class MailKinds
{
    /// <summary>
    /// Wire bytes of a <see cref="Matching.MatchStatement"/>: put into every member organisation's inbox by <c>match_request</c>
    /// and by nothing else (<c>mail_send</c> refuses this kind).
    /// </summary>
    public const string MatchRequest = "match";

    /// <summary>Sealed to an organisation: a one-time code and a birth date.</summary>
    public const string MatchConfirm = "match-confirm";

    /// <summary>Sealed to a patient: an organisation holds records and waits for a grant; or it has bound them.</summary>
    public const string MatchAnswer = "match-answer";

    /// <summary>Sealed to an organisation: the tag key, so that it can write to a patient's vault.</summary>
    public const string WriterLetter = "writer-letter";

    /// <summary>Longest kind in characters.</summary>
    public const int MaxLength = 32;

    /// <summary>Largest mail in bytes.</summary>
    public const int MaxBytes = 64 * 1024;
}
