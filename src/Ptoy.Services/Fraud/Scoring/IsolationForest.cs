using Ptoy.Services.Fhir;

namespace Ptoy.Services.Fraud.Scoring;

/// <summary>
/// Isolation forest (Liu, Ting and Zhou, 2008): what few random cuts set apart is unusual. Score 2^(−E(h)/c(ψ)): about 0.5 for the usual, towards 1 for
/// the unusual. Seeded, so the same data give the same scores.
/// </summary>
internal sealed class IsolationForest
{
    private const double EulerGamma = 0.5772156649015329;
    private readonly List<Node> _trees = [];
    private readonly double _expected;

    private sealed record Node(int Feature, double Cut, Node? Left, Node? Right, int Size);

    public IsolationForest(double[][] rows, int trees = 100, int sample = 256, ulong seed = 1)
    {
        int size = Math.Min(sample, rows.Length);
        _expected = Expected(size);
        int depth = (int)Math.Ceiling(Math.Log2(Math.Max(2, size)));
        var random = new SeededRandom(seed);
        for (int t = 0; t < trees && size > 1; t++)
        {
            double[][] drawn = [.. Enumerable.Range(0, size).Select(_ => rows[random.Below(rows.Length)])];
            _trees.Add(Grow(drawn, depth, random));
        }
    }

    /// <summary>0 to 1; 0.5 when there was nothing to learn from.</summary>
    public double Score(double[] row) => _trees.Count == 0 ? 0.5 : Math.Pow(2, -_trees.Average(t => PathLength(t, row)) / _expected);

    private static Node Grow(double[][] rows, int depth, SeededRandom random)
    {
        if (depth == 0 || rows.Length <= 1) return new Node(0, 0, null, null, rows.Length);
        int features = rows[0].Length, first = random.Below(features);
        for (int i = 0; i < features; i++)
        {
            int feature = (first + i) % features;
            double low = rows.Min(r => r[feature]), high = rows.Max(r => r[feature]);
            if (high <= low) continue;
            double cut = low + ((high - low) * (random.Next() >> 11) / (double)(1UL << 53));
            return new Node(feature, cut, Grow([.. rows.Where(r => r[feature] <= cut)], depth - 1, random), Grow([.. rows.Where(r => r[feature] > cut)], depth - 1, random), rows.Length);
        }
        return new Node(0, 0, null, null, rows.Length);
    }

    private static double PathLength(Node tree, double[] row)
    {
        int length = 0;
        Node at = tree;
        for (; at.Left is not null; length++) at = row[at.Feature] <= at.Cut ? at.Left : at.Right!;
        return length + Expected(at.Size);
    }

    /// <summary>Average path of an unsuccessful search in a binary tree of n.</summary>
    private static double Expected(int n) => n <= 1 ? 0 : n == 2 ? 1 : (2 * (Math.Log(n - 1) + EulerGamma)) - (2.0 * (n - 1) / n);
}
