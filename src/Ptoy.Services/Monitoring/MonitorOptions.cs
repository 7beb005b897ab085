namespace Ptoy.Services.Monitoring;

/// <summary>A value above or below which something is noticed.</summary>
/// <param name="Code">LOINC code.</param>
/// <param name="Unit">UCUM unit of the bounds.</param>
/// <param name="Above">Noticed above this.</param>
/// <param name="Below">Noticed below this.</param>
/// <param name="Consecutive">So many last values in a row; one wrong reading is not a finding where this is 2.</param>
/// <param name="IsUrgent">It does not wait.</param>
/// <param name="MaxAgeDays">Values older than this are not news.</param>
public sealed record ThresholdRule(string Code, string Unit, decimal? Above, decimal? Below, int Consecutive = 1, bool IsUrgent = false, int MaxAgeDays = 3);

/// <summary>A direction that is watched for.</summary>
/// <param name="Code">LOINC code.</param>
/// <param name="Unit">UCUM unit.</param>
/// <param name="IsRising">Rising is noticed; else falling.</param>
/// <param name="ChangePer30Days">The 95 % interval of the slope lies beyond this much in 30 days.</param>
/// <param name="WindowDays">Values of so many last days.</param>
public sealed record TrendRule(string Code, string Unit, bool IsRising, decimal ChangePer30Days, int WindowDays = 90);

/// <summary>Something that is to be measured so often.</summary>
/// <param name="Code">LOINC code.</param>
/// <param name="EveryDays">A stretch without a value longer than this is noticed, once there was a first one.</param>
public sealed record ExpectedRule(string Code, int EveryDays);

/// <summary>Which observations count towards a nutrient that a NutritionOrder names.</summary>
/// <param name="Nutrient"><c>system|code</c> of the order's nutrient, or <c>energy</c>.</param>
/// <param name="Codes"><c>system|code</c> of observations of intake; the nutrient's own code always counts.</param>
/// <param name="IsCeiling">The order is a limit; else it is an aim, missed by more than <see cref="MonitorOptions.NutritionTolerance"/> either way.</param>
public sealed record NutrientRule(string Nutrient, IReadOnlyList<string> Codes, bool IsCeiling);

/// <summary>What is watched.</summary>
public sealed record MonitorOptions
{
    /// <summary>Most rules of one kind.</summary>
    public const int MaxRules = 200;

    /// <summary>Thresholds.</summary>
    public IReadOnlyList<ThresholdRule> Thresholds { get; init; } = [];

    /// <summary>Trends.</summary>
    public IReadOnlyList<TrendRule> Trends { get; init; } = [];

    /// <summary>What is to be measured regularly.</summary>
    public IReadOnlyList<ExpectedRule> Expected { get; init; } = [];

    /// <summary>Nutrients.</summary>
    public IReadOnlyList<NutrientRule> Nutrients { get; init; } = DefaultNutrients;

    /// <summary>Least proportion of days covered; 0.8 is what quality measures of the Pharmacy Quality Alliance use.</summary>
    public decimal AdherenceAtLeast { get; init; } = 0.8m;

    /// <summary>Days back over which adherence is judged.</summary>
    public int AdherenceWindowDays { get; init; } = 180;

    /// <summary>Fewest days of a prescription before adherence is judged.</summary>
    public int AdherenceMinDays { get; init; } = 30;

    /// <summary>How far an aim of nutrition may be missed: 0.25 is a quarter.</summary>
    public decimal NutritionTolerance { get; init; } = 0.25m;

    /// <summary>Fewest of the last seven days with entries before nutrition is judged.</summary>
    public int NutritionMinDays { get; init; } = 3;

    /// <summary>Nutrients by their SNOMED CT codes: sodium and fluid are limits in orders of diet, the others aims.</summary>
    public static IReadOnlyList<NutrientRule> DefaultNutrients { get; } =
    [
        new("http://snomed.info/sct|39972003", [], IsCeiling: true), new("http://snomed.info/sct|33463005", [], IsCeiling: true),
        new("http://snomed.info/sct|2331003", [], IsCeiling: false), new("energy", ["http://loinc.org|9052-2"], IsCeiling: false),
    ];

    /// <summary>What is wrong, each naming the field.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        void Check(bool isRight, string problem)
        {
            if (!isRight) problems.Add(problem);
        }
        Check(Thresholds.Count <= MaxRules && Trends.Count <= MaxRules && Expected.Count <= MaxRules && Nutrients.Count <= MaxRules, $"thresholds, trends, expected, nutrients: at most {MaxRules} rules each");
        for (int i = 0; i < Thresholds.Count; i++)
        {
            ThresholdRule rule = Thresholds[i];
            Check(rule.Code.Length > 0 && rule.Unit.Length > 0, $"thresholds[{i}]: code and unit are needed");
            Check(rule.Above is not null || rule.Below is not null, $"thresholds[{i}]: above or below is needed");
            Check(rule.Consecutive is >= 1 and <= 100, $"thresholds[{i}].consecutive: is 1 to 100");
            Check(rule.MaxAgeDays is >= 1 and <= 3650, $"thresholds[{i}].maxAgeDays: is 1 to 3650");
        }
        for (int i = 0; i < Trends.Count; i++)
        {
            Check(Trends[i].Code.Length > 0 && Trends[i].Unit.Length > 0, $"trends[{i}]: code and unit are needed");
            Check(Trends[i].ChangePer30Days >= 0, $"trends[{i}].changePer30Days: is not negative; isRising says which way");
            Check(Trends[i].WindowDays is >= 7 and <= 3650, $"trends[{i}].windowDays: is 7 to 3650");
        }
        for (int i = 0; i < Expected.Count; i++) Check(Expected[i].Code.Length > 0 && Expected[i].EveryDays is >= 1 and <= 3650, $"expected[{i}]: a code, and everyDays from 1 to 3650");
        Check(AdherenceAtLeast is > 0 and <= 1, "adherenceAtLeast: is above 0 and at most 1");
        Check(AdherenceWindowDays is >= 30 and <= 3650, "adherenceWindowDays: is 30 to 3650");
        Check(AdherenceMinDays >= 1 && AdherenceMinDays <= AdherenceWindowDays, "adherenceMinDays: is 1 to adherenceWindowDays");
        Check(NutritionTolerance is > 0 and <= 1, "nutritionTolerance: is above 0 and at most 1");
        Check(NutritionMinDays is >= 1 and <= 7, "nutritionMinDays: is 1 to 7");
        return problems;
    }
}
