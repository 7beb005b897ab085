using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using NUnit.Framework;
using Ptoy.Services.Common;
using Ptoy.Services.Fraud;
using Ptoy.Services.Fraud.Detectors;
using Ptoy.Services.Fraud.Review;
using Ptoy.Services.Fraud.Scoring;

namespace Ptoy.Services.Tests.Fraud;

public class FraudRoutesTests
{
    private const string Token = "0123456789abcdef0123456789abcdef";

    private readonly List<string> _decisions = [];
    private string _folder = "";
    private SealedStore _store = null!;
    private WebApplication _app = null!;
    private HttpClient _http = null!;
    private string _open = "", _waiting = "";

    [SetUp]
    public async Task Start()
    {
        _folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "fraud-routes-" + Guid.NewGuid().ToString("N"));
        _store = SealedStore.Open(_folder, new byte[32]);
        var queue = new ReviewQueue(_store, 1, new byte[32]);
        queue.Offer([Found("a", 0.9), Found("b", 0.4)], new DateTimeOffset(2026, 3, 2, 8, 0, 0, TimeSpan.Zero));
        (_open, _waiting) = (queue.List(AlertState.Open).Single().Id, queue.List(AlertState.Waiting).Single().Id);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        FraudRoutes.Map(_app, queue, Token, (id, kind, state) => _decisions.Add($"{kind} {state}"));
        await _app.StartAsync();
        _http = new HttpClient { BaseAddress = new Uri(_app.Urls.Single()) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
    }

    [TearDown]
    public async Task Stop()
    {
        _http.Dispose();
        await _app.DisposeAsync();
        _store.Dispose();
        Directory.Delete(_folder, recursive: true);
        _decisions.Clear();
    }

    private static Finding Found(string matter, double probability) =>
        new(new Candidate("burst", [], probability, [new Evidence("record-" + matter, "p")], "why " + matter, matter, default), probability);

    [Test]
    public async Task Reviewers_list_open_alerts_look_at_one_and_decide_once()
    {
        AlertDto[] open = (await _http.GetFromJsonAsync<AlertDto[]>("/fraud/alerts?state=open"))!;
        Assert.That(open.Select(a => (a.Id, a.Kind, a.Why, a.Records)), Is.EqualTo(new[] { (_open, "burst", "why a", (IReadOnlyList<AlertRecord>?)null) }));
        AlertDto one = (await _http.GetFromJsonAsync<AlertDto>($"/fraud/alerts/{_open}"))!;
        Assert.That(one.Records, Is.EqualTo(new[] { new AlertRecord("record-a", "p") }));
        HttpResponseMessage first = await _http.PostAsync($"/fraud/alerts/{_open}/confirm", null), second = await _http.PostAsync($"/fraud/alerts/{_open}/dismiss", null);
        Assert.That((first.StatusCode, second.StatusCode), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.Conflict)));
        Assert.That(_decisions, Is.EqualTo(new[] { "burst Confirmed" }));
    }

    [TestCase("")]
    [TestCase("Bearer wrong")]
    [TestCase("Bearer 0123456789abcdef0123456789abcdeF")]
    public async Task Without_the_token_nothing_is_seen_or_decided(string authorization)
    {
        using var stranger = new HttpClient { BaseAddress = _http.BaseAddress };
        if (authorization.Length > 0) stranger.DefaultRequestHeaders.Add("Authorization", authorization);
        foreach (HttpResponseMessage answer in new[]
                 {
                     await stranger.GetAsync("/fraud/alerts"), await stranger.GetAsync($"/fraud/alerts/{_open}"), await stranger.PostAsync($"/fraud/alerts/{_open}/confirm", null),
                 })
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("token").And.Not.Contain("why"));
        }
        Assert.That(_decisions, Is.Empty);
    }

    [Test]
    public async Task What_does_not_exist_waits_or_is_no_state_is_said_to_be_so()
    {
        Assert.That((await _http.GetAsync("/fraud/alerts/nothing")).StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await _http.PostAsync($"/fraud/alerts/{_waiting}/confirm", null)).StatusCode, Is.EqualTo(HttpStatusCode.Conflict));
        HttpResponseMessage wrong = await _http.GetAsync("/fraud/alerts?state=ajar");
        Assert.That(wrong.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await wrong.Content.ReadAsStringAsync(), Does.Contain("waiting, open, confirmed, dismissed or all"));
    }
}
