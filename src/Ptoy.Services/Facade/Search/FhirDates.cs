using System.Globalization;

namespace Ptoy.Services.Facade.Search;

/// <summary>The instants that a FHIR date, dateTime, instant or Period stands for: from <see cref="Low"/> up to but not with <see
/// cref="High"/>, in UTC ticks.</summary>
internal readonly record struct DateSpan(long Low, long High)
{
    /// <summary>An end that is not known.</summary>
    public const long Open = long.MaxValue;
}

/// <summary>Reads partial dates: <c>2012</c>, <c>2012-03</c>, <c>2012-03-01</c>, <c>2012-03-01T08:00[:00[.000]][Z|±hh:mm]</c>. Without a
/// zone it is UTC.</summary>
internal static class FhirDates
{
    private const int DateLength = 10;

    /// <summary>The span of a text, or false when it is no FHIR date.</summary>
    public static bool TryParse(string text, out DateSpan span)
    {
        span = default;
        if (text.Length is < 4 or > 40) return false;
        int at = text.IndexOf('T', StringComparison.Ordinal);
        string date = at < 0 ? text : text[..at];
        if (!TryDate(date, out DateTime low, out DateTime high)) return false;
        if (at < 0)
        {
            span = new DateSpan(low.Ticks, high.Ticks);
            return true;
        }
        return date.Length == DateLength && TryTime(low, text[(at + 1)..], out span);
    }

    private static bool TryDate(string text, out DateTime low, out DateTime high)
    {
        (low, high) = (default, default);
        string[] parts = text.Split('-');
        if (parts.Length > 3 || parts[0].Length != 4 || !Number(parts[0], 1, 9998, out int year)) return false;
        int month = 1, day = 1;
        if (parts.Length > 1 && (parts[1].Length != 2 || !Number(parts[1], 1, 12, out month))) return false;
        if (parts.Length > 2 && (parts[2].Length != 2 || !Number(parts[2], 1, DateTime.DaysInMonth(year, month), out day))) return false;
        low = new DateTime(year, month, day, 0, 0, 0, DateTimeKind.Utc);
        high = parts.Length switch { 1 => low.AddYears(1), 2 => low.AddMonths(1), _ => low.AddDays(1) };
        return true;
    }

    private static bool TryTime(DateTime day, string text, out DateSpan span)
    {
        span = default;
        int zone = text.IndexOfAny(['Z', '+', '-']);
        string time = zone < 0 ? text : text[..zone];
        long offset = zone < 0 ? 0 : Zone(text[zone..]);
        if (offset == long.MinValue) return false;
        string[] parts = time.Split(':');
        if (parts.Length is < 2 or > 3 || parts[0].Length != 2 || parts[1].Length != 2) return false;
        if (!Number(parts[0], 0, 24, out int hour) || !Number(parts[1], 0, 59, out int minute)) return false;
        long low = day.Ticks + (hour * TimeSpan.TicksPerHour) + (minute * TimeSpan.TicksPerMinute);
        long width = TimeSpan.TicksPerMinute;
        if (parts.Length == 3 && !TrySeconds(parts[2], ref low, out width)) return false;
        span = new DateSpan(low - offset, low - offset + width);
        return span.Low > 0;
    }

    private static bool TrySeconds(string text, ref long low, out long width)
    {
        width = TimeSpan.TicksPerSecond;
        string[] parts = text.Split('.');
        if (parts.Length > 2 || parts[0].Length != 2 || !Number(parts[0], 0, 60, out int second)) return false;
        low += second * TimeSpan.TicksPerSecond;
        if (parts.Length == 1) return true;
        if (parts[1].Length == 0 || !parts[1].All(char.IsAsciiDigit)) return false;
        foreach (char digit in parts[1].AsSpan(0, Math.Min(7, parts[1].Length)))
        {
            width /= 10;
            low += (digit - '0') * width;
        }
        return true;
    }

    private static long Zone(string text)
    {
        if (text == "Z") return 0;
        if (text.Length != 6 || text[3] != ':' || !Number(text[1..3], 0, 14, out int hours)
            || !Number(text[4..], 0, 59, out int minutes)) return long.MinValue;
        long ticks = (hours * TimeSpan.TicksPerHour) + (minutes * TimeSpan.TicksPerMinute);
        return text[0] == '-' ? -ticks : ticks;
    }

    private static bool Number(string text, int least, int most, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= least && value <= most;
}
