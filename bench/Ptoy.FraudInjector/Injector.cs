namespace Ptoy.FraudInjector;

/// <summary>How much to make up.</summary>
/// <param name="Seed">The same seed gives the same lines everywhere.</param>
/// <param name="Patients">About how many people; 200 to 50,000.</param>
/// <param name="Rate">Fraud incidents per honest claim and access event, 0 to 0.05.</param>
/// <param name="Hospitals">3 to 12.</param>
public sealed record InjectorOptions(ulong Seed, int Patients = 2500, double Rate = 0.005, int Hospitals = 8)
{
    /// <summary>Null when within bounds, else what is wrong.</summary>
    public string? Problem() =>
        Patients is < 200 or > 50_000 ? $"patients: {Patients} is not 200 to 50,000"
        : Rate is not (>= 0 and <= 0.05) ? $"rate: {Rate} is not 0 to 0.05"
        : Hospitals is < 3 or > 12 ? $"hospitals: {Hospitals} is not 3 to 12"
        : null;
}

/// <summary>A made-up population and what was done wrong in it.</summary>
/// <param name="Lines">FHIR R4 resources, one a line. Nothing in them says which are fraud.</param>
/// <param name="Labels">One line an incident: <c>{"label":{"incident":"1","kind":"duplicate","references":["Claim/…"]}}</c>.</param>
public sealed record InjectedSet(IReadOnlyList<string> Lines, IReadOnlyList<string> Labels);

/// <summary>
/// Makes up a year of honest claims and accesses with the oddities that honest life has, and injects fraud into it at a rate. It shares neither
/// code nor tables nor thresholds with what looks for fraud.
/// </summary>
public static class Injector
{
    /// <summary>Makes a set. Throws <see cref="ArgumentException"/> for options out of bounds.</summary>
    public static InjectedSet Make(InjectorOptions options)
    {
        if (options.Problem() is { } problem) throw new ArgumentException(problem, nameof(options));
        var dice = new Dice(options.Seed);
        var year = new Year();
        var world = new WorldMaker(dice, year, options);
        world.Make();
        var practice = new Practice(dice, year);
        new OrdinaryLife(dice, year, practice).Live();
        new Oddities(dice, year, practice, world).Happen();
        int incidents = (int)Math.Round((year.Bills.Count + year.Looks.Count) * options.Rate);
        Commit(dice, incidents, new ClaimFrauds(dice, year, practice), new AccessFrauds(dice, year, practice, world));
        return new InjectedSet([.. new FhirLines(year).All()], [.. year.Incidents.Select((incident, i) => FhirLines.Label(incident, i + 1))]);
    }

    private static void Commit(Dice dice, int incidents, ClaimFrauds claims, AccessFrauds accesses)
    {
        Action[] kinds =
        [
            claims.Duplicate, claims.NearDuplicate, claims.Unbundling, claims.ImpossibleTravel, claims.AfterDeath, claims.DoctorShopping,
            accesses.Snooping, accesses.Unexplained, accesses.Burst, accesses.SharedPhone, accesses.Takeover,
        ];
        // Every world has kinds that are commoner there than elsewhere.
        double[] weights = [.. kinds.Select(_ => 0.5 + dice.Unit())];
        for (int i = 0; i < incidents; i++)
        {
            double at = dice.Unit() * weights.Sum();
            int kind = 0;
            while (kind < kinds.Length - 1 && (at -= weights[kind]) > 0) kind++;
            kinds[kind]();
        }
    }
}
