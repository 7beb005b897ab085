using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Ptoy.Services.Analytics.Cohort;

/// <summary>
/// Noise for differential privacy: the discrete Laplace distribution, P(x) proportional to exp(-|x| epsilon / sensitivity), sampled exactly in whole
/// numbers from a cryptographic source. Adding floating-point Laplace noise leaks through the numbers that a computer can and cannot
/// represent (Mironov 2012); here every probability is that of a fraction (Canonne, Kamath and Steinke 2020, algorithms 1 and 2).
/// </summary>
internal sealed class DiscreteLaplace(Action<Span<byte>> fill)
{
    /// <summary>Micro-epsilon in an epsilon of 1.</summary>
    public const long MicrosPerUnit = 1_000_000;

    /// <summary>Largest sensitivity: what one person may change a sum by, in its steps.</summary>
    public const long MaxSensitivity = 1_000_000;

    /// <summary>From the system's cryptographic generator.</summary>
    public static DiscreteLaplace Secure { get; } = new(RandomNumberGenerator.Fill);

    /// <summary>One sample.</summary>
    /// <param name="sensitivity">Most that one person changes the true value by.</param>
    /// <param name="microEpsilon">Privacy loss in millionths.</param>
    public long Sample(long sensitivity, long microEpsilon)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sensitivity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sensitivity, MaxSensitivity);
        ArgumentOutOfRangeException.ThrowIfLessThan(microEpsilon, 1);
        // Scale t / s = sensitivity / epsilon.
        ulong t = (ulong)(sensitivity * MicrosPerUnit), s = (ulong)microEpsilon;
        ulong divisor = Gcd(t, s);
        (t, s) = (t / divisor, s / divisor);
        while (true)
        {
            ulong u = Below(t);
            if (!BernoulliExp(u, t)) continue;
            ulong v = 0;
            while (BernoulliExp(1, 1)) v++;
            ulong y = (ulong)(((UInt128)u + ((UInt128)t * v)) / s);
            bool isNegative = Below(2) == 1;
            if (isNegative && y == 0) continue;
            return isNegative ? -(long)y : (long)y;
        }
    }

    /// <summary>Half width of the interval that holds the noise with 95 % probability: P(|x| &gt; b) = 2 q^(b+1) / (1+q), q = exp(-epsilon/sensitivity).</summary>
    public static long Within95(long sensitivity, long microEpsilon)
    {
        double rate = microEpsilon / (double)MicrosPerUnit / sensitivity;
        double q = Math.Exp(-rate);
        return Math.Max(0, (long)Math.Ceiling((Math.Log(0.05 * (1 + q) / 2) / -rate) - 1));
    }

    /// <summary>True with probability exp(-numerator / denominator), for a fraction from 0 to 1 (algorithm 1).</summary>
    internal bool BernoulliExp(ulong numerator, ulong denominator)
    {
        ulong k = 1;
        while (BernoulliFraction(numerator, (UInt128)denominator * k)) k++;
        return k % 2 == 1;
    }

    /// <summary>Uniform below a limit, by rejection: the remainder of a division would prefer small numbers.</summary>
    internal ulong Below(ulong limit)
    {
        Span<byte> bytes = stackalloc byte[8];
        ulong unbiased = ulong.MaxValue - (ulong.MaxValue % limit);
        while (true)
        {
            fill(bytes);
            ulong drawn = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            if (drawn < unbiased) return drawn % limit;
        }
    }

    // Denominators stay far below 2^64: t is at most 10^12 and k grows by one with a probability that falls as 1/k!.
    private bool BernoulliFraction(ulong numerator, UInt128 denominator) => Below(checked((ulong)denominator)) < numerator;

    private static ulong Gcd(ulong a, ulong b)
    {
        while (b != 0) (a, b) = (b, a % b);
        return a;
    }
}
