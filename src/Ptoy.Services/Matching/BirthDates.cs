using System.Globalization;
using Ptoy.Services.Common;

namespace Ptoy.Services.Matching;

/// <summary>Birth dates as whole days, <c>yyyy-MM-dd</c>.</summary>
public static class BirthDates
{
    /// <summary>Checks a date given by a person. Throws <see cref="FieldException"/>.</summary>
    public static string Check(string? birthDate, DateOnly today, string field = "birthDate")
    {
        if (string.IsNullOrWhiteSpace(birthDate)) throw new FieldException(field, "missing");
        if (!DateOnly.TryParseExact(birthDate, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly date))
            throw new FieldException(field, "not a date of the form yyyy-MM-dd");
        if (date > today || date.Year < 1875) throw new FieldException(field, "not a plausible birth date");
        return birthDate;
    }

    /// <summary>True when a record's date is a whole day and the same: a year alone proves nothing.</summary>
    public static bool Agree(string? recorded, string given) => recorded is { Length: 10 } && string.Equals(recorded, given, StringComparison.Ordinal);
}
