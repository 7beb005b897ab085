using System.Text.Json.Serialization;

namespace Ptoy.Services.Analytics.Cohort;

/// <summary>An answer that may leave: with noise on every number.</summary>
/// <param name="Cells">In the order that the query fixes.</param>
/// <param name="Epsilon">What it cost.</param>
/// <param name="Mechanism">How it was made.</param>
/// <param name="Threshold">Noisy counts below this are withheld: they would be read as more than noise.</param>
/// <param name="Mean">mean: the noisy mean; null when too few patients count.</param>
public sealed record CohortAnswer(IReadOnlyList<AnswerCell> Cells, decimal Epsilon, string Mechanism, int Threshold, NoisyMean? Mean = null);

/// <summary>One cell.</summary>
/// <param name="Label">Which.</param>
/// <param name="Count">Noisy count; null where it is below the threshold.</param>
/// <param name="Within">The true count is within this of the noisy one with 95 % probability.</param>
public sealed record AnswerCell(string Label, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] long? Count, long Within);

/// <summary>A mean.</summary>
/// <param name="Value">In the query's unit.</param>
/// <param name="Within">About: twice the standard deviation that the noise of sum and count gives it.</param>
/// <param name="Unit">The query's unit.</param>
public sealed record NoisyMean(double Value, double Within, string Unit);

/// <summary>Puts noise on true counts.</summary>
internal sealed class PrivateRelease(DiscreteLaplace noise, int threshold)
{
    /// <summary>
    /// The answer that may leave. The whole epsilon is spent once on all cells together, since the sensitivity is of all of them; a mean spends half on
    /// its sum and half on its count. Withholding small noisy counts comes after the noise and costs nothing.
    /// </summary>
    public CohortAnswer Of(CohortQuery query, CohortCells cells)
    {
        long micros = query.MicroEpsilon;
        string mechanism = $"discrete Laplace, sensitivity {cells.Sensitivity}, one patient more or less";
        if (cells.Sum is not { } sum)
        {
            long within = DiscreteLaplace.Within95(cells.Sensitivity, micros);
            AnswerCell[] noisy = [.. cells.Counts.Select((c, i) => CellOf(cells.Labels[i], c + noise.Sample(cells.Sensitivity, micros), within))];
            return new CohortAnswer(noisy, query.Epsilon, mechanism, threshold);
        }
        long half = Math.Max(1, micros / 2);
        const int Steps = CohortCounter.MeanSteps;
        long count = cells.Counts[0] + noise.Sample(1, half);
        long noisySum = sum + noise.Sample(Steps / 2, half);
        AnswerCell patients = CellOf(cells.Labels[0], count, DiscreteLaplace.Within95(1, half));
        if (count < threshold) return new CohortAnswer([patients], query.Epsilon, mechanism, threshold);
        double width = query.High!.Value - query.Low!.Value;
        double middle = (query.High.Value + query.Low.Value) / 2, offset = noisySum * width / Steps / count;
        double rate = half / (double)DiscreteLaplace.MicrosPerUnit;
        // Standard deviations of Laplace noise are sqrt(2) scales: of the sum width / 2 / rate, of the count 1 / rate.
        double deviation = Math.Sqrt(2) / rate / count * Math.Sqrt(Math.Pow(width / 2, 2) + Math.Pow(offset, 2));
        var mean = new NoisyMean(Math.Clamp(middle + offset, query.Low.Value, query.High.Value), 2 * deviation, query.Unit!);
        return new CohortAnswer([patients], query.Epsilon, mechanism, threshold, mean);
    }

    private AnswerCell CellOf(string label, long noisy, long within) => new(label, noisy < threshold ? null : noisy, within);
}
