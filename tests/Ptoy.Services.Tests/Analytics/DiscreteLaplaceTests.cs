using System.Security.Cryptography;
using NUnit.Framework;
using Ptoy.Services.Analytics.Cohort;

namespace Ptoy.Services.Tests.Analytics;

[TestFixture]
internal sealed class DiscreteLaplaceTests
{
    /// <summary>A seeded source, so that the test is the same each time: SHA-256 of seed and counter.</summary>
    private static Action<Span<byte>> Seeded(int seed)
    {
        ulong counter = 0;
        return bytes =>
        {
            Span<byte> input = stackalloc byte[12], hash = stackalloc byte[32];
            BitConverter.TryWriteBytes(input, seed);
            BitConverter.TryWriteBytes(input[4..], counter++);
            SHA256.HashData(input, hash);
            hash[..bytes.Length].CopyTo(bytes);
        };
    }

    /// <summary>
    /// Against the formula P(x) = (1 - q) / (1 + q) q^|x|, q = exp(-epsilon / sensitivity): chi-squared over 21 cells; 45.3 is its 99.9th percentile at 20
    /// degrees of freedom.
    /// </summary>
    [TestCase(1, 500_000)]
    [TestCase(1, 1_000_000)]
    [TestCase(3, 1_100_000)]
    [TestCase(5, 333_333)]
    public void Samples_are_distributed_as_the_formula_says(long sensitivity, long microEpsilon)
    {
        const int Samples = 100_000, Edge = 10;
        var noise = new DiscreteLaplace(Seeded(7));
        var seen = new long[(2 * Edge) + 1];
        for (int i = 0; i < Samples; i++) seen[Math.Clamp(noise.Sample(sensitivity, microEpsilon), -Edge, Edge) + Edge]++;
        double q = Math.Exp(-microEpsilon / 1e6 / sensitivity), chi = 0;
        for (int x = -Edge; x <= Edge; x++)
        {
            // The outer cells hold the tails: P(X >= k) = q^k / (1 + q).
            double p = Math.Abs(x) == Edge ? Math.Pow(q, Edge) / (1 + q) : (1 - q) / (1 + q) * Math.Pow(q, Math.Abs(x));
            double expected = p * Samples;
            chi += Math.Pow(seen[x + Edge] - expected, 2) / expected;
        }
        Assert.That(chi, Is.LessThan(45.3));
    }

    [TestCase(0UL, 1UL, 1.0)]
    [TestCase(1UL, 2UL, 0.6065)]
    [TestCase(1UL, 1UL, 0.3679)]
    public void Bernoulli_of_an_exponential_has_its_probability(ulong numerator, ulong denominator, double expected)
    {
        const int Samples = 40_000;
        var noise = new DiscreteLaplace(Seeded(11));
        int hits = Enumerable.Range(0, Samples).Count(_ => noise.BernoulliExp(numerator, denominator));
        // Four standard deviations of 40,000 throws.
        Assert.That(hits / (double)Samples, Is.EqualTo(expected).Within(0.01));
    }

    /// <summary>Numbers below 3 from 8 bytes: a remainder alone would be as good here, so the bytes that must be thrown away are forced.</summary>
    [Test]
    public void Bytes_that_would_make_small_numbers_likelier_are_thrown_away()
    {
        var drawn = new Queue<ulong>([ulong.MaxValue, ulong.MaxValue - (ulong.MaxValue % 7), 5]);
        var noise = new DiscreteLaplace(bytes => BitConverter.TryWriteBytes(bytes, drawn.Dequeue()));
        Assert.That(noise.Below(7), Is.EqualTo(5));
        Assert.That(drawn, Is.Empty);
    }

    /// <summary>Summed up from the formula: the least b with P(|x| &gt; b) at most 5 %.</summary>
    [TestCase(1, 1_000_000L)]
    [TestCase(1, 100_000L)]
    [TestCase(4, 700_000L)]
    public void The_stated_interval_holds_95_percent_and_is_no_wider_than_needed(long sensitivity, long microEpsilon)
    {
        double q = Math.Exp(-microEpsilon / 1e6 / sensitivity);
        double Inside(long b) => Enumerable.Range((int)-b, (int)(2 * b) + 1).Sum(x => (1 - q) / (1 + q) * Math.Pow(q, Math.Abs(x)));
        long within = DiscreteLaplace.Within95(sensitivity, microEpsilon);
        Assert.That(Inside(within), Is.GreaterThanOrEqualTo(0.95));
        Assert.That(Inside(within - 1), Is.LessThan(0.95));
    }

    [TestCase(0, 1L)]
    [TestCase(1, 0L)]
    [TestCase(1_000_001, 1L)]
    public void Senseless_parameters_are_refused(long sensitivity, long microEpsilon) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => DiscreteLaplace.Secure.Sample(sensitivity, microEpsilon));
}
