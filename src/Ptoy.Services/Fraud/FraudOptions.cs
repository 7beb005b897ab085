using Ptoy.Services.Grants;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Fraud;

/// <summary>Section <c>fraud</c> of <c>services.json</c>.</summary>
/// <param name="Grantee">The service's account; its purpose is FRAUD.</param>
public sealed record FraudOptions(GranteeOptions Grantee) : IPartOptions
{
    /// <summary>One line for help.</summary>
    public const string Summary = "looks for fraud in claims and for misuse of access; alerts for people to review";

    /// <summary>What <c>init</c> writes.</summary>
    public static FraudOptions Example { get; } = new(new GranteeOptions(new AccountOptions("fraud.keystore", "fraud.passphrase"), "Fraud analytics", NodeAccessLogs.Purpose));

    /// <summary>Most new matters that reviewers get a day.</summary>
    public int DailyBudget { get; init; } = 10;

    /// <summary>Minutes between scans.</summary>
    public int ScanMinutes { get; init; } = 60;

    /// <summary>The hospitals' directory: FHIR NDJSON of practitioners, roles, organisations and locations. Null: none.</summary>
    public string? Staff { get; init; }

    /// <summary>File with the reviewers' token; made when missing.</summary>
    public string ReviewerTokenFile { get; init; } = "fraud-reviewers.token";

    /// <summary>Further nodes whose access logs are asked, besides the daemon's own.</summary>
    public IReadOnlyList<string> Nodes { get; init; } = [];

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>(Grantee.Problems().Select(p => $"grantee.{p}"));
        if (Grantee.Purpose != NodeAccessLogs.Purpose) problems.Add($"grantee.purpose: '{Grantee.Purpose}' is not {NodeAccessLogs.Purpose}, which is what patients permit this service");
        if (DailyBudget is < 1 or > 1000) problems.Add($"dailyBudget: {DailyBudget} is not 1 to 1000");
        if (ScanMinutes is < 1 or > 1440) problems.Add($"scanMinutes: {ScanMinutes} is not 1 to 1440");
        if (string.IsNullOrWhiteSpace(ReviewerTokenFile)) problems.Add("reviewerTokenFile: empty");
        if (Nodes.Count > 64) problems.Add($"nodes: {Nodes.Count}, more than 64");
        foreach (string node in Nodes)
            if (!Uri.TryCreate(node, UriKind.Absolute, out Uri? url) || url.Scheme is not ("http" or "https")) problems.Add($"nodes: '{node}' is not an http or https address");
        return problems;
    }
}
