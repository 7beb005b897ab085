using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Workflows;

/// <summary>Posts JSON to a service that is not a node, signed as calls to nodes are; the service's own key stands for the node's.</summary>
internal sealed class SignedHttp(HttpClient http, Uri address, string infoPath, string who)
{
    private AuthorityInfo? _info;

    /// <summary>Who the service is.</summary>
    public async Task<AuthorityInfo> InfoAsync(CancellationToken cancellation)
    {
        using HttpResponseMessage answer = await http.GetAsync(new Uri(address, infoPath), cancellation);
        return await ReadAsync<AuthorityInfo>(answer, cancellation);
    }

    /// <summary>A signed call. Throws <see cref="AuthorityRefusedException"/> with the service's reason.</summary>
    public async Task<T> CallAsync<T>(string path, string method, SigningKey key, object request, CancellationToken cancellation)
    {
        AuthorityInfo info = _info ??= await InfoAsync(cancellation);
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(request, request.GetType(), RpcJson.Options);
        var signer = new RpcSigner(key, Hash.Parse(info.ChainId), PublicKey.Parse(info.Key));
        using var message = new HttpRequestMessage(HttpMethod.Post, new Uri(address, path)) { Content = new ByteArrayContent(body) };
        message.Content.Headers.ContentType = new("application/json");
        message.Headers.Add(RpcJson.AuthHeader, signer.Sign(method, body).ToJson());
        using HttpResponseMessage answer = await http.SendAsync(message, cancellation);
        return await ReadAsync<T>(answer, cancellation);
    }

    private async Task<T> ReadAsync<T>(HttpResponseMessage answer, CancellationToken cancellation)
    {
        byte[] body = await answer.Content.ReadAsByteArrayAsync(cancellation);
        try
        {
            if (!answer.IsSuccessStatusCode)
            {
                AuthorityError? error = JsonSerializer.Deserialize<AuthorityError>(body, RpcJson.Options);
                throw new AuthorityRefusedException((int)answer.StatusCode, error?.Error ?? $"{who} answered {(int)answer.StatusCode}");
            }
            return JsonSerializer.Deserialize<T>(body, RpcJson.Options) ?? throw new UntrustedAnswerException($"{who}: an empty answer");
        }
        catch (JsonException)
        {
            throw new AuthorityRefusedException((int)answer.StatusCode, $"{who} answered {(int)answer.StatusCode} with something that is not the JSON expected");
        }
    }
}
