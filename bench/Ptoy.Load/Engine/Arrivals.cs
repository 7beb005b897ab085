namespace Ptoy.Load.Engine;

/// <summary>When messages are due in an open loop.</summary>
internal static class Arrivals
{
    /// <summary>
    /// Seconds after the start at which each message is due: at even distances, or (seeded) with exponential ones, as independent clients come.
    /// Rates are items a second.
    /// </summary>
    public static double[] Schedule(IReadOnlyList<Message> messages, double rate, int? poissonSeed)
    {
        if (rate <= 0) throw new ArgumentOutOfRangeException(nameof(rate), rate, "a rate is positive");
        var random = poissonSeed is { } seed ? new Random(seed) : null;
        var due = new double[messages.Count];
        double at = 0;
        for (int i = 0; i < due.Length; i++)
        {
            due[i] = at;
            double mean = messages[i].Count / rate;
            at += random is null ? mean : -Math.Log(1 - random.NextDouble()) * mean;
        }
        return due;
    }
}
