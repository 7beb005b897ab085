using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Ptoy.Client.Keys;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Matching;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Workflows;

/// <summary>The key authority refused. The message is for the person and names the field where one is wrong.</summary>
public sealed class AuthorityRefusedException(int status, string message) : Exception(message)
{
    /// <summary>HTTP status: 400 a field, 403 code or key, 409 a second key, 429 too often, 503 try again.</summary>
    public int Status { get; } = status;
}

/// <summary>Calls the key authority.</summary>
public sealed partial class AuthorityClient(HttpClient http, Uri address)
{
    /// <summary>Name of the match statement call, as it is signed.</summary>
    public const string StatementMethod = "authority_matchStatement";

    /// <summary>Name of the tokens call, as it is signed.</summary>
    public const string TokensMethod = "authority_tokens";

    /// <summary>Who the authority is.</summary>
    public async Task<AuthorityInfo> InfoAsync(CancellationToken cancellation = default)
    {
        using HttpResponseMessage answer = await http.GetAsync(new Uri(address, "/v1/info"), cancellation);
        return await ReadAsync<AuthorityInfo>(answer, cancellation);
    }

    /// <summary>Begins a sign-up: a code goes to the phone.</summary>
    public Task<SignUpStarted> StartAsync(SignUpStart request, CancellationToken cancellation = default) =>
        PostAsync<SignUpStarted>("/v1/sign-up/start", request, cancellation);

    /// <summary>Ends a sign-up with this device's keys.</summary>
    public Task<SignUpDone> ConfirmAsync(string signUpId, string code, AccountKeys keys, CancellationToken cancellation = default)
    {
        byte[] text = Encoding.UTF8.GetBytes(SignUpProof.Text(signUpId, keys.Signing.Public, keys.Sealing.Public));
        string proof = Convert.ToHexStringLower(keys.Signing.Sign(SignUpProof.Domain, text).Bytes);
        var request = new SignUpConfirm(signUpId, code, keys.Signing.Public.ToString(), keys.Sealing.Public.ToString(), proof);
        return PostAsync<SignUpDone>("/v1/sign-up/confirm", request, cancellation);
    }

    /// <summary>Ends a sign-up with keys that the authority makes and hands out encrypted.</summary>
    public Task<SignUpIssued> IssueAsync(SignUpIssue request, CancellationToken cancellation = default) =>
        PostAsync<SignUpIssued>("/v1/sign-up/issue", request, cancellation);

    /// <summary>A statement of the account's own tokens.</summary>
    public async Task<MatchStatement> StatementAsync(SigningKey account, CancellationToken cancellation = default)
    {
        var answer = await SignedAsync<StatementAnswer>("/v1/match-statement", StatementMethod, account, new NoParams(), cancellation);
        return Codec.Decode<MatchStatement>(answer.Statement, MatchStatement.MaxBytes);
    }

    /// <summary>Tokens of an organisation's own people.</summary>
    public Task<TokenAnswer> TokensAsync(SigningKey organisation, TokenRequest request, CancellationToken cancellation = default) =>
        SignedAsync<TokenAnswer>("/v1/tokens", TokensMethod, organisation, request, cancellation);

    private async Task<T> PostAsync<T>(string path, object request, CancellationToken cancellation)
    {
        using JsonContent content = JsonContent.Create(request, request.GetType(), options: RpcJson.Options);
        using HttpResponseMessage answer = await http.PostAsync(new Uri(address, path), content, cancellation);
        return await ReadAsync<T>(answer, cancellation);
    }

    private Task<T> SignedAsync<T>(string path, string method, SigningKey key, object request, CancellationToken cancellation) =>
        new SignedHttp(http, address, "/v1/info", "the key authority").CallAsync<T>(path, method, key, request, cancellation);

    private static async Task<T> ReadAsync<T>(HttpResponseMessage answer, CancellationToken cancellation)
    {
        byte[] body = await answer.Content.ReadAsByteArrayAsync(cancellation);
        try
        {
            if (!answer.IsSuccessStatusCode)
            {
                AuthorityError? error = JsonSerializer.Deserialize<AuthorityError>(body, RpcJson.Options);
                throw new AuthorityRefusedException((int)answer.StatusCode, error?.Error ?? $"the key authority answered {(int)answer.StatusCode}");
            }
            return JsonSerializer.Deserialize<T>(body, RpcJson.Options) ?? throw new UntrustedAnswerException("the key authority's answer is empty");
        }
        catch (JsonException)
        {
            throw new AuthorityRefusedException((int)answer.StatusCode, $"the key authority answered {(int)answer.StatusCode} with something that is not JSON");
        }
    }
}
