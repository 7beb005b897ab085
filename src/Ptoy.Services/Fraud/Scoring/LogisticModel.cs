namespace Ptoy.Services.Fraud.Scoring;

/// <summary>Logistic regression with a ridge, by Newton's method: probabilities that are calibrated where they were trained.</summary>
internal sealed record LogisticModel(double Bias, double[] Weights)
{
    private const int MostSteps = 60;

    /// <summary>P(fraud | features).</summary>
    public double Probability(double[] features) => 1 / (1 + Math.Exp(-Logit(features)));

    /// <summary>The log-odds of it.</summary>
    public double Logit(double[] features)
    {
        if (features.Length != Weights.Length) throw new ArgumentException($"{features.Length} features for {Weights.Length} weights", nameof(features));
        double sum = Bias;
        for (int i = 0; i < features.Length; i++) sum += Weights[i] * features[i];
        return sum;
    }

    /// <summary>Trains. The bias is hardly penalised, so that the mean of the probabilities is the share of frauds.</summary>
    public static LogisticModel Train(IReadOnlyList<double[]> rows, IReadOnlyList<bool> labels, double ridge = 1.0)
    {
        if (rows.Count != labels.Count || rows.Count == 0) throw new ArgumentException("as many labels as rows, and at least one, are needed", nameof(rows));
        int size = rows[0].Length + 1;
        var beta = new double[size];
        for (int step = 0; step < MostSteps; step++)
        {
            var gradient = new double[size];
            var hessian = new double[size, size];
            for (int r = 0; r < rows.Count; r++) Accumulate(rows[r], labels[r], beta, gradient, hessian);
            for (int i = 0; i < size; i++)
            {
                double penalty = i == 0 ? 1e-3 : ridge;
                gradient[i] -= penalty * beta[i];
                hessian[i, i] += penalty;
            }
            double[] change = Solve(hessian, gradient);
            double largest = change.Max(Math.Abs), damp = Math.Min(1, 4 / Math.Max(1e-12, largest));
            for (int i = 0; i < size; i++) beta[i] += damp * change[i];
            if (largest < 1e-8) break;
        }
        return new LogisticModel(beta[0], beta[1..]);
    }

    private static void Accumulate(double[] row, bool label, double[] beta, double[] gradient, double[,] hessian)
    {
        int size = beta.Length;
        double At(int i) => i == 0 ? 1 : row[i - 1];
        double logit = 0;
        for (int i = 0; i < size; i++) logit += beta[i] * At(i);
        double p = 1 / (1 + Math.Exp(-logit)), weight = Math.Max(1e-9, p * (1 - p)), error = (label ? 1 : 0) - p;
        for (int i = 0; i < size; i++)
        {
            gradient[i] += error * At(i);
            for (int j = 0; j < size; j++) hessian[i, j] += weight * At(i) * At(j);
        }
    }

    /// <summary>Gaussian elimination with partial pivoting; the matrix is positive definite by its ridge.</summary>
    private static double[] Solve(double[,] a, double[] b)
    {
        int n = b.Length;
        for (int c = 0; c < n; c++)
        {
            int pivot = Enumerable.Range(c, n - c).MaxBy(r => Math.Abs(a[r, c]));
            for (int k = 0; k < n; k++) (a[c, k], a[pivot, k]) = (a[pivot, k], a[c, k]);
            (b[c], b[pivot]) = (b[pivot], b[c]);
            for (int r = c + 1; r < n; r++)
            {
                double factor = a[r, c] / a[c, c];
                for (int k = c; k < n; k++) a[r, k] -= factor * a[c, k];
                b[r] -= factor * b[c];
            }
        }
        for (int r = n - 1; r >= 0; r--)
        {
            for (int k = r + 1; k < n; k++) b[r] -= a[r, k] * b[k];
            b[r] /= a[r, r];
        }
        return b;
    }
}
