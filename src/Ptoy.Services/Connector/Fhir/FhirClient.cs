using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Connector.Fhir;

/// <summary>An answer of a FHIR server.</summary>
/// <param name="Body">Its bytes.</param>
/// <param name="Date">The server's clock, as its <c>Date</c> header says; null without one.</param>
internal sealed record FhirAnswer(byte[] Body, DateTimeOffset? Date);

/// <summary>
/// Asks a FHIR (or DICOMweb) server, one request after another: paced, patient when the server is busy or the line breaks, never sending credentials
/// anywhere but to the server itself. Not safe for concurrent use.
/// </summary>
internal sealed class FhirClient
{
    private const long MaxAnswer = 256L * 1024 * 1024;
    private const string FhirJson = "application/fhir+json";
    private readonly HttpClient _http;
    private readonly FhirServerOptions _options;
    private readonly IFhirAuth _auth;
    private readonly Pacer _pacer;
    private readonly Backoff _backoff;
    private readonly TimeProvider _time;
    private readonly Func<TimeSpan, CancellationToken, Task> _pause;

    public FhirClient(HttpClient http, FhirServerOptions options, TimeProvider time, Func<double> jitter, Func<TimeSpan, CancellationToken, Task>? pause = null)
    {
        (_http, _options, _time) = (http, options, time);
        _pause = pause ?? ((wait, cancellation) => Task.Delay(wait, time, cancellation));
        BaseUrl = Folder(new Uri(options.BaseUrl));
        _auth = FixedAuth.Of(options.Auth, http, BaseUrl, time);
        _pacer = new Pacer(options.RequestsPerSecond, time, _pause);
        _backoff = new Backoff(jitter);
    }

    /// <summary>With a slash at the end.</summary>
    public Uri BaseUrl { get; }

    /// <summary>Requests that had to be repeated so far.</summary>
    public int Repeats { get; private set; }

    /// <summary>The address as a folder, so that what is relative to it is inside it.</summary>
    public static Uri Folder(Uri url) => url.AbsoluteUri.EndsWith('/') ? url : new Uri(url.AbsoluteUri + "/");

    /// <summary>Gets something and reads it; an answer that cannot be read (cut off on the way) is asked for again.</summary>
    public Task<T> GetAsync<T>(string address, Func<FhirAnswer, T> read, CancellationToken cancellation) =>
        GetAsync(address, FhirJson, Whole(read), cancellation);

    /// <summary>Gets something else than FHIR; what reads it may be called again when the line breaks.</summary>
    public Task<T> GetAsync<T>(
        string address, string accept, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken cancellation) => SendAsync(
        () =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, Inside(address));
            request.Headers.TryAddWithoutValidation("Accept", accept);
            return request;
        },
        read, cancellation);

    /// <summary>Posts a transaction to the base address. Safe to repeat only because each of its entries is conditional.</summary>
    public Task<T> PostAsync<T>(byte[] bundle, Func<FhirAnswer, T> read, CancellationToken cancellation) => SendAsync(
        () => new HttpRequestMessage(HttpMethod.Post, BaseUrl.AbsoluteUri.TrimEnd('/'))
        {
            Headers = { Accept = { new MediaTypeWithQualityHeaderValue(FhirJson) } },
            Content = new ByteArrayContent(bundle) { Headers = { ContentType = new MediaTypeHeaderValue(FhirJson) } },
        },
        Whole(read), cancellation);

    private static Func<HttpResponseMessage, CancellationToken, Task<T>> Whole<T>(Func<FhirAnswer, T> read) =>
        async (response, cancellation) => read(new FhirAnswer(await BodyAsync(response, cancellation), response.Headers.Date));

    private async Task<T> SendAsync<T>(
        Func<HttpRequestMessage> make, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            await _pacer.TurnAsync(cancellation);
            (T? answer, Trouble? trouble) = await TryAsync(make, read, cancellation);
            if (trouble is null) return answer!;
            if (!trouble.Passes || attempt >= _options.MaxAttempts) throw new FhirServerException(trouble.Status, trouble.Problem);
            Repeats++;
            await _pause(_backoff.After(attempt, trouble.Asked), cancellation);
        }
    }

    private async Task<(T? Answer, Trouble? Trouble)> TryAsync<T>(
        Func<HttpRequestMessage> make, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromSeconds(_options.TimeoutSeconds));
        try
        {
            using HttpRequestMessage request = make();
            request.Headers.Authorization = await _auth.HeaderAsync(limit.Token);
            using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            if (response.IsSuccessStatusCode) return (await read(response, limit.Token), null);
            bool again = response.StatusCode == HttpStatusCode.Unauthorized && _auth.Refused();
            return (default, new Trouble((int)response.StatusCode, "the server did not answer the request")
            {
                Asked = again ? TimeSpan.Zero : Backoff.Asked(response.Headers, _time.GetUtcNow()), Again = again,
            });
        }
        catch (Exception e) when (e is JsonException or BundleException or FormatException)
        {
            return (default, new Trouble(0, "the server's answer is cut off, or not what was asked for"));
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return (default, new Trouble(0, "the server cannot be reached, or broke off"));
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return (default, new Trouble(0, $"the server did not answer within {_options.TimeoutSeconds} s"));
        }
    }

    private static async Task<byte[]> BodyAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (response.Content.Headers.ContentLength is > MaxAnswer) throw new FhirServerException(0, $"an answer of more than {MaxAnswer} bytes");
        await using Stream stream = await response.Content.ReadAsStreamAsync(cancellation);
        using var whole = new MemoryStream();
        var block = new byte[1 << 16];
        int read;
        while ((read = await stream.ReadAsync(block, cancellation)) > 0)
        {
            if (whole.Length + read > MaxAnswer) throw new FhirServerException(0, $"an answer of more than {MaxAnswer} bytes");
            whole.Write(block, 0, read);
        }
        return whole.ToArray();
    }

    /// <summary>A link of the server's own; credentials go nowhere else.</summary>
    private Uri Inside(string address)
    {
        if (!Uri.TryCreate(BaseUrl, address, out Uri? target) || target.Scheme != BaseUrl.Scheme || target.Authority != BaseUrl.Authority)
            throw new FhirServerException(0, "a link of the server leads to another server; set baseUrl to the address that its links have");
        return target;
    }

    private sealed record Trouble(int Status, string Problem)
    {
        public TimeSpan? Asked { get; init; }

        public bool Again { get; init; }

        /// <summary>Worth another try: the server is busy or restarting, or the line broke. Anything else is for people.</summary>
        public bool Passes => Again || Status is 0 or 408 or 425 or 429 or 500 or 502 or 503 or 504;
    }
}
