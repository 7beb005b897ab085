using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Ptoy.Services.Tests.Connector.Fhir;

/// <summary>What goes wrong with a request.</summary>
internal enum Fault
{
    None,
    TooMany,
    Busy,
    Dropped,
}

/// <summary>
/// A small FHIR R4 server for tests: read, search by change with paging by offset (as naive as many), <c>$everything</c>, transactions with
/// conditional entries. It answers 429 and breaks off when told to.
/// </summary>
internal sealed class TestFhirServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _requests;

    private TestFhirServer(WebApplication app) => _app = app;

    public FhirShelf Shelf { get; } = new();

    public Uri Address { get; private set; } = null!;

    /// <summary>Requests so far.</summary>
    public int Requests => _requests;

    /// <summary>Addresses asked for, in order.</summary>
    public List<string> Log { get; } = [];

    /// <summary>Decides, by the number of the request (from 1), what goes wrong with it.</summary>
    public Func<int, Fault> Faults { get; set; } = _ => Fault.None;

    /// <summary>Called after each page of a search was put together, before it is sent.</summary>
    public Action<string>? AfterPage { get; set; }

    /// <summary>False: it answers <c>_sort</c> with 400.</summary>
    public bool Sorts { get; set; } = true;

    /// <summary>False: it does not tell totals.</summary>
    public bool Totals { get; set; } = true;

    /// <summary>False: only patients can be searched.</summary>
    public bool SearchesAll { get; set; } = true;

    /// <summary>True: a next link leads to another host.</summary>
    public bool LinksElsewhere { get; set; }

    /// <summary>Which authorization header is let in; null: any.</summary>
    public Func<string?, bool>? Lets { get; set; }

    /// <summary>Answers the token endpoint: form to JSON, null for 400.</summary>
    public Func<IFormCollection, string?>? Token { get; set; }

    /// <summary>Refuses a transaction entry: given its resource.</summary>
    public Func<JsonObject, bool> Refuses { get; set; } = _ => false;

    public static async Task<TestFhirServer> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        WebApplication app = builder.Build();
        var server = new TestFhirServer(app);
        app.Run(server.HandleAsync);
        await app.StartAsync();
        server.Address = new Uri(app.Services.GetRequiredService<Microsoft.AspNetCore.Hosting.Server.IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single() + "/fhir");
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task HandleAsync(HttpContext http)
    {
        int number = Interlocked.Increment(ref _requests);
        string path = http.Request.Path.Value!;
        lock (Log) Log.Add($"{http.Request.Method} {path}{http.Request.QueryString}");
        if (path == "/token")
        {
            string? answer = Token?.Invoke(await http.Request.ReadFormAsync());
            await SendAsync(http, answer is null ? 400 : 200, answer ?? "{\"error\":\"invalid_client\"}");
            return;
        }
        if (path == "/fhir/.well-known/smart-configuration")
        {
            await SendAsync(http, Token is null ? 404 : 200, $$"""{"token_endpoint":"{{new Uri(Address, "/token")}}"}""");
            return;
        }
        if (Lets is { } lets && !lets(http.Request.Headers.Authorization))
        {
            await SendAsync(http, 401, Outcome("login"));
            return;
        }
        switch (Faults(number))
        {
            case Fault.TooMany:
                http.Response.Headers.RetryAfter = "7";
                await SendAsync(http, 429, Outcome("throttled"));
                return;
            case Fault.Busy:
                await SendAsync(http, 503, Outcome("transient"));
                return;
            case Fault.Dropped:
                await BreakOffAsync(http);
                return;
        }
        await AnswerAsync(http, path["/fhir".Length..].Trim('/'));
    }

    private Task AnswerAsync(HttpContext http, string path)
    {
        if (HttpMethods.IsPost(http.Request.Method)) return TransactionAsync(http);
        string[] parts = path.Split('/');
        if (path == "metadata") return SendAsync(http, 200, Capabilities());
        if (parts is ["Patient", var patient, "$everything"]) return PageAsync(http, path, Shelf.Everything(patient));
        if (parts is [var type, var id]) return Shelf.Find(type, id) is { } found ? SendAsync(http, 200, found.Bytes) : SendAsync(http, 404, Outcome("not-found"));
        (string, string)[] parameters = [.. QueryHelpers.ParseQuery(http.Request.QueryString.Value).SelectMany(q => q.Value.Select(v => (q.Key, v!)))];
        if (!Sorts && parameters.Any(p => p.Item1 == "_sort")) return SendAsync(http, 400, Outcome("not-supported"));
        return PageAsync(http, path, Shelf.Search(path, parameters, Sorts));
    }

    private Task PageAsync(HttpContext http, string path, IReadOnlyList<Shelved> found)
    {
        int count = int.Parse(http.Request.Query["_count"].FirstOrDefault() ?? "50", CultureInfo.InvariantCulture);
        int offset = int.Parse(http.Request.Query["_offset"].FirstOrDefault() ?? "0", CultureInfo.InvariantCulture);
        Shelved[] page = [.. found.Skip(offset).Take(count)];
        var text = new StringBuilder("{\"resourceType\":\"Bundle\",\"type\":\"searchset\",");
        text.Append(CultureInfo.InvariantCulture, $"\"meta\":{{\"lastUpdated\":\"{Shelf.Now.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}\"}},");
        if (Totals) text.Append(CultureInfo.InvariantCulture, $"\"total\":{found.Count},");
        if (offset + count < found.Count)
        {
            string rest = string.Join("&", QueryHelpers.ParseQuery(http.Request.QueryString.Value).Where(q => q.Key != "_offset")
                .SelectMany(q => q.Value.Select(v => $"{q.Key}={Uri.EscapeDataString(v!)}")));
            string root = LinksElsewhere ? "http://elsewhere.example/fhir" : Address.ToString();
            text.Append(CultureInfo.InvariantCulture, $"\"link\":[{{\"relation\":\"next\",\"url\":\"{root}/{path}?{rest}&_offset={offset + count}\"}}],");
        }
        text.Append("\"entry\":[");
        text.AppendJoin(',', page.Select(r => $"{{\"fullUrl\":\"{Address}/{r.Address}\",\"resource\":{Encoding.UTF8.GetString(r.Bytes)},\"search\":{{\"mode\":\"match\"}}}}"));
        text.Append("]}");
        AfterPage?.Invoke(path);
        return SendAsync(http, 200, text.ToString());
    }

    private async Task TransactionAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body);
        JsonObject bundle = JsonNode.Parse(await reader.ReadToEndAsync())!.AsObject();
        string? answer = new FhirTransaction(Shelf, Refuses).Run(bundle);
        await SendAsync(http, answer is null ? 422 : 200, answer ?? Outcome("invariant"));
    }

    private string Capabilities()
    {
        IEnumerable<string> types = Shelf.All.Select(r => r.Type).Distinct().Where(t => SearchesAll || t == "Patient").Order(StringComparer.Ordinal);
        string resources = string.Join(",", types.Select(t => $$"""{"type":"{{t}}","interaction":[{"code":"read"},{"code":"search-type"}]}"""));
        return $$"""
            {"resourceType":"CapabilityStatement","fhirVersion":"4.0.1","rest":[{"mode":"server","resource":[{{resources}}],
            "operation":[{"name":"everything","definition":"http://hl7.org/fhir/OperationDefinition/Patient-everything"}]}]}
            """;
    }

    private static string Outcome(string code) => $$"""{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"{{code}}"}]}""";

    private static Task SendAsync(HttpContext http, int status, string text) => SendAsync(http, status, Encoding.UTF8.GetBytes(text));

    private static Task SendAsync(HttpContext http, int status, byte[] body)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/fhir+json";
        http.Response.ContentLength = body.Length;
        return http.Response.Body.WriteAsync(body).AsTask();
    }

    /// <summary>Some of an answer, and then nothing more.</summary>
    private static async Task BreakOffAsync(HttpContext http)
    {
        http.Response.ContentLength = 100_000;
        await http.Response.WriteAsync("{\"resourceType\":\"Bundle\",\"entry\":[");
        await http.Response.Body.FlushAsync();
        http.Abort();
    }
}
