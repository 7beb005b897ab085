using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Ptoy.Services.Facade.Index;

namespace Ptoy.Services.Tests.Facade;

/// <summary>The FHIR side over HTTP: interactions, errors, permissions, the log.</summary>
[TestFixture]
internal sealed class FacadeHttpTests
{
    private FacadeHarness _facade = null!;

    [SetUp]
    public void Start() => _facade = new FacadeHarness();

    [TearDown]
    public void Stop() => _facade.Dispose();

    [Test]
    public async Task A_read_gives_the_stored_bytes_with_meta_apart()
    {
        foreach (IndexedResource resource in SampleRecords.Of(SampleRecords.Ben).Where(r => r.Type == "Observation"))
        {
            Answer answer = await _facade.GetAsync($"Observation/{resource.Id}", _facade.Token("system/*.rs"));
            Assert.That(answer.Status, Is.EqualTo(200));
            string stored = Encoding.UTF8.GetString(resource.Bytes.Span), given = answer.Text;
            int meta = given.IndexOf("\"meta\":", StringComparison.Ordinal), end = given.IndexOf("},", meta, StringComparison.Ordinal) + 2;
            Assert.That(given.Remove(meta, end - meta), Is.EqualTo(stored), "every byte but meta's is as it was sealed: 1.00 stays 1.00");
            Assert.That(answer.Headers.ETag.ToString(), Is.EqualTo($"W/\"{resource.RecordId[..16]}\""));
        }
    }

    [Test]
    public async Task What_else_stands_in_meta_stays()
    {
        JsonElement meta = (await _facade.GetAsync("Observation/glu-1", _facade.Token())).Json.GetProperty("meta");
        Assert.That(meta.GetProperty("profile")[0].GetString(), Is.EqualTo("http://example.org/fhir/lab"));
        Assert.That(meta.TryGetProperty("versionId", out _), Is.True);
    }

    [Test]
    public async Task A_read_and_a_search_are_in_the_patients_log_with_their_purpose()
    {
        await _facade.GetAsync("Observation/glu-1", _facade.Token());
        await _facade.GetAsync("Observation?code=2339-0", _facade.Token());
        await _facade.GetAsync("Observation?code=nothing", _facade.Token());
        Assert.That(_facade.Gate.Log.Select(l => (l.IsSearch, l.Records, l.Purpose, l.IsPermit)),
            Is.EqualTo(new[] { (false, 1, "TREAT", true), (true, 4, "TREAT", true), (true, 0, "TREAT", true) }));
    }

    [Test]
    public async Task Without_the_apps_grant_the_answer_is_403_and_the_token_ends()
    {
        string token = _facade.Token();
        _facade.Gate.Grants.Clear();
        Answer denied = await _facade.GetAsync("Observation/glu-1", token);
        Assert.That((denied.Status, denied.Json.GetProperty("resourceType").GetString()), Is.EqualTo((403, "OperationOutcome")));
        Assert.That(denied.Diagnostics, Does.Contain("no provision permits it"));
        Assert.That((await _facade.GetAsync("Observation/glu-1", token)).Status, Is.EqualTo(401), "what it rested on has ended, so the token has");
    }

    [Test]
    public async Task A_compartment_that_is_not_granted_is_neither_found_nor_counted()
    {
        _facade.Gate.Grants[(FacadeHarness.Patient.Address, FacadeHarness.AppKey.Address)] = ["vital-signs"];
        JsonElement bundle = (await _facade.GetAsync("Observation?patient=anna", _facade.Token())).Json;
        Assert.That(bundle.GetProperty("total").GetInt32(), Is.EqualTo(3));
        Assert.That((await _facade.GetAsync("Observation/glu-1", _facade.Token())).Status, Is.EqualTo(403));
        Assert.That((await _facade.GetAsync("Observation?encounter.class=IMP", _facade.Token())).Json.GetProperty("total").GetInt32(), Is.Zero,
            "a chain through what may not be seen tells nothing");
    }

