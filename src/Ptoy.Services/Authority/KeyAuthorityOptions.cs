namespace Ptoy.Services.Authority;

/// <summary>Limits of the key authority.</summary>
public sealed record KeyAuthorityOptions
{
    /// <summary>Region of phone numbers without country code.</summary>
    public string Region { get; init; } = "US";

    /// <summary>Sign-ups begun from one network address in an hour.</summary>
    public int StartsPerSource { get; init; } = 20;

    /// <summary>Codes sent to one phone in an hour.</summary>
    public int StartsPerPhone { get; init; } = 3;

    /// <summary>Codes tried from one network address in an hour.</summary>
    public int ConfirmsPerSource { get; init; } = 100;

    /// <summary>Sign-ups under way at once.</summary>
    public int MaxOpen { get; init; } = 10_000;

    /// <summary>People of whom one organisation may have tokens in an hour.</summary>
    public int TokensPerOrganisation { get; init; } = 200_000;

    /// <summary>Match statements for one account in an hour.</summary>
    public int StatementsPerAccount { get; init; } = 6;

    /// <summary>How long a match statement holds.</summary>
    public TimeSpan StatementLifetime { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Null when within bounds, else which option is wrong.</summary>
    public string? Problem() =>
        StartsPerSource < 1 ? "startsPerSource: below 1"
        : StartsPerPhone < 1 ? "startsPerPhone: below 1"
        : ConfirmsPerSource < 1 ? "confirmsPerSource: below 1"
        : MaxOpen < 1 ? "maxOpen: below 1"
        : TokensPerOrganisation < 1 ? "tokensPerOrganisation: below 1"
        : StatementsPerAccount < 1 ? "statementsPerAccount: below 1"
        : StatementLifetime <= TimeSpan.Zero || StatementLifetime > TimeSpan.FromHours(24) ? "statementLifetime: not above 0 and at most 24 hours"
        : null;
}
