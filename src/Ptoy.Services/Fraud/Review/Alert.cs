namespace Ptoy.Services.Fraud.Review;

/// <summary>Where an alert is on its way.</summary>
public enum AlertState
{
    /// <summary>Found, and not yet put before a reviewer: the day's budget was used.</summary>
    Waiting = 0,

    /// <summary>Before the reviewers.</summary>
    Open = 1,

    /// <summary>A reviewer says: fraud or misuse, or worth an inquiry.</summary>
    Confirmed = 2,

    /// <summary>A reviewer says: nothing wrong.</summary>
    Dismissed = 3,
}

/// <summary>One record behind an alert.</summary>
/// <param name="Record">Its record id.</param>
/// <param name="Patient">Whose it is.</param>
public sealed record AlertRecord(string Record, string Patient);

/// <summary>One matter for a reviewer. A probability, never a verdict.</summary>
/// <param name="Id">Names it in commands.</param>
/// <param name="Kind">Which detector.</param>
/// <param name="Probability">That it is what it looks like, as far as the model knows.</param>
/// <param name="State">Where it is.</param>
/// <param name="FoundOn">When it was first found.</param>
/// <param name="OpenedOn">The day on which it was put before reviewers; null while it waits.</param>
/// <param name="Why">What was seen, in plain words.</param>
/// <param name="Records">What it rests on.</param>
public sealed record Alert(
    string Id, string Kind, double Probability, AlertState State, DateTimeOffset FoundOn, DateOnly? OpenedOn, string Why, IReadOnlyList<AlertRecord> Records);

/// <summary>There is no such alert, or it is not in a state in which this can be done.</summary>
public sealed class AlertException(string message) : Exception(message);