    [Test]
    public async Task A_scopes_constraint_holds_for_searches_and_reads()
    {
        string token = _facade.Token("patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory");
        Assert.That((await _facade.GetAsync("Observation", token)).Json.GetProperty("total").GetInt32(), Is.EqualTo(7));
        Assert.That((await _facade.GetAsync("Observation/bp-1", token)).Status, Is.EqualTo(403));
        Assert.That((await _facade.GetAsync("Condition", token)).Headers.WWWAuthenticate.ToString(), Does.Contain("insufficient_scope"));
    }

    [Test]
    public async Task Pages_follow_one_another_and_belong_to_who_asked()
    {
        string token = _facade.Token();
        var seen = new List<string>();
        Answer page = await _facade.GetAsync("Observation?_count=3", token);
        string first = page.Text;
        while (true)
        {
            seen.AddRange(page.Json.GetProperty("entry").EnumerateArray().Select(e => e.GetProperty("resource").GetProperty("id").GetString()!));
            if (Link(page, "next") is not { } next) break;
            page = await _facade.GetAsync(next[FacadeHarness.Base.Length..].TrimStart('/'), token);
        }
        Assert.That(seen, Is.Unique.And.Count.EqualTo(page.Json.GetProperty("total").GetInt32()));
        string link = JsonDocument.Parse(first).RootElement.GetProperty("link").EnumerateArray().First(l => l.GetProperty("relation").GetString() == "next").GetProperty("url").GetString()!;
        string path = link[FacadeHarness.Base.Length..];
        Assert.That((await _facade.GetAsync(path, _facade.Token())).Status, Is.EqualTo(410), "another token's page");
        _facade.Time.Advance(TimeSpan.FromMinutes(11));
        Assert.That((await _facade.GetAsync(path, _facade.Token())).Status, Is.EqualTo(410));
    }

    [Test]
    public async Task Unknown_parameters_are_reported_or_when_strict_refused()
    {
        Answer lenient = await _facade.GetAsync("Observation?nonsense=1&code=718-7", _facade.Token());
        Assert.That(Link(lenient, "self"), Is.EqualTo(FacadeHarness.Base + "/Observation?code=718-7"));
        JsonElement outcome = lenient.Json.GetProperty("entry").EnumerateArray().Single(e => e.GetProperty("search").GetProperty("mode").GetString() == "outcome");
        Assert.That(outcome.GetProperty("resource").GetProperty("issue")[0].GetProperty("diagnostics").GetString(), Does.StartWith("nonsense: "));
        Answer strict = await _facade.GetAsync("Observation?nonsense=1", _facade.Token(), ("Prefer", "handling=strict"));
        Assert.That((strict.Status, strict.Diagnostics), Is.EqualTo((400, "not known or not supported: nonsense (Prefer: handling=strict)")));
    }

    [Test]
    public async Task A_search_may_be_posted()
    {
        Answer answer = await _facade.SendAsync("POST", "Observation/_search", _facade.Token(), "code=718-7&_sort=-date", "application/x-www-form-urlencoded");
        Assert.That(answer.Json.GetProperty("total").GetInt32(), Is.EqualTo(2));
        Assert.That((await _facade.SendAsync("POST", "Observation/_search", _facade.Token(), "{}", "application/json")).Status, Is.EqualTo(415));
    }

    [Test]
    public async Task Versions_and_history_are_told()
    {
        Answer history = await _facade.GetAsync("Condition/dm/_history", _facade.Token());
        JsonElement[] entries = [.. history.Json.GetProperty("entry").EnumerateArray()];
        Assert.That(entries.Select(e => e.GetProperty("request").GetProperty("method").GetString()), Is.EqualTo(new[] { "PUT", "POST" }));
        string old = entries[1].GetProperty("resource").GetProperty("meta").GetProperty("versionId").GetString()!;
        Answer version = await _facade.GetAsync($"Condition/dm/_history/{old}", _facade.Token());
        Assert.That(version.Json.GetProperty("clinicalStatus").GetProperty("coding")[0].GetProperty("code").GetString(), Is.EqualTo("active"));
        Assert.That((await _facade.GetAsync("Condition/dm/_history/1", _facade.Token())).Status, Is.EqualTo(404));
    }

