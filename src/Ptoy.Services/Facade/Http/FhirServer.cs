using System.Text;
using Ptoy.Protocol;
using Ptoy.Services.Facade.Export;
using Ptoy.Services.Facade.Search;
using Ptoy.Services.Facade.Smart;

namespace Ptoy.Services.Facade.Http;

/// <summary>The façade's HTTP: every request below its base path. Every error of the FHIR side is an OperationOutcome.</summary>
internal sealed class FhirServer
{
    private const int MaxUrl = 8_000;
    private readonly FacadeCore _core;
    private readonly SmartEndpoints _smart;
    private readonly ExportDesk _exports;
    private readonly byte[] _metadata;
    private readonly byte[] _configuration;
    private readonly ILogger _log;

    public FhirServer(FacadeCore core, Address organisation, ExportDesk exports, ILogger log)
    {
        (_core, _exports, _log) = (core, exports, log);
        _smart = new SmartEndpoints(core, organisation);
        _metadata = CapabilityStatement.Make(core);
        _configuration = CapabilityStatement.SmartConfiguration(core.Base);
    }

    /// <summary>Requests answered, by outcome, for the metrics.</summary>
    public long Answered { get; private set; }

    /// <summary>Requests that ended in an error of the server's.</summary>
    public long Failed { get; private set; }

    /// <summary>Answers a request; <paramref name="path"/> is what follows the base path.</summary>
    public async Task AnswerAsync(HttpContext http, string path)
    {
        Answered++;
        using var time = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        time.CancelAfter(TimeSpan.FromSeconds(_core.Options.RequestSeconds));
        try
        {
            path = Uri.UnescapeDataString(path.Trim('/'));
            if (path.StartsWith("auth/", StringComparison.Ordinal)) await _smart.AnswerAsync(http, path["auth/".Length..], time.Token);
            else await RouteAsync(http, path, time.Token);
        }
        catch (FhirException e)
        {
            await FailAsync(http, e);
        }
        catch (SearchException e)
        {
            await FailAsync(http, FhirException.BadRequest(e.Message));
        }
        catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
        {
            await FailAsync(http, new FhirException(503, "timeout",
                $"it took longer than {_core.Options.RequestSeconds} s: narrow the request"));
        }
        catch (OperationCanceledException)
        {
            // The client went away: nobody is left to answer.
        }
        catch (Exception e) when (!http.Response.HasStarted && e is not OutOfMemoryException)
        {
            Failed++;
            _log.LogError(e, "facade: a request failed");
            await FailAsync(http, new FhirException(500, "exception", "a fault of the server; its log has the details"));
        }
    }

    private static Task FailAsync(HttpContext http, FhirException error) => http.Response.HasStarted ? Task.CompletedTask
        : Outcomes.AnswerAsync(http, error);

    private async Task RouteAsync(HttpContext http, string path, CancellationToken cancellation)
    {
        HttpRequest request = http.Request;
        if ((request.QueryString.Value?.Length ?? 0) + path.Length > MaxUrl) throw new FhirException(414, "too-long",
            $"the URL is longer than {MaxUrl} characters: use POST _search");
        bool isGet = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);
        if (isGet && path == ".well-known/smart-configuration")
        {
            await BytesAsync(http, _configuration, "application/json");
            return;
        }
        string[] parts = path.Split('/');
        bool isExportFile = parts[0] == ExportDesk.Path;
        if (!isExportFile) RequireJson(http);
        if (isGet && path == "metadata")
        {
            await BytesAsync(http, _metadata, Outcomes.FhirJson);
            return;
        }
        var context = new RequestContext(http, _core, Authorized(http), cancellation);
        if (isExportFile || parts[^1] == "$export") await _exports.AnswerAsync(context, parts);
        else if (isGet) await GetAsync(context, path, parts);
        else if (HttpMethods.IsPost(request.Method)) await PostAsync(context, parts);
        else throw new FhirException(405, "not-supported",
            $"{request.Method} is not supported: there are read, vread, history, search and create");
    }

    private static async Task GetAsync(RequestContext context, string path, string[] parts)
    {
        if (path.Length == 0)
        {
            List<(string Name, string Value)> query = context.Query();
            if (query is not [("_getpages",
                var cursor)]) throw FhirException.NotSupported("a search names a resource type, as in Patient?name=…");
            await new SearchHandler(context).PageAsync(cursor);
            return;
        }
        RequireType(parts[0]);
        switch (parts)
        {
            case [var type]: await new SearchHandler(context).SearchAsync(type, context.Query()); break;
            case ["Patient", var id, "$everything"]: await new SearchHandler(context).EverythingAsync(id, context.Query()); break;
            case [var type, var id] when !id.StartsWith('$') && !id.StartsWith('_'): await new ReadHandler(context).ReadAsync(type,
                id); break;
            case [var type, var id, "_history"]: await new ReadHandler(context).HistoryAsync(type, id); break;
            case [var type, var id, "_history", var version]: await new ReadHandler(context).VersionAsync(type, id, version); break;
            default: throw FhirException.NotFound("there is no such interaction or operation");
        }
    }

    private static async Task PostAsync(RequestContext context, string[] parts)
    {
        RequireType(parts[0]);
        switch (parts)
        {
            case [var type, "_search"]: await new SearchHandler(context).SearchAsync(type, await context.FormAsync()); break;
            case [var type]: await new CreateHandler(context).CreateAsync(type); break;
            default: throw FhirException.NotFound("there is no such interaction or operation");
        }
    }

    private static void RequireType(string type)
    {
        if (!SearchParameters.IsType(type))
            throw FhirException.NotFound($"{RequestContext.Printable(type)} is not a resource type of FHIR R4");
    }

    /// <summary>JSON is what there is; asking for anything else alone is refused.</summary>
    private static void RequireJson(HttpContext http)
    {
        string? format = RequestContext.Pairs(http.Request.QueryString.Value?.TrimStart('?') ?? "").FirstOrDefault(p =>
            p.Name == "_format").Value;
        string accept = format ?? http.Request.Headers.Accept.ToString();
        if (accept.Length == 0 || accept.Contains("json", StringComparison.OrdinalIgnoreCase)
            || (format is null && accept.Contains('*', StringComparison.Ordinal))) return;
        throw new FhirException(406, "not-supported", "only JSON is served: Accept: application/fhir+json");
    }

    private SmartGrant Authorized(HttpContext http)
    {
        string header = http.Request.Headers.Authorization.ToString();
        if (!header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            throw new FhirException(401, "login",
                $"a token is needed: {_core.Base}/.well-known/smart-configuration says where to get one") { Challenge = "Bearer" };
        return _core.Smart.Find(header["Bearer ".Length..].Trim())
            ?? throw FhirException.Unauthorized("the token is not known, has expired, or was revoked");
    }

    private static async Task BytesAsync(HttpContext http, byte[] body, string type)
    {
        http.Response.ContentType = type;
        http.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(http.Request.Method)) await http.Response.Body.WriteAsync(body);
    }
}
