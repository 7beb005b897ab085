using System.Net;
using NUnit.Framework;
using Ptoy.Services.Connector.Fhir;

namespace Ptoy.Services.Tests.Connector.Fhir;

public sealed class BackoffTests
{
    [Test]
    public void PausesDoubleUpToABoundAndDifferByChance()
    {
        var low = new Backoff(() => 0);
        var high = new Backoff(() => 0.999);
        Assert.That(Enumerable.Range(1, 5).Select(i => low.After(i).TotalSeconds), Is.EqualTo(new[] { 0.25, 0.5, 1, 2, 4 }));
        Assert.That(high.After(3), Is.GreaterThan(low.After(3)).And.LessThanOrEqualTo(2 * low.After(3)));
        Assert.That(high.After(1000), Is.LessThanOrEqualTo(Backoff.Longest));
    }

    [Test]
    public void AServerThatNamesATimeIsObeyedWithinReason()
    {
        var backoff = new Backoff(() => 0.5);
        Assert.That(backoff.After(1, TimeSpan.FromSeconds(30)), Is.EqualTo(TimeSpan.FromSeconds(30)));
        Assert.That(backoff.After(1, TimeSpan.FromDays(3)), Is.EqualTo(Backoff.MostPatience));
    }

    [Test]
    public void RetryAfterIsReadAsSecondsAndAsADate()
    {
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        TimeSpan? Asked(string value)
        {
            using var response = new HttpResponseMessage(HttpStatusCode.TooManyRequests);
            response.Headers.TryAddWithoutValidation("Retry-After", value);
            return Backoff.Asked(response.Headers, now);
        }
        Assert.That(Asked("12"), Is.EqualTo(TimeSpan.FromSeconds(12)));
        Assert.That(Asked("Thu, 01 Jan 2026 00:01:00 GMT"), Is.EqualTo(TimeSpan.FromMinutes(1)));
        Assert.That(Asked("Wed, 31 Dec 2025 00:00:00 GMT"), Is.EqualTo(TimeSpan.Zero));
        using var without = new HttpResponseMessage();
        Assert.That(Backoff.Asked(without.Headers, now), Is.Null);
    }

    [Test]
    public async Task RequestsAreKeptApart()
    {
        var time = new ManualTime();
        var pauses = new List<TimeSpan>();
        var pacer = new Pacer(4, time, (pause, _) =>
        {
            pauses.Add(pause);
            time.Advance(pause);
            return Task.CompletedTask;
        });
        for (int i = 0; i < 5; i++) await pacer.TurnAsync(CancellationToken.None);
        Assert.That(pauses, Is.EqualTo(Enumerable.Repeat(TimeSpan.FromSeconds(0.25), 4)));
        time.Advance(TimeSpan.FromMinutes(1));
        await pacer.TurnAsync(CancellationToken.None);
        Assert.That(pauses, Has.Count.EqualTo(4));
    }
}
