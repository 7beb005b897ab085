using System.Globalization;
using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Analytics.Cohort;
using Ptoy.Services.Analytics.Patient;
using Ptoy.Services.Authority;
using Ptoy.Services.Common;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Analytics.Service;

/// <summary>
/// Cohort analytics over HTTP. Every request is signed as requests to nodes are (header X-Ptoy-Auth), with the service's signing key in the place of the
/// node's: <c>POST /v1/studies/{number}/queries[?fresh=true]</c> (method <see cref="AskMethod"/>, body: the query), <c>POST /v1/cohort/tables</c>
/// (<see cref="TablesMethod"/>) and <c>POST /v1/cohort/extract</c> (<see cref="ExtractMethod"/>), both with an empty body.
/// </summary>
internal sealed class CohortPart(string name, CohortDesk desk, CohortOptions options, AuthorityRequests requests, Func<int> patients) : IDaemonPart
{
    /// <summary>Method of a question, as it is signed: with the study's number.</summary>
    public const string AskMethod = "cohort_ask";

    /// <summary>Method of the tables, as it is signed.</summary>
    public const string TablesMethod = "cohort_tables";

    /// <summary>Method of the extract, as it is signed.</summary>
    public const string ExtractMethod = "cohort_extract";

    private const int MaxBody = 64 * 1024;
    private static readonly TimeSpan RetryRecovery = TimeSpan.FromMinutes(1);
    private volatile string _trouble = "";

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public PartHealth Health() => _trouble.Length > 0
        ? new PartHealth(false, _trouble) : new PartHealth(true, $"{patients()} patients, {desk.Waiting} questions under way");

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/v1/studies/{study:long}/queries", (HttpContext http, long study, bool? fresh) => AnswerAsync(http, async () =>
        {
            // The study is part of what is signed: a question to one study must not be replayed to another.
            (Address account, byte[] body) = await SignerAsync(http, string.Create(CultureInfo.InvariantCulture, $"{AskMethod}/{study}"));
            return await desk.AskAsync(study, account, CohortQuery.Parse(body), fresh == true, http.RequestAborted);
        }));
        routes.MapPost("/v1/cohort/tables", (HttpContext http) => AnswerAsync(http, async () =>
        {
            (Address account, _) = await SignerAsync(http, TablesMethod);
            return await desk.TablesAsync(options.Tables, account, http.RequestAborted);
        }));
        routes.MapPost("/v1/cohort/extract", ExtractAsync);
    }

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await desk.RecoverAsync(stop);
                _trouble = "";
                await Task.Delay(Timeout.InfiniteTimeSpan, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested) { return; }
            catch (Exception e) when (e is RpcException or RpcConnectionException or TimeoutException or HttpRequestException)
            {
                _trouble = "the node does not answer";
                try { await Task.Delay(RetryRecovery, stop); }
                catch (OperationCanceledException) when (stop.IsCancellationRequested) { return; }
            }
        }
    }

    private Task ExtractAsync(HttpContext http) => AnswerAsync<object?>(http, async () =>
    {
        (Address account, _) = await SignerAsync(http, ExtractMethod);
        if (options.Extract is not { } query) throw new StudyRefusedException("no extract is configured");
        using var file = new MemoryStream();
        ExtractReport report = await desk.ExtractAsync(query, account, file, http.RequestAborted);
        http.Response.ContentType = "application/vnd.apache.parquet";
        http.Response.Headers["X-Ptoy-Rows"] = report.Rows.ToString(CultureInfo.InvariantCulture);
        http.Response.Headers["X-Ptoy-Smallest-Class"] = report.SmallestClass.ToString(CultureInfo.InvariantCulture);
        file.Position = 0;
        await file.CopyToAsync(http.Response.Body, http.RequestAborted);
        return null;
    });

    private static async Task AnswerAsync<T>(HttpContext http, Func<Task<T>> work)
    {
        try
        {
            if (await work() is { } answer) await http.Response.WriteAsJsonAsync(answer, SeriesResult.Json, http.RequestAborted);
        }
        catch (Exception e) when (!http.Response.HasStarted && StatusOf(e) is { } status)
        {
            http.Response.Clear();
            http.Response.StatusCode = status;
            await http.Response.WriteAsJsonAsync(new { error = MessageOf(e) }, SeriesResult.Json, http.RequestAborted);
        }
    }

    private static int? StatusOf(Exception e) => e switch
    {
        FieldException => StatusCodes.Status400BadRequest,
        StudyRefusedException { IsBudget: true } => StatusCodes.Status402PaymentRequired,
        StudyRefusedException or AuthorityException => StatusCodes.Status403Forbidden,
        BadHttpRequestException => StatusCodes.Status413PayloadTooLarge,
        RateLimitException => StatusCodes.Status429TooManyRequests,
        RpcException or RpcConnectionException or TimeoutException or HttpRequestException => StatusCodes.Status503ServiceUnavailable,
        _ => null,
    };

    private static string MessageOf(Exception e) => e switch
    {
        BadHttpRequestException => $"the request is larger than {MaxBody} bytes",
        RpcException or RpcConnectionException or TimeoutException or HttpRequestException => "the node does not answer; nothing was spent, or it will be found when the question is asked again",
        _ => e.Message,
    };

    private async Task<(Address Account, byte[] Body)> SignerAsync(HttpContext http, string method)
    {
        using var body = new MemoryStream();
        var chunk = new byte[8192];
        int read;
        while ((read = await http.Request.Body.ReadAsync(chunk, http.RequestAborted)) > 0)
        {
            if (body.Length + read > MaxBody) throw new BadHttpRequestException("too large", StatusCodes.Status413PayloadTooLarge);
            body.Write(chunk, 0, read);
        }
        byte[] bytes = body.ToArray();
        (Address? account, string problem) = requests.Check(http.Request.Headers[RpcJson.AuthHeader], method, bytes);
        return account is { } signer ? (signer, bytes) : throw new AuthorityException(AuthorityRefusal.NotEntitled, problem);
    }
}