    [Test]
    public async Task What_has_not_changed_is_not_sent_again()
    {
        Answer read = await _facade.GetAsync("Patient/anna", _facade.Token());
        string etag = read.Headers.ETag.ToString();
        Answer again = await _facade.GetAsync("Patient/anna", _facade.Token(), ("If-None-Match", etag));
        Assert.That((again.Status, again.Body.Length), Is.EqualTo((304, 0)));
        Assert.That((await _facade.GetAsync("Patient/anna", _facade.Token(), ("If-Modified-Since", read.Headers.LastModified.ToString()))).Status, Is.EqualTo(304));
        Assert.That((await _facade.GetAsync("Patient/anna", _facade.Token(), ("If-None-Match", "W/\"other\""))).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task Everything_is_everything_that_may_be_seen()
    {
        Answer all = await _facade.GetAsync("Patient/anna/$everything?_count=500", _facade.Token());
        int current = SampleRecords.Of(SampleRecords.Anna).DistinctBy(r => (r.Type, r.Id)).Count();
        Assert.That(all.Json.GetProperty("total").GetInt32(), Is.EqualTo(current));
        Assert.That(all.Json.GetProperty("entry")[0].GetProperty("resource").GetProperty("resourceType").GetString(), Is.EqualTo("Patient"));
        Assert.That((await _facade.GetAsync("Patient/anna/$everything?_type=Goal", _facade.Token())).Json.GetProperty("total").GetInt32(), Is.EqualTo(1));
        Assert.That((await _facade.GetAsync("Patient/nobody/$everything", _facade.Token())).Status, Is.EqualTo(404));
    }

    [Test]
    public async Task A_resource_is_created_in_the_vault_and_found_at_once()
    {
        const string Body = """{"resourceType":"Observation","id":"mine","status":"final","code":{"text":"Weight"},"subject":{"reference":"Patient/anna"},"valueQuantity":{"value":70.00,"unit":"kg"}}""";
        Answer made = await _facade.SendAsync("POST", "Observation", _facade.Token(), Body, "application/fhir+json");
        Assert.That(made.Status, Is.EqualTo(201));
        string id = made.Json.GetProperty("id").GetString()!;
        Assert.That(made.Headers.Location.ToString(), Does.StartWith($"{FacadeHarness.Base}/Observation/{id}/_history/"));
        Assert.That(Encoding.UTF8.GetString(_facade.Vault.Written.Single()), Is.EqualTo(Body.Replace("mine", id, StringComparison.Ordinal)), "byte for byte, but for the id");
        Assert.That((await _facade.GetAsync($"Observation/{id}", _facade.Token())).Text, Does.Contain("70.00"));
    }

    [TestCase("""{"resourceType":"Condition"}""", "application/fhir+json", 400)]
    [TestCase("""{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/somebody"}}""", "application/fhir+json", 400)]
    [TestCase("""{"resourceType":"Observation","status":["final"],"code":{"text":"x"}}""", "application/fhir+json", 422)]
    [TestCase("""{"resourceType":""", "application/fhir+json", 400)]
    [TestCase("<Observation/>", "application/fhir+xml", 415)]
    public async Task What_cannot_be_created_is_refused_with_an_outcome(string body, string type, int status)
    {
        Answer refused = await _facade.SendAsync("POST", "Observation", _facade.Token(), body, type);
        Assert.That((refused.Status, refused.Json.GetProperty("resourceType").GetString()), Is.EqualTo((status, "OperationOutcome")));
        Assert.That(_facade.Vault.Written, Is.Empty);
    }

    [Test]
    public async Task Nobody_writes_what_the_patient_does_not_permit()
    {
        const string Body = """{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/anna"}}""";
        _facade.Gate.MayWrite = false;
        Assert.That((await _facade.SendAsync("POST", "Observation", _facade.Token(), Body, "application/fhir+json")).Status, Is.EqualTo(403));
        Assert.That((await _facade.SendAsync("POST", "Observation", _facade.Token("patient/*.rs"), Body, "application/fhir+json")).Status, Is.EqualTo(403));
        Assert.That(_facade.Vault.Written, Is.Empty);
    }

    [TestCase("GET", "Observation", null, 401)]
    [TestCase("GET", "Nonsense", "x", 401)]
    [TestCase("GET", "Nonsense", "", 404)]
    [TestCase("GET", "", "", 400)]
    [TestCase("GET", "Observation/unknown", "", 404)]
    [TestCase("GET", "Observation/a/b/c/d", "", 404)]
    [TestCase("PUT", "Observation/glu-1", "", 405)]
    [TestCase("DELETE", "Observation/glu-1", "", 405)]
    [TestCase("GET", "Observation?date=never", "", 400)]
    [TestCase("GET", "Observation/glu-1?_elements=code", "", 400)]
    [TestCase("GET", "?_getpages=abc", "", 410)]
    [TestCase("GET", "metadata?_format=xml", null, 406)]
    public async Task Every_error_is_an_outcome(string method, string path, string? token, int status)
    {
        Answer answer = await _facade.SendAsync(method, path, token == "" ? _facade.Token() : token, null, null);
        Assert.That((answer.Status, answer.Json.GetProperty("resourceType").GetString()), Is.EqualTo((status, "OperationOutcome")));
    }

    [Test]
    public async Task A_url_that_is_too_long_is_refused() =>
        Assert.That((await _facade.GetAsync("Observation?code=" + new string('x', 9000), _facade.Token())).Status, Is.EqualTo(414));

    [Test]
    public async Task The_capability_statement_lists_what_is_there()
    {
        JsonElement statement = (await _facade.GetAsync("metadata")).Json;
        JsonElement observation = statement.GetProperty("rest")[0].GetProperty("resource").EnumerateArray().Single(r => r.GetProperty("type").GetString() == "Observation");
        string[] parameters = [.. observation.GetProperty("searchParam").EnumerateArray().Select(p => p.GetProperty("name").GetString()!)];
        Assert.That(parameters, Is.SupersetOf(new[] { "_id", "_lastUpdated", "code", "date", "value-quantity", "component-code-value-quantity", "patient" }));
    }

    [Test]
    public async Task A_patient_who_is_gone_is_gone_from_index_and_tokens()
    {
        string token = _facade.Token();
        _facade.Library.Forget(FacadeHarness.Patient.Address);
        _facade.Core.Smart.EndOf(FacadeHarness.Patient.Address);
        Assert.That((await _facade.GetAsync("Observation", token)).Status, Is.EqualTo(401));
        Assert.That((await _facade.GetAsync("Patient/anna", _facade.Token("system/*.rs"))).Status, Is.EqualTo(404));
    }

    [Test]
    public void The_index_comes_back_from_the_sealed_copies()
    {
        var again = new Ptoy.Services.Facade.FacadeLibrary(_facade.Store);
        Assert.That(again.Load(default), Is.EqualTo(3));
        Assert.That(again.Index.Documents, Is.EqualTo(_facade.Library.Index.Documents));
        Assert.That(again.Index.Of(FacadeHarness.Patient.Address)!.FindCurrent("Condition", "dm"), Is.GreaterThanOrEqualTo(0));
    }

    private static string? Link(Answer answer, string relation) => answer.Json.GetProperty("link").EnumerateArray()
        .Where(l => l.GetProperty("relation").GetString() == relation).Select(l => l.GetProperty("url").GetString()).FirstOrDefault();
}
