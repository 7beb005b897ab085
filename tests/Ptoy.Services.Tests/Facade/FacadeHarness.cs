using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Services.Common;
using Ptoy.Services.Facade;
using Ptoy.Services.Facade.Export;
using Ptoy.Services.Facade.Http;
using Ptoy.Services.Facade.Index;
using Ptoy.Services.Facade.Smart;

namespace Ptoy.Services.Tests.Facade;

/// <summary>One line of the patient's log, as the gatekeeper of the tests writes it.</summary>
internal sealed record LoggedAccess(Address Patient, Address Actor, string Purpose, bool IsSearch, int Records, bool IsPermit);

/// <summary>A gatekeeper of the tests' own: who may see which compartments of whom, and a log.</summary>
internal sealed class TestGate(Func<Address, string, string?> compartmentOf) : IAccessGate
{
    /// <summary>What each patient permits an actor: compartments by (patient, actor).</summary>
    public ConcurrentDictionary<(Address Patient, Address Actor), string[]> Grants { get; } = new();

    public ConcurrentQueue<LoggedAccess> Log { get; } = new();

    public HashSet<Address> Employees { get; } = [];

    public bool MayWrite { get; set; } = true;

    public Task<GateAnswer> AccessAsync(Asker asker, Address patient, bool isSearch, IReadOnlyCollection<string> records,
        CancellationToken cancellation)
    {
        var permitted = records.Where(r => Permits(asker, patient, r)).ToHashSet();
        bool any = Any(asker, patient);
        string? reason = any && permitted.Count == records.Count ? null : "no provision permits it";
        Log.Enqueue(new LoggedAccess(patient, asker.Actors[0], asker.Purpose, isSearch, records.Count, reason is null));
        return Task.FromResult(new GateAnswer(permitted, reason));
    }

    public Task<GatePermits> PermitsAsync(
        Asker asker, Address patient, IReadOnlyCollection<string> records, string action, IReadOnlyCollection<string> tags,
            CancellationToken cancellation) =>
        Task.FromResult(new GatePermits(
            Any(asker, patient), records.Where(r => Permits(asker, patient, r)).ToHashSet(),
                (MayWrite && Any(asker, patient) ? tags : []).ToHashSet()));

    public Task<bool> IsEmployeeAsync(Address account, CancellationToken cancellation) => Task.FromResult(Employees.Contains(account));

    private bool Any(Asker asker, Address patient) => asker.Actors.All(a => Grants.ContainsKey((patient, a)));

    private bool Permits(Asker asker, Address patient, string record) => compartmentOf(patient, record) is { } compartment
        && asker.Actors.All(a => Grants.TryGetValue((patient, a), out string[]? seen)
            && (seen.Contains("*") || seen.Contains(compartment)));
}

/// <summary>A vault of the tests' own.</summary>
internal sealed class TestVault : IVaultWriter
{
    public List<byte[]> Written { get; } = [];

    public Task<string?> TagAsync(Address patient, string compartment, CancellationToken cancellation) =>
        Task.FromResult<string?>("tag-of-" + compartment);

    public Task<string> WriteAsync(Address patient, string tag, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        Written.Add(bytes.ToArray());
        return Task.FromResult(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes.Span)));
    }
}

/// <summary>An answer of the façade.</summary>
internal sealed record Answer(int Status, IHeaderDictionary Headers, byte[] Body)
{
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    public string Text => Encoding.UTF8.GetString(Body);

    public string Diagnostics => Json.GetProperty("issue")[0].GetProperty("diagnostics").GetString()!;
}

/// <summary>A façade over the sample records, asked without a network.</summary>
internal sealed class FacadeHarness : IDisposable
{
    public const string Base = "https://fhir.test/fhir";
    public const string Redirect = "https://app.test/done";
    private readonly string _folder = Directory.CreateTempSubdirectory("ptoy-facade").FullName;
    private readonly SealedStore _store;
    private readonly FhirServer _server;

    public FacadeHarness(FacadeOptions? options = null, bool withRecords = true)
    {
        Options = options ?? new FacadeOptions { BaseUrl = Base, Apps = [App(AppKey)] };
        _store = SealedStore.Open(_folder, new byte[32]);
        Library = new FacadeLibrary(_store);
        Gate = new TestGate((patient, record) => Library.Index.Of(patient) is { } shelf
            && shelf.Documents.FirstOrDefault(d => d.RecordId == record) is { RecordId: not null } found
                ? Library.Index.Terms[found.Compartment] : null);
        Core = new FacadeCore(Options, Library, Gate, Vault, new SmartState(_store, Time), Time);
        Exports = new ExportDesk(Core, _store, NullLogger.Instance);
        _server = new FhirServer(Core, SampleRecords.AddressOf(9), Exports, NullLogger.Instance);
        if (!withRecords) return;
        foreach (Address patient in new[] { Patient.Address, SampleRecords.Ben, SampleRecords.Cara })
        {
            Library.Change(patient, SampleRecords.Of(patient == Patient.Address ? SampleRecords.Anna : patient));
            Gate.Grants[(patient, AppKey.Address)] = ["*"];
        }
    }

