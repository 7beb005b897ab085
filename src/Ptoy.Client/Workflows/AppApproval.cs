using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Client.Workflows;

/// <summary>An app's request for access, as the hospital's façade shows it.</summary>
/// <param name="Session">Names the request.</param>
/// <param name="Organisation">The hospital whose façade it is.</param>
/// <param name="App">The app's account.</param>
/// <param name="Name">The app's name.</param>
/// <param name="Scopes">What it asks for, as SMART scopes.</param>
/// <param name="Purpose">HL7 v3 purpose of use.</param>
/// <param name="RedirectUri">Where the answer goes.</param>
/// <param name="Expires">When the request ends.</param>
/// <param name="Challenge">The text to sign.</param>
public sealed record AppRequest(
    string Session, string Organisation, string App, string Name, string Scopes, string Purpose, string RedirectUri,
        DateTimeOffset Expires, string Challenge);

/// <summary>A person's signed answer.</summary>
/// <param name="Session">Names the request.</param>
/// <param name="Key">The account's signing key, <c>1:hex</c>.</param>
/// <param name="Decision"><c>approve</c> or <c>decline</c>.</param>
/// <param name="Signature">Over <c>{challenge}|{decision}</c>, hexadecimal.</param>
public sealed record AppAnswer(string Session, string Key, string Decision, string Signature);

/// <summary>The hospital's façade refused; the message is for the person.</summary>
public sealed class AppApprovalException(string message) : Exception(message);

/// <summary>Approves or declines what an app asks of a person: a signature with the account's key over a challenge that names all of
/// it.</summary>
public static class AppApproval
{
    /// <summary>Domain of the signature.</summary>
    public const string Domain = "ptoy/app-approval/v1";

    /// <summary>
    /// The challenge: everything the signer agrees to, so that a signature is good for this request alone.
    /// </summary>
    public static string Challenge(string organisation, string app, string session, string scopes, string purpose, string redirectUri,
        DateTimeOffset expires) =>
        $"{organisation}|{app}|{session}|{scopes}|{purpose}|{redirectUri}|{expires.ToUnixTimeMilliseconds()}";

    /// <summary>Signs a decision.</summary>
    public static AppAnswer Sign(SigningKey key, string session, string challenge, bool approve)
    {
        string decision = approve ? "approve" : "decline";
        return new AppAnswer(session, key.Public.ToString(), decision,
            Convert.ToHexStringLower(key.Sign(Domain, Encoding.UTF8.GetBytes($"{challenge}|{decision}")).Bytes));
    }

    /// <summary>The account that signed, or null when the signature is not right.</summary>
    public static Address? Verify(AppAnswer answer, string challenge)
    {
        try
        {
            PublicKey key = PublicKey.Parse(answer.Key);
            var signature = new Signature(SuiteId.Ed25519, Convert.FromHexString(answer.Signature));
            return Signing.Verify(key, Domain, Encoding.UTF8.GetBytes($"{challenge}|{answer.Decision}"), signature) ? key.Address : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>The request behind an approval link. Throws <see cref="AppApprovalException"/>; the challenge is checked to say what is
    /// shown.</summary>
    public static async Task<AppRequest> ReadAsync(HttpClient http, Uri link, CancellationToken cancellation = default)
    {
        using var message = new HttpRequestMessage(HttpMethod.Get, link);
        message.Headers.Accept.Add(new("application/json"));
        using HttpResponseMessage answer = await http.SendAsync(message, cancellation);
        AppRequest request = await ReadAsync<AppRequest>(answer, cancellation);
        string challenge = Challenge(request.Organisation, request.App, request.Session, request.Scopes, request.Purpose,
            request.RedirectUri, request.Expires);
        return request.Challenge == challenge ? request
            : throw new AppApprovalException("the challenge is not about what the request says: do not sign it");
    }

    /// <summary>Sends the decision to the façade that made the link.</summary>
    public static async Task AnswerAsync(HttpClient http, Uri link, AppAnswer answer, CancellationToken cancellation = default)
    {
        using HttpResponseMessage reply = await http.PostAsJsonAsync(link, answer, JsonSerializerOptions.Web, cancellation);
        await ReadAsync<JsonElement>(reply, cancellation);
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage answer, CancellationToken cancellation)
    {
        string body = await answer.Content.ReadAsStringAsync(cancellation);
        try
        {
            if (answer.IsSuccessStatusCode) return JsonSerializer.Deserialize<T>(body,
                JsonSerializerOptions.Web) ?? throw new AppApprovalException("the façade's answer is empty");
            using JsonDocument error = JsonDocument.Parse(body);
            throw new AppApprovalException(error.RootElement.TryGetProperty("error_description", out JsonElement text) ? text.GetString()!
                : $"the façade answered {(int)answer.StatusCode}");
        }
        catch (JsonException)
        {
            throw new AppApprovalException($"the façade answered {(int)answer.StatusCode} with something that is not JSON");
        }
    }
}
