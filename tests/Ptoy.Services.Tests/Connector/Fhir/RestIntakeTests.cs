using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using NUnit.Framework;
using Ptoy.Protocol;
using Ptoy.Services.Connector;
using Ptoy.Services.Connector.Fhir;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Tests.Connector.Fhir;

public sealed class RestIntakeTests
{
    private static readonly byte[] Key = Enumerable.Repeat((byte)3, 32).ToArray();
    private readonly List<TimeSpan> _pauses = [];
    private readonly ManualTime _time = new();
    private string _folder = "";
    private ConnectorState _state = null!;
    private Intake _intake = null!;
    private TestFhirServer _server = null!;
    private HttpClient _http = null!;

    [SetUp]
    public async Task SetUp()
    {
        _folder = Directory.CreateTempSubdirectory("ptoy-rest-").FullName;
        _state = ConnectorState.Open(Path.Combine(_folder, "state"), Key);
        _intake = new Intake(_state, _time);
        _server = await TestFhirServer.StartAsync();
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        _pauses.Clear();
    }

    [TearDown]
    public async Task TearDown()
    {
        _http.Dispose();
        await _server.DisposeAsync();
        _intake.Dispose();
        _state.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private RestIntakeOptions Options => new() { BaseUrl = _server.Address.ToString(), PageSize = 7, RequestsPerSecond = 1000, OverlapSeconds = 0 };

    private async Task<RestRound> Round(RestIntakeOptions? options = null)
    {
        options ??= Options;
        Assert.That(options.Problems(), Is.Empty);
        var random = new Random(5);
        var client = new FhirClient(_http, options, _time, random.NextDouble, (pause, _) =>
        {
            _pauses.Add(pause);
            return Task.CompletedTask;
        });
        var intake = new RestIntake(options, client, _state, _intake, new SharedResources(options.Source, _state, _intake), _ => Task.CompletedTask, NullLogger.Instance);
        return await intake.RunAsync(null, CancellationToken.None);
    }

    private void Load(int patients = 3, int resources = 40)
    {
        foreach (GeneratedBundle bundle in BundleGenerator.Generate(new GeneratorOptions(4, patients, resources))) _server.Shelf.Load(bundle.Bytes);
    }

    /// <summary>The newest bytes that are held of a resource, with every patient who has it, and as the hospital's own.</summary>
    private Dictionary<string, HashSet<string>> Held()
    {
        var held = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        foreach (ConnectorPatient patient in _state.Patients.Values)
        {
            foreach (var resource in _state.Resources.SlicesOf(patient.Number).GroupBy(s => $"{s.Slice.Type}/{s.Slice.Id}"))
            {
                if (!held.TryGetValue(resource.Key, out HashSet<string>? digests)) held[resource.Key] = digests = [];
                digests.Add(resource.Last().Slice.Digest);
            }
        }
        return held;
    }

    private async Task EqualsTheServerAsync()
    {
        Dictionary<string, HashSet<string>> held = Held();
        IReadOnlyList<Shelved> all = _server.Shelf.All;
        Assert.That(
            held.Keys.GroupBy(k => k.Split('/')[0]).ToDictionary(g => g.Key, g => g.Count()),
            Is.EquivalentTo(all.GroupBy(r => r.Type).ToDictionary(g => g.Key, g => g.Count())));
        _server.Faults = _ => Fault.None;
        _server.Lets = null;
        foreach (Shelved resource in all)
        {
            byte[] bytes = await _http.GetByteArrayAsync(new Uri($"{_server.Address}/{resource.Address}"));
            Assert.That(held[resource.Address], Is.EqualTo(new[] { new Hash(SHA256.HashData(bytes)).ToString() }), resource.Address);
        }
    }

    [Test]
    public async Task EveryResourceIsHeldByteForByteAsTheServerGivesIt()
    {
        Load();
        RestRound round = await Round();
        await EqualsTheServerAsync();
        Assert.That(round.Stored, Is.EqualTo(_server.Shelf.All.Count));
        Assert.That((await Round()).Stored, Is.Zero);
    }

    [Test]
    public async Task ChangesArriveInTheNextRoundAndOnlyTheyAreRead()
    {
        Load();
        await Round();
        Shelved first = _server.Shelf.All.First(r => r.Type == "Observation");
        _server.Shelf.Touch(first, "changed");
        RestRound round = await Round();
        Assert.That(round.Stored, Is.EqualTo(1));
        Assert.That(round.Resources, Is.LessThan(_server.Shelf.All.Count / 2));
        await EqualsTheServerAsync();
    }

    [TestCase(true, true, true)]
    [TestCase(true, true, false)]
    [TestCase(true, false, true)]
    [TestCase(false, true, true)]
    [TestCase(false, false, true)]
    public async Task NothingIsMissedThatChangesWhileItIsRead(bool sorts, bool apart, bool totals)
    {
        (_server.Sorts, _server.Totals) = (sorts, totals);
        // All at one instant: entries can be told apart by their place in the list only.
        if (!apart) _server.Shelf.Step = TimeSpan.Zero;
        Load(patients: 2, resources: 60);
        _server.Shelf.Step = TimeSpan.FromMilliseconds(1);
        var random = new Random(9);
        int left = 25;
        _server.AfterPage = type =>
        {
            // Early entries move to the end and pull those behind them forward, over the border of the page.
            if (left <= 0 || random.Next(3) == 0) return;
            Shelved[] some = [.. _server.Shelf.All.Where(r => r.Type == type).OrderBy(r => r.Changed).ThenBy(r => r.Order).Take(5)];
            if (some.Length > 0) _server.Shelf.Touch(some[random.Next(some.Length)], $"change {left--}");
        };
        await Round();
        Dictionary<string, HashSet<string>> held = Held();
        Assert.That(_server.Shelf.All.Where(r => !held.ContainsKey(r.Address)).Select(r => r.Type), Is.Empty, "skipped while others moved");
        left = 0;
        await Round();
        await EqualsTheServerAsync();
    }

    [Test]
    public async Task ABusyServerIsGivenTheTimeItAsksForAndABrokenLineIsTriedAgain()
    {
        Load();
        _server.Faults = number => (number % 11) switch { 3 => Fault.TooMany, 5 => Fault.Dropped, 8 => Fault.Busy, _ => Fault.None };
        RestRound round = await Round();
        Assert.That(round.Repeats, Is.GreaterThan(3));
        Assert.That(_pauses, Does.Contain(TimeSpan.FromSeconds(7)));
        // Shorter ones are the pacer's: its clock stands still here.
        Assert.That(_pauses.Where(p => p != TimeSpan.FromSeconds(7) && p > TimeSpan.FromSeconds(0.2)), Is.Not.Empty.And.All.InRange(Backoff.First / 2, Backoff.Longest));
        await EqualsTheServerAsync();
    }

    [Test]
    public async Task WhatWasCutOffGoesOnWhereItWas()
    {
        Load(patients: 6, resources: 300);
        RestIntakeOptions options = Options with { PageSize = 20, MaxAttempts = 2 };
        await Round(options with { Source = "whole" });
        int whole = _server.Requests;
        int first = _server.Requests;
        _server.Faults = number => number > first + (whole * 3 / 4) ? Fault.Dropped : Fault.None;
        Assert.That(() => Round(options), Throws.TypeOf<FhirServerException>().With.Message.Contains("broke off"));
        int before = _server.Requests;
        _server.Faults = _ => Fault.None;
        await Round(options);
        Assert.That(_server.Requests - before, Is.LessThan(whole * 3 / 4));
        Assert.That(_state.Patients.Values.Where(p => p.Source == "ehr").Sum(p => _state.Resources.CountOf(p.Number)), Is.EqualTo(_server.Shelf.All.Count));
    }

    [TestCase(RestMode.Auto)]
    [TestCase(RestMode.Everything)]
    public async Task AServerThatLetsOnlyPatientsBeSearchedIsAskedPatientByPatient(RestMode mode)
    {
        Load();
        _server.SearchesAll = mode == RestMode.Everything;
        await Round(Options with { Mode = mode });
        await EqualsTheServerAsync();
        Assert.That(_server.Log.Count(l => l.Contains("$everything", StringComparison.Ordinal)), Is.GreaterThanOrEqualTo(3));
    }

    [Test]
    public async Task WhatPatientsShareIsHeldWithEachAndANewVersionReachesAll()
    {
        void Put(string json)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(json);
            ResourceHead head = ResourceScan.Read(bytes);
            _server.Shelf.Put(head.Type, head.Id!, bytes);
        }
        foreach (string id in (string[])["a", "b"])
        {
            Put($$"""{"resourceType":"Patient","id":"{{id}}"}""");
            Put($$$"""{"resourceType":"Encounter","id":"e{{{id}}}","subject":{"reference":"Patient/{{{id}}}"},"participant":[{"individual":{"reference":"PractitionerRole/r"}}]}""");
        }
        Put("""{"resourceType":"PractitionerRole","id":"r","practitioner":{"reference":"Practitioner/p"}}""");
        Put("""{"resourceType":"Practitioner","id":"p"}""");
        Put("""{"resourceType":"Group","id":"g","member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/b"}}]}""");
        await Round();
        string[] Types(string id) => [.. _state.Resources.SlicesOf(_state.Patients["ehr|" + id].Number).Select(s => s.Slice.Type)];
        Assert.That(Types("a"), Is.EquivalentTo(new[] { "Patient", "Encounter", "PractitionerRole", "Practitioner" }));
        Assert.That(Types("b"), Is.EquivalentTo(new[] { "Patient", "Encounter", "PractitionerRole", "Practitioner" }));
        Assert.That(Types(""), Is.EquivalentTo(new[] { "PractitionerRole", "Practitioner", "Group" }), "what is about several patients stays the hospital's own");
        _server.Shelf.Touch(_server.Shelf.Find("Practitioner", "p")!, "moved");
        await Round();
        await EqualsTheServerAsync();
    }

