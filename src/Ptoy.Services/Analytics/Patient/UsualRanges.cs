using Ptoy.Services.Analytics.Units;

namespace Ptoy.Services.Analytics.Patient;

/// <summary>
/// What is usual for adults, for values whose Observation brings no range of its own (the laboratory's own range is always better: methods
/// differ). Sources: ABIM, Laboratory Test Reference Ranges; NCEP ATP III (2002) for lipids; ADA Standards of Care for HbA1c and fasting glucose;
/// ACC/AHA (2017) for blood pressure; WHO for body mass index; KDIGO (2012) for filtration; AHA for the resting pulse.
/// </summary>
internal static class UsualRanges
{
    /// <summary>Completed years from which the table applies.</summary>
    public const int AdultAge = 18;

    private const string Abim = "ABIM reference ranges", Atp = "NCEP ATP III 2002", Ada = "ADA Standards of Care", AccAha = "ACC/AHA 2017", Who = "WHO",
        Kdigo = "KDIGO 2012", Aha = "AHA";

    private static readonly Dictionary<string, Entry> Table = new(StringComparer.Ordinal)
    {
        ["2947-0"] = new("mmol/L", 136, 145, Abim), ["2951-2"] = new("mmol/L", 136, 145, Abim),
        ["6298-4"] = new("mmol/L", 3.5m, 5.0m, Abim), ["2823-3"] = new("mmol/L", 3.5m, 5.0m, Abim),
        ["2069-3"] = new("mmol/L", 98, 106, Abim), ["2075-0"] = new("mmol/L", 98, 106, Abim),
        ["20565-8"] = new("mmol/L", 23, 28, Abim), ["2028-9"] = new("mmol/L", 23, 28, Abim),
        ["49765-1"] = new("mg/dL", 8.6m, 10.2m, Abim), ["17861-6"] = new("mg/dL", 8.6m, 10.2m, Abim),
        ["6299-2"] = new("mg/dL", 8, 20, Abim), ["3094-0"] = new("mg/dL", 8, 20, Abim),
        ["38483-4"] = new("mg/dL", 0.7m, 1.3m, Abim, 0.5m, 1.1m), ["2160-0"] = new("mg/dL", 0.7m, 1.3m, Abim, 0.5m, 1.1m),
        ["718-7"] = new("g/dL", 14, 18, Abim, 12, 16),
        ["6690-2"] = new("10*3/uL", 4, 11, Abim), ["777-3"] = new("10*3/uL", 150, 450, Abim),
        ["2093-3"] = new("mg/dL", null, 200, Atp) { IsHighExcluded = true },
        ["2571-8"] = new("mg/dL", null, 150, Atp) { IsHighExcluded = true },
        ["18262-6"] = new("mg/dL", null, 130, Atp) { IsHighExcluded = true },
        ["13457-7"] = new("mg/dL", null, 130, Atp) { IsHighExcluded = true },
        ["2085-9"] = new("mg/dL", 40, null, Atp),
        ["4548-4"] = new("%", null, 5.7m, Ada) { IsHighExcluded = true },
        ["1558-6"] = new("mg/dL", 70, 99, Ada),
        ["8480-6"] = new("mm[Hg]", null, 120, AccAha) { IsHighExcluded = true },
        ["8462-4"] = new("mm[Hg]", null, 80, AccAha) { IsHighExcluded = true },
        ["39156-5"] = new("kg/m2", 18.5m, 25, Who) { IsHighExcluded = true },
        ["33914-3"] = new("mL/min/{1.73_m2}", 60, null, Kdigo), ["62238-1"] = new("mL/min/{1.73_m2}", 60, null, Kdigo),
        ["8867-4"] = new("/min", 60, 100, Aha),
        // Units only: what is usual depends on the person.
        ["29463-7"] = new("kg", null, null, ""), ["8302-2"] = new("cm", null, null, ""), ["8331-1"] = new("Cel", null, null, ""),
        ["8310-5"] = new("Cel", null, null, ""), ["2339-0"] = new("mg/dL", null, null, ""), ["2345-7"] = new("mg/dL", null, null, ""),
    };

    /// <summary>The unit in which values of a code are shown; null where the records' most frequent one is taken.</summary>
    public static string? UnitOf(string code) => Table.GetValueOrDefault(code)?.Unit;

    /// <summary>The range of a code in a unit for an adult; null for others, and where sex matters and is not known.</summary>
    public static UsualRange? Of(string code, string unit, string sex, int? age)
    {
        if (age is null or < AdultAge || !Table.TryGetValue(code, out Entry? entry)) return null;
        (decimal? low, decimal? high) = (entry.Low, entry.High);
        if (entry.HasSexes)
        {
            if (sex is not ("male" or "female")) return null;
            if (sex == "female") (low, high) = (entry.FemaleLow, entry.FemaleHigh);
        }
        if (low is null && high is null) return null;
        decimal? In(decimal? value) => value is { } v ? UnitConverter.Convert(v, entry.Unit, unit) : null;
        (decimal? lowHere, decimal? highHere) = (In(low), In(high));
        return lowHere is null == low is null && highHere is null == high is null ? new UsualRange(lowHere, highHere, entry.Source, entry.IsHighExcluded) : null;
    }

    private sealed record Entry(string Unit, decimal? Low, decimal? High, string Source, decimal? FemaleLow = null, decimal? FemaleHigh = null)
    {
        /// <summary>The upper end is the first value that is not usual.</summary>
        public bool IsHighExcluded { get; init; }

        public bool HasSexes => FemaleLow is not null || FemaleHigh is not null;
    }
}
