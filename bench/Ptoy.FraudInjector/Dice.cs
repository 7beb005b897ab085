namespace Ptoy.FraudInjector;

/// <summary>Seeded chance (xorshift64*): the same sequence on every machine.</summary>
internal sealed class Dice
{
    private ulong _state;

    public Dice(ulong seed)
    {
        _state = (seed * 0x2545F4914F6CDD1D) ^ 0x9E3779B97F4A7C15;
        if (_state == 0) _state = 1;
        for (int i = 0; i < 16; i++) Next();
    }

    public ulong Next()
    {
        _state ^= _state >> 12;
        _state ^= _state << 25;
        _state ^= _state >> 27;
        return _state * 0x2545F4914F6CDD1D;
    }

    /// <summary>0 to limit − 1.</summary>
    public int Below(int limit) => (int)(Next() % (ulong)Math.Max(1, limit));

    /// <summary>Both ends included.</summary>
    public int Between(int first, int last) => first + Below(last - first + 1);

    public double Unit() => (Next() >> 11) / (double)(1UL << 53);

    public bool Chance(double probability) => Unit() < probability;

    public T Pick<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    /// <summary>Standard normal (Box-Muller).</summary>
    public double Normal() => Math.Sqrt(-2 * Math.Log(1 - Unit())) * Math.Cos(2 * Math.PI * Unit());

    /// <summary>Poisson by Knuth's product; for small means.</summary>
    public int Poisson(double mean)
    {
        double limit = Math.Exp(-mean), product = Unit();
        int count = 0;
        while (product > limit)
        {
            product *= Unit();
            count++;
        }
        return count;
    }

    /// <summary>An id that says nothing about when or why it was made.</summary>
    public string Id() => (Next() >> 4).ToString("x15", System.Globalization.CultureInfo.InvariantCulture);

    public void Shuffle<T>(List<T> items)
    {
        for (int i = items.Count - 1; i > 0; i--)
        {
            int j = Below(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
