using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Services.Connector;

/// <summary>What a connector works with.</summary>
/// <param name="OrganisationName">As answered to patients after proof.</param>
/// <param name="Authority">The key authority's signing key, from genesis: who signs match statements.</param>
/// <param name="Region">Region of phone numbers without country code.</param>
public sealed record ConnectorOptions(string OrganisationName, PublicKey Authority, string Region = "US")
{
    /// <summary>Mail is waited for this long in one call.</summary>
    public TimeSpan MailWait { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Bounds of what comes in.</summary>
    public IntakeLimits Limits { get; init; } = new();
}

/// <summary>What an import did.</summary>
/// <param name="Files">Bundles and lists read.</param>
/// <param name="Resources">Resources in them.</param>
/// <param name="Stored">Slices newly stored (resources and skeletons).</param>
/// <param name="Bytes">Bytes of the files.</param>
/// <param name="Failures">Files that could not be taken, with the reason: for the operator's screen, not for logs.</param>
public sealed record ImportResult(int Files, int Resources, int Stored, long Bytes, IReadOnlyList<string> Failures);
