using Ptoy.Services.Fraud.Facts;

namespace Ptoy.Services.Fraud.Scoring;

/// <summary>What of a claim is compared with other claims, without any idea of what fraud is.</summary>
internal static class ClaimOutliers
{
    /// <summary>Names of the numbers, for the model card.</summary>
    public static IReadOnlyList<string> Features { get; } =
        ["price for its codes", "lines", "rarest pair of codes", "distance from home", "hour", "practitioner's claims that day", "days until claimed", "duration"];

    /// <summary>Rank of each claim by id, 0 to 1.</summary>
    public static Dictionary<string, double> Ranks(FraudView view)
    {
        IReadOnlyList<ClaimFact> claims = view.Claims;
        Dictionary<string, double> prices = claims.SelectMany(c => c.Lines).Where(l => l.Amount > 0).GroupBy(l => l.Code)
            .ToDictionary(g => g.Key, g => Outliers.Robust(g.Select(l => l.Amount)).Median, StringComparer.Ordinal);
        var pairs = new PairCounts(claims);
        var busy = claims.Where(c => c.Practitioner.Length > 0).CountBy(c => (c.Practitioner, c.From.Date)).ToDictionary(p => p.Key, p => p.Value);
        double[][] rows = [.. claims.Select(c => Row(c, view, prices, pairs, busy.GetValueOrDefault((c.Practitioner, c.From.Date))))];
        double[] ranks = Outliers.Ranks(rows);
        var byId = new Dictionary<string, double>(StringComparer.Ordinal);
        for (int i = 0; i < ranks.Length; i++) byId[claims[i].Id] = ranks[i];
        return byId;
    }

    private static double[] Row(ClaimFact c, FraudView view, Dictionary<string, double> prices, PairCounts pairs, int busy)
    {
        double usual = c.Lines.Sum(l => prices.GetValueOrDefault(l.Code, l.Amount));
        double distance = view.Person(c.Patient)?.Home is { } home && view.PositionOf(c.Location) is { } place ? home.KilometresTo(place) : 0;
        double hour = c.From.UtcDateTime.TimeOfDay.TotalHours;
        return
        [
            usual > 0 ? Math.Abs(Math.Log(Math.Max(0.01, c.Total) / usual)) : 0, c.Lines.Count, pairs.Rarity(c), Math.Log(1 + distance), Math.Abs(hour - 12.5), Math.Log(1 + busy),
            Math.Log(1 + Math.Max(0, (c.Created - c.To).TotalDays)), Math.Log(1 + (c.To - c.From).TotalMinutes),
        ];
    }
}

/// <summary>How often codes stand together in one claim.</summary>
internal sealed class PairCounts
{
    private readonly Dictionary<(string, string), int> _pairs = [];
    private readonly Dictionary<string, int> _codes = new(StringComparer.Ordinal);

    public PairCounts(IEnumerable<ClaimFact> claims)
    {
        foreach (ClaimFact claim in claims)
        {
            string[] codes = CodesOf(claim);
            foreach (string code in codes) _codes[code] = _codes.GetValueOrDefault(code) + 1;
            foreach ((string, string) pair in Pairs(codes)) _pairs[pair] = _pairs.GetValueOrDefault(pair) + 1;
        }
    }

    /// <summary>−ln of the share of the rarer code's claims in which the rarest pair stands; 0 for a claim of one code.</summary>
    public double Rarity(ClaimFact claim) => Pairs(CodesOf(claim)).Select(Rarity).DefaultIfEmpty(0).Max();

    private double Rarity((string A, string B) pair) =>
        -Math.Log((_pairs.GetValueOrDefault(pair) + 0.5) / (Math.Min(_codes.GetValueOrDefault(pair.A), _codes.GetValueOrDefault(pair.B)) + 1.0));

    private static string[] CodesOf(ClaimFact claim) => [.. claim.Lines.Select(l => l.Code).Distinct().Order(StringComparer.Ordinal).Take(30)];

    private static IEnumerable<(string, string)> Pairs(string[] codes)
    {
        for (int i = 0; i < codes.Length; i++)
            for (int j = i + 1; j < codes.Length; j++) yield return (codes[i], codes[j]);
    }
}