    public static SigningKey AppKey { get; } = new([.. Enumerable.Repeat((byte)70, SigningKey.SeedSize)]);

    /// <summary>Anna's account, with a key.</summary>
    public static SigningKey Patient { get; } = new([.. Enumerable.Repeat((byte)71, SigningKey.SeedSize)]);

    public ManualTime Time { get; } = new();

    public FacadeOptions Options { get; }

    public FacadeLibrary Library { get; }

    public TestGate Gate { get; }

    public TestVault Vault { get; } = new();

    public FacadeCore Core { get; }

    public ExportDesk Exports { get; }

    public SealedStore Store => _store;

    public static FacadeApp App(SigningKey key, string? scopes = null) => new()
    {
        ClientId = key.Address.ToString(), Name = "Test app", RedirectUris = [Redirect],
        Scopes = scopes ?? "patient/*.cruds user/*.rs launch/patient offline_access", Purposes = ["TREAT", "PATRQT"],
    };

    /// <summary>A token with these scopes; for a patient where they are patient/ ones.</summary>
    public string Token(string scopes = "patient/*.cruds")
    {
        SmartScope[] parsed = [.. scopes.Split(' ').Select(s => SmartScope.Parse(s)!)];
        Address? patient = parsed[0].Level == ScopeLevel.Patient ? Patient.Address : null;
        var grant = new SmartGrant(Guid.NewGuid().ToString("N"), AppKey.Address, patient, null, parsed, [], "TREAT",
            Time.GetUtcNow().AddDays(1));
        return Core.Smart.Begin(grant, 600, false).Access;
    }

    public Task<Answer> GetAsync(string path, string? token = null, params (string Name, string Value)[] headers) =>
        SendAsync("GET", path, token, null, null, headers);

    public async Task<Answer> SendAsync(string method, string path, string? token, string? body, string? type,
        params (string Name, string Value)[] headers)
    {
        var http = new DefaultHttpContext();
        string[] parts = path.Split('?', 2);
        http.Request.Method = method;
        http.Request.QueryString = parts.Length > 1 ? new QueryString("?" + parts[1]) : QueryString.Empty;
        http.Request.Headers.Accept = "application/fhir+json";
        if (token is not null) http.Request.Headers.Authorization = "Bearer " + token;
        if (body is not null)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(body);
            (http.Request.Body, http.Request.ContentLength, http.Request.ContentType) = (new MemoryStream(bytes), bytes.Length, type);
        }
        foreach ((string name, string value) in headers) http.Request.Headers[name] = value;
        using var answer = new MemoryStream();
        http.Response.Body = answer;
        await _server.AnswerAsync(http, parts[0]);
        return new Answer(http.Response.StatusCode, http.Response.Headers, answer.ToArray());
    }

    public static Dictionary<string, string> Pkce(string verifier) => new()
    {
        ["code_challenge"] = System.Buffers.Text.Base64Url.EncodeToString(System.Security.Cryptography.SHA256.HashData(Encoding.ASCII.GetBytes(verifier))),
        ["code_challenge_method"] = "S256",
    };

    public static string Form(Dictionary<string, string> values) => string.Join('&',
        values.Select(v => $"{v.Key}={Uri.EscapeDataString(v.Value)}"));

    public Task<Answer> PostFormAsync(string path, Dictionary<string, string> values) =>
        SendAsync("POST", path, null, Form(values), "application/x-www-form-urlencoded");

    /// <summary>The app's request for a code.</summary>
    public Task<Answer> AuthorizeAsync(string scope, string verifier, Action<Dictionary<string, string>>? change = null)
    {
        Dictionary<string, string> asked = Pkce(verifier);
        asked["response_type"] = "code";
        asked["client_id"] = AppKey.Address.ToString();
        asked["redirect_uri"] = Redirect;
        asked["scope"] = scope;
        asked["state"] = "s1";
        asked["aud"] = Base;
        change?.Invoke(asked);
        return GetAsync("auth/authorize?" + Form(asked));
    }

    /// <summary>A person's signed answer; returns the façade's.</summary>
    public Task<Answer> ApproveAsync(JsonElement request, SigningKey signer, bool approve = true)
    {
        string session = request.GetProperty("session").GetString()!;
        AppAnswer answer = AppApproval.Sign(signer, session, request.GetProperty("challenge").GetString()!, approve);
        return SendAsync("POST", $"auth/approve/{session}", null, JsonSerializer.Serialize(answer, JsonSerializerOptions.Web),
            "application/json");
    }

    public void Dispose()
    {
        Exports.Dispose();
        _store.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
