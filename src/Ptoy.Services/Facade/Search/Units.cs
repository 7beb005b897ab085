using System.Collections.Concurrent;
using Fhir.Metrics;

namespace Ptoy.Services.Facade.Search;

/// <summary>A unit in base units: <c>value · Factor + Offset</c> of <see cref="Base"/>.</summary>
internal sealed record CanonicalUnit(string Base, double Factor, double Offset)
{
    public double Of(double value) => (value * Factor) + Offset;
}

/// <summary>UCUM units made comparable, each converted once and remembered.</summary>
internal static class Units
{
    public const string Ucum = "http://unitsofmeasure.org";

    // What strangers can make us remember is bounded; beyond it a unit is converted each time.
    private const int MaxRemembered = 10_000;
    private static readonly ConcurrentDictionary<string, CanonicalUnit?> Known = new(StringComparer.Ordinal);
    private static readonly FhirMetricService Service = new();

    /// <summary>The canonical form of a UCUM code, or null when it is not one.</summary>
    public static CanonicalUnit? Find(string code)
    {
        if (Known.TryGetValue(code, out CanonicalUnit? unit)) return unit;
        unit = Convert(code);
        if (Known.Count < MaxRemembered) Known[code] = unit;
        return unit;
    }

    private static CanonicalUnit? Convert(string code)
    {
        // UCUM's special units on a scale with its own zero.
        if (code == "Cel") return new CanonicalUnit("K", 1, 273.15);
        if (code == "[degF]") return new CanonicalUnit("K", 5.0 / 9, 459.67 * 5 / 9);
        if (code.Length is 0 or > 64) return null;
        try
        {
            // The library keeps as many digits as it is given.
            if (!Service.TryCanonicalize((1.000000000000m, code, Ucum), out (decimal Value, string Unit, string? System)? one)) return null;
            string unit = one!.Value.Unit;
            if (unit.StartsWith("1.", StringComparison.Ordinal)) unit = unit[2..];
            return new CanonicalUnit(unit.Length == 0 ? "1" : unit, (double)one.Value.Value, 0);
        }
#pragma warning disable CA1031 // any text may stand where a unit should: what the library makes of it is "not a unit"
        catch (Exception)
#pragma warning restore CA1031
        {
            return null;
        }
    }
}
