using Ptoy.Services.Hosting;

namespace Ptoy.Services.Notifications;

/// <summary>The mail server that notices go through.</summary>
/// <param name="Host">Its name.</param>
/// <param name="Port">Its port: 587 with STARTTLS, 465 with TLS, 25.</param>
/// <param name="From">Sender address.</param>
public sealed record SmtpOptions(string Host, int Port, string From) : IPartOptions
{
    /// <summary>User, where the server asks for one.</summary>
    public string? User { get; init; }

    /// <summary>File whose first line is the user's password.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>Sends without encryption; for a server on this machine.</summary>
    public bool Plain { get; init; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (Host.Length == 0) problems.Add("host: empty");
        if (Port is < 1 or > 65_535) problems.Add($"port: {Port} is not 1 to 65535");
        if (!PreferenceRules.IsEmail(From)) problems.Add("from: not an e-mail address");
        if (User is null != PasswordFile is null) problems.Add("passwordFile: goes with user");
        return problems;
    }
}

/// <summary>Section <c>notifications</c>.</summary>
/// <param name="Account">The service's account: requests are signed for its key, and patients let it see their access log.</param>
/// <param name="Name">What patients see.</param>
public sealed record NotificationOptions(AccountOptions Account, string Name = "Notifications") : IPartOptions
{
    /// <summary>One line for help.</summary>
    public const string Summary = "tells people that there is something to see: subscription, webhook, e-mail; never what";

    /// <summary>What <c>init</c> writes.</summary>
    public static NotificationOptions Example { get; } = new(new AccountOptions("notifications.keystore", "notifications.passphrase"))
    {
        Smtp = new SmtpOptions("127.0.0.1", 25, "notices@hospital.example") { Plain = true }, AppUrl = "https://app.hospital.example",
    };

    /// <summary>The mail server; null: no e-mail.</summary>
    public SmtpOptions? Smtp { get; init; }

    /// <summary>Where people see what there is; stands in mails.</summary>
    public string? AppUrl { get; init; }

    /// <summary>Lets webhooks go to addresses of private networks and of this machine.</summary>
    public bool PrivateWebhooks { get; init; }

    /// <summary>Seconds between looks at the members' access logs, for those who want to be told of reads.</summary>
    public int AccessSeconds { get; init; } = 60;

    /// <summary>People with preferences.</summary>
    public int MaxPeople { get; init; } = 100_000;

    /// <summary>Notices kept for each person.</summary>
    public int MaxInbox { get; init; } = 500;

    /// <summary>Deliveries waiting for each person; the notice is kept all the same.</summary>
    public int MaxWaiting { get; init; } = 200;

    /// <summary>Tries before a delivery is a dead letter.</summary>
    public int MaxAttempts { get; init; } = 8;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (Name.Length is 0 or > 128) problems.Add("name: not 1 to 128 characters");
        if (AppUrl is not null && !(Uri.TryCreate(AppUrl, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https")) problems.Add("appUrl: not an http or https address");
        if (AccessSeconds is < 5 or > 86_400) problems.Add($"accessSeconds: {AccessSeconds} is not 5 to 86400");
        if (MaxPeople is < 1 or > 10_000_000) problems.Add($"maxPeople: {MaxPeople} is not 1 to 10000000");
        if (MaxInbox is < 10 or > 10_000) problems.Add($"maxInbox: {MaxInbox} is not 10 to 10000");
        if (MaxWaiting is < 1 or > 10_000) problems.Add($"maxWaiting: {MaxWaiting} is not 1 to 10000");
        if (MaxAttempts is < 1 or > 30) problems.Add($"maxAttempts: {MaxAttempts} is not 1 to 30");
        if (Smtp is not null) problems.AddRange(Smtp.Problems().Select(p => $"smtp.{p}"));
        return problems;
    }
}
