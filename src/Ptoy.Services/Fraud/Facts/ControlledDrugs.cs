namespace Ptoy.Services.Fraud.Facts;

/// <summary>Ingredients under control (United States schedules II to IV, the common ones), by the word in a drug's name.</summary>
internal static class ControlledDrugs
{
    private static readonly string[] Ingredients =
    [
        "oxycodone", "hydrocodone", "hydromorphone", "oxymorphone", "morphine", "codeine", "fentanyl", "methadone", "tapentadol", "meperidine", "buprenorphine", "tramadol",
        "alprazolam", "diazepam", "lorazepam", "clonazepam", "temazepam", "chlordiazepoxide", "zolpidem", "zaleplon", "eszopiclone", "phenobarbital", "carisoprodol",
        "methylphenidate", "dexmethylphenidate", "amphetamine", "lisdexamfetamine", "phentermine", "modafinil",
    ];

    /// <summary>The ingredient, or null for a drug that is not under control.</summary>
    public static string? IngredientIn(string? words) =>
        words is null ? null : Ingredients.FirstOrDefault(i => words.Contains(i, StringComparison.OrdinalIgnoreCase));
}
