using Ptoy.Protocol;

namespace Ptoy.Client.Workflows;

/// <summary>What a patient lets an app do.</summary>
/// <param name="App">The app's account, certified by the key authority.</param>
/// <param name="Compartments">Names of compartments.</param>
/// <param name="Purposes">HL7 v3 purposes of use.</param>
/// <param name="MayWrite">Whether it may also have the hospital write for it.</param>
/// <param name="Until">When it ends; null: when it is revoked.</param>
public sealed record AppGrant(
    Address App, IReadOnlyList<string> Compartments, IReadOnlyList<string> Purposes, bool MayWrite = false, DateTimeOffset? Until = null);

public sealed partial class PatientSession
{
    /// <summary>
    /// Permits an app's account to read compartments. What it gets through a hospital's façade is what both it and the hospital are permitted.
    /// Returns the provision's number. Throws <see cref="ArgumentException"/> naming a compartment that does not exist.
    /// </summary>
    public Task<int> GrantAppAsync(AppGrant grant, CancellationToken cancellation = default)
    {
        string[] tags = [.. grant.Compartments.Distinct().Select(name => TagOf(name).ToString())];
        if (tags.Length == 0) throw new ArgumentException("grant: no compartment is named", nameof(grant));
        string[] actions = grant.MayWrite ? ["read", "search", "write"] : ["read", "search"];
        return PermitAsync(new { person = grant.App.ToString() }, actions, grant.Purposes, tags, grant.Until, cancellation);
    }

    /// <summary>
    /// Signs the answer to an app's request at a hospital's façade. Throws <see cref="AppApprovalException"/> when the façade refuses.
    /// </summary>
    public Task AnswerAppAsync(HttpClient http, Uri link, AppRequest request, bool approve, CancellationToken cancellation = default) =>
        AppApproval.AnswerAsync(http, link, AppApproval.Sign(_keys.Signing, request.Session, request.Challenge, approve), cancellation);
}