    [Test]
    public async Task WhatWasDeliveredToTheEhrDoesNotComeBack()
    {
        _server.Shelf.Put("Condition", "c", """{"resourceType":"Condition","id":"c","identifier":[{"system":"urn:ptoy:resource","value":"x"}],"subject":{"reference":"Patient/a"}}"""u8.ToArray());
        await Round();
        Assert.That(_state.Patients, Is.Empty);
    }

    [Test]
    public void ALinkToAnotherServerIsNotFollowed()
    {
        Load();
        (_server.LinksElsewhere, _server.Sorts) = (true, false);
        Assert.That(() => Round(), Throws.TypeOf<FhirServerException>().With.Message.Contains("another server"));
    }

    [Test]
    public void ARefusalThatDoesNotPassIsToldAtOnce()
    {
        _server.Lets = _ => false;
        Assert.That(() => Round(), Throws.TypeOf<FhirServerException>().With.Property("Status").EqualTo(401));
        Assert.That(_server.Requests, Is.EqualTo(1));
    }

    [TestCase(FhirAuthKind.Basic, "Basic dXNlcjpzZWNyZXQ=")]
    [TestCase(FhirAuthKind.Bearer, "Bearer secret")]
    public async Task CredentialsAreSent(FhirAuthKind kind, string header)
    {
        Load(1, 12);
        string file = Path.Combine(_folder, "secret");
        await File.WriteAllTextAsync(file, "secret\n");
        _server.Lets = h => h == header;
        await Round(Options with { Auth = new FhirAuthOptions { Kind = kind, User = "user", SecretFile = file } });
        await EqualsTheServerAsync();
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task ABackendServiceProvesItselfByItsKeyAndRenewsItsToken(bool isRsa)
    {
        Load(1, 30);
        using RSA rsa = RSA.Create(2048);
        using ECDsa ec = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        string file = Path.Combine(_folder, "key.pem");
        await File.WriteAllTextAsync(file, isRsa ? rsa.ExportPkcs8PrivateKeyPem() : ec.ExportPkcs8PrivateKeyPem());
        SecurityKey key = isRsa ? new RsaSecurityKey(rsa) : new ECDsaSecurityKey(ec);
        int tokens = 0;
        _server.Token = form =>
        {
            var rules = new TokenValidationParameters
            {
                ValidIssuer = "client-1", ValidAudience = new Uri(_server.Address, "/token").ToString(), IssuerSigningKey = key,
                LifetimeValidator = (from, to, _, _) => from <= _time.GetUtcNow().UtcDateTime && to > _time.GetUtcNow().UtcDateTime && to - from <= TimeSpan.FromMinutes(5),
            };
            TokenValidationResult result = new JsonWebTokenHandler().ValidateTokenAsync(form["client_assertion"].ToString(), rules).GetAwaiter().GetResult();
            bool right = result.IsValid && result.Claims["sub"] is "client-1" && form["grant_type"] == "client_credentials" && form["scope"] == "system/*.rs";
            return right ? $$"""{"access_token":"t{{++tokens}}","token_type":"bearer","expires_in":300}""" : null;
        };
        // The server forgets the first token early: the client has to fetch another one by itself.
        _server.Lets = header => header == (_server.Requests < 9 ? "Bearer t1" : "Bearer t2");
        await Round(Options with { Auth = new FhirAuthOptions { Kind = FhirAuthKind.Smart, ClientId = "client-1", KeyFile = file } });
        Assert.That(tokens, Is.EqualTo(2));
        await EqualsTheServerAsync();
    }

    [Test]
    public async Task SyntheaBundlesAreHeldAsTheServerGivesThem()
    {
        string? folder = Environment.GetEnvironmentVariable("PTOY_SYNTHEA");
        if (folder is null || !Directory.Exists(folder)) Assert.Ignore("PTOY_SYNTHEA names no folder of bundles");
        foreach (string file in Directory.GetFiles(folder!, "*.json")) _server.Shelf.Load(await File.ReadAllBytesAsync(file));
        _server.Faults = number => (number % 23) switch { 7 => Fault.TooMany, 13 => Fault.Dropped, _ => Fault.None };
        var random = new Random(2);
        int left = 200;
        _server.AfterPage = type =>
        {
            Shelved[] some = [.. _server.Shelf.All.Where(r => r.Type == type).OrderBy(r => r.Changed).Take(20)];
            if (left-- > 0 && some.Length > 0) _server.Shelf.Touch(some[random.Next(some.Length)], $"{left}");
        };
        await Round(Options with { PageSize = 100 });
        left = 0;
        await Round(Options with { PageSize = 100 });
        await EqualsTheServerAsync();
    }

    [Test]
    public void WrongOptionsAreNamed()
    {
        var wrong = new RestIntakeOptions
        {
            BaseUrl = "http://ehr.example.org/fhir", Source = "", PageSize = 0, IntervalSeconds = 0, OverlapSeconds = -1, RequestsPerSecond = 0, MaxAttempts = 0,
            TimeoutSeconds = 0, Types = ["x y"], Auth = new FhirAuthOptions { Kind = FhirAuthKind.Smart, TokenUrl = "ftp://x" },
        };
        string[] fields = [.. wrong.Problems().Select(p => p[..p.IndexOf(':', StringComparison.Ordinal)])];
        Assert.That(fields, Is.EquivalentTo(new[]
        {
            "baseUrl", "auth.clientId", "auth.keyFile", "auth.tokenUrl", "requestsPerSecond", "maxAttempts", "timeoutSeconds", "source", "pageSize", "intervalSeconds",
            "overlapSeconds", "types",
        }));
    }
}
