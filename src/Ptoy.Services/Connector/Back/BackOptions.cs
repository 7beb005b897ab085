using Ptoy.Services.Connector.Fhir;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Connector.Back;

/// <summary>Where other hospitals' records of shared patients go: section <c>back</c> of the connector's configuration.</summary>
public sealed record BackOptions : IPartOptions
{
    /// <summary>One line for help.</summary>
    public const string Summary = "what other hospitals wrote about shared patients goes into the EHR, as far as granted";

    /// <summary>What <c>init</c> writes.</summary>
    public static BackOptions Example { get; } = new() { Folder = "from-others" };

    /// <summary>A FHIR R4 server that takes transactions; or else a folder.</summary>
    public FhirServerOptions? Server { get; init; }

    /// <summary>A folder that gets one transaction bundle a file, for the EHR to import.</summary>
    public string? Folder { get; init; }

    /// <summary>The source whose patient ids the EHR knows.</summary>
    public string Source { get; init; } = EhrConnector.FolderSource;

    /// <summary>Resources in a transaction.</summary>
    public int PerTransaction { get; init; } = 100;

    /// <summary>Refusals of one resource before it is left to people.</summary>
    public int MaxRefusals { get; init; } = 5;

    /// <summary>Seconds until what was refused, or a server that was away, is tried again.</summary>
    public int RetrySeconds { get; init; } = 60;

    /// <summary>Purpose of use that patients grant for.</summary>
    public string Purpose { get; init; } = "TREAT";

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems() => [.. Find()];

    private IEnumerable<string> Find()
    {
        if (Server is null == Folder is null) yield return "server, folder: exactly one of them is needed";
        if (Folder is not null && Path.IsPathRooted(Folder) && !Directory.Exists(Folder)) yield return "folder: there is no such directory";
        foreach (string problem in Server?.Problems() ?? []) yield return $"server.{problem}";
        if (Purpose.Length == 0 || !Purpose.All(char.IsAsciiLetterUpper)) yield return $"purpose: '{Purpose}' is not an HL7 purpose of use such as TREAT";
        if (Source.Length == 0) yield return "source: missing";
        if (PerTransaction is < 1 or > 500) yield return $"perTransaction: {PerTransaction} is not 1 to 500";
        if (MaxRefusals is < 1 or > 1000) yield return $"maxRefusals: {MaxRefusals} is not 1 to 1,000";
        if (RetrySeconds is < 1 or > 86_400) yield return $"retrySeconds: {RetrySeconds} is not 1 to 86,400";
    }
}

/// <summary>The EHR does not take a transaction, and would not take it again as it is.</summary>
internal sealed class BackRefusedException(string problem) : Exception(problem);

/// <summary>The EHR is away: nothing is wrong with what was to be delivered.</summary>
internal sealed class BackAwayException(string problem) : Exception(problem);

/// <summary>Takes transactions for an EHR.</summary>
internal interface IBackTarget
{
    /// <summary>Delivers a transaction: durable at the EHR when this returns. Throws <see cref="BackRefusedException"/> or <see cref="BackAwayException"/>.</summary>
    Task DeliverAsync(byte[] transaction, CancellationToken cancellation);
}
