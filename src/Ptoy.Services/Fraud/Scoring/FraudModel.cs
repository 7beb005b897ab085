using System.Reflection;
using System.Text.Json;
using Ptoy.Services.Fraud.Detectors;

namespace Ptoy.Services.Fraud.Scoring;

/// <summary>One logistic model a detector: the rule's finding, the unusualness and the circumstances become one probability, comparable between kinds.</summary>
internal sealed class FraudModel
{
    private const string Resource = "Ptoy.Services.Fraud.fraud-model.json";
    private static readonly JsonSerializerOptions Options = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };
    private readonly Dictionary<string, LogisticModel> _byKind;

    public FraudModel(Dictionary<string, LogisticModel> byKind) => _byKind = byKind;

    private sealed record KindModel(double Bias, Dictionary<string, double> Weights);

    /// <summary>The model that comes with this version: trained on generated data, seeds 1 to 5.</summary>
    public static FraudModel Shipped()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(Resource) ?? throw new InvalidOperationException($"{Resource} is not in the assembly");
        using var reader = new StreamReader(stream);
        return Parse(reader.ReadToEnd(), Resource);
    }

    /// <summary>Reads a model. Throws <see cref="FormatException"/> naming what does not fit the detectors.</summary>
    public static FraudModel Parse(string json, string name)
    {
        Dictionary<string, KindModel> read;
        try
        {
            read = JsonSerializer.Deserialize<Dictionary<string, KindModel>>(json, Options) ?? [];
        }
        catch (JsonException e)
        {
            throw new FormatException($"{name}: line {e.LineNumber + 1}: not a fraud model");
        }
        var models = new Dictionary<string, LogisticModel>(StringComparer.Ordinal);
        foreach (IDetector detector in ScanContext.Detectors)
        {
            if (!read.TryGetValue(detector.Kind, out KindModel? kind)) throw new FormatException($"{name}: '{detector.Kind}' is missing");
            if (!kind.Weights.Keys.ToHashSet().SetEquals(detector.Features)) throw new FormatException($"{name}: the features of '{detector.Kind}' are not {string.Join(", ", detector.Features)}");
            double[] weights = [.. detector.Features.Select(f => kind.Weights[f])];
            if (!double.IsFinite(kind.Bias) || !weights.All(double.IsFinite)) throw new FormatException($"{name}: '{detector.Kind}' has a weight that is no number");
            models[detector.Kind] = new LogisticModel(kind.Bias, weights);
        }
        if (read.Keys.FirstOrDefault(k => !models.ContainsKey(k)) is { } unknown) throw new FormatException($"{name}: there is no detector '{unknown}'");
        return new FraudModel(models);
    }

    /// <summary>P(fraud) of a candidate, before feedback.</summary>
    public double Probability(Candidate candidate) => _byKind[candidate.Kind].Probability(candidate.Features);

    /// <summary>The log-odds of it.</summary>
    public double Logit(Candidate candidate) => _byKind[candidate.Kind].Logit(candidate.Features);

    /// <summary>Trains on candidates and whether each was fraud. A kind without both outcomes keeps to its share alone.</summary>
    public static FraudModel Train(IReadOnlyList<(Candidate Candidate, bool Fraud)> known)
    {
        var models = new Dictionary<string, LogisticModel>(StringComparer.Ordinal);
        foreach (IDetector detector in ScanContext.Detectors)
        {
            (Candidate Candidate, bool Fraud)[] rows = [.. known.Where(k => k.Candidate.Kind == detector.Kind)];
            models[detector.Kind] = rows.Length == 0 ? new LogisticModel(-4, new double[detector.Features.Count])
                : LogisticModel.Train([.. rows.Select(r => r.Candidate.Features)], [.. rows.Select(r => r.Fraud)]);
        }
        return new FraudModel(models);
    }

    /// <summary>As a file, with the names of the features.</summary>
    public string ToJson() => JsonSerializer.Serialize(ScanContext.Detectors.ToDictionary(
        d => d.Kind, d => new KindModel(Math.Round(_byKind[d.Kind].Bias, 4), d.Features.Select((f, i) => (f, i)).ToDictionary(x => x.f, x => Math.Round(_byKind[d.Kind].Weights[x.i], 4)))), Options);
}
