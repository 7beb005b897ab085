using System.Globalization;

namespace Ptoy.Services.Connector.Hl7.Rules;

/// <summary>
/// HL7 times (TS, DTM: YYYY[MM[DD[HH[MM[SS[.S…]]]]]][±ZZZZ]) as FHIR writes them. FHIR wants an offset wherever there is a time of day:
/// the value's own, else the message's (MSH-7), else that of the configured time zone on that day.
/// </summary>
internal sealed class Hl7Dates(TimeZoneInfo zone, string? messageOffset)
{
    /// <summary>A FHIR dateTime of whatever precision was written, or null when it is no time.</summary>
    public string? DateTime(string? text) => Read(text) is { } time ? time.Write(this) : null;

    /// <summary>A FHIR date, or null.</summary>
    public static string? Date(string? text) => Read(text) is { } time ? time.Day() : null;

    /// <summary>A FHIR instant: seconds are needed, so those not written are zero; null without a time of day.</summary>
    public string? Instant(string? text) => Read(text) is { Hour: not null } time
        ? (time with { Second = time.Second ?? "00" }).Write(this) : null;

    /// <summary>True for nothing, and for what can be read as a time.</summary>
    public static bool IsValid(string? text) => string.IsNullOrWhiteSpace(text) || Read(text) is not null;

    /// <summary>The offset that a header's MSH-7 names, as FHIR writes it, or null.</summary>
    public static string? OffsetOf(string? text) => Read(text)?.Offset;

    private sealed record Parts(string Year, string? Month, string? Dom, string? Hour, string? Minute, string? Second, string? Offset)
    {
        public string Day() => Dom is not null ? $"{Year}-{Month}-{Dom}" : Month is not null ? $"{Year}-{Month}" : Year;

        public string Write(Hl7Dates dates)
        {
            if (Hour is null) return Day();
            string clock = $"{Day()}T{Hour}:{Minute}:{Second ?? "00"}";
            return clock + (Offset ?? dates.DefaultOffset(clock));
        }
    }

    private string DefaultOffset(string clock)
    {
        if (messageOffset is not null) return messageOffset;
        string whole = clock[..19];
        var local = System.DateTime.ParseExact(whole, "yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.None);
        TimeSpan offset = zone.GetUtcOffset(local);
        return offset == TimeSpan.Zero ? "Z" : $"{(offset < TimeSpan.Zero ? '-' : '+')}{offset:hh\\:mm}";
    }

    private static Parts? Read(string? text)
    {
        if (string.IsNullOrWhiteSpace(text)) return null;
        string rest = text.Trim();
        string? offset = null;
        int sign = rest.LastIndexOfAny(['+', '-']);
        if (sign >= 4)
        {
            offset = Offset(rest[sign..]);
            if (offset is null) return null;
            rest = rest[..sign];
        }
        string fraction = "";
        int dot = rest.IndexOf('.', StringComparison.Ordinal);
        if (dot == 14)
        {
            fraction = rest[(dot + 1)..];
            if (fraction.Length is < 1 or > 9 || !fraction.All(char.IsAsciiDigit)) return null;
            rest = rest[..dot];
        }
        if (rest.Length is not (4 or 6 or 8 or 10 or 12 or 14) || !rest.All(char.IsAsciiDigit)) return null;
        string Pick(int start) => rest.Length >= start + 2 ? rest.Substring(start, 2) : "";
        var parts = new Parts(rest[..4], Nothing(Pick(4)), Nothing(Pick(6)), Nothing(Pick(8)), Nothing(Pick(10)), Nothing(Pick(12)),
            offset);
        if (!IsReal(parts)) return null;
        // An hour without minutes is no time that FHIR can write.
        if (parts.Minute is null) return parts with { Hour = null };
        // A leap second, as FHIR has none that everybody reads.
        if (parts.Second == "60") parts = parts with { Second = "59" };
        return fraction.Length > 0 ? parts with { Second = $"{parts.Second}.{fraction}" } : parts;
    }

    private static bool IsReal(Parts parts)
    {
        int Number(string? text, int otherwise) => text is null ? otherwise
            : int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
        int year = Number(parts.Year, 0), month = Number(parts.Month, 1), day = Number(parts.Dom, 1);
        return year is >= 1800 and <= 2999 && month is >= 1 and <= 12 && day >= 1 && day <= System.DateTime.DaysInMonth(year, month)
            && Number(parts.Hour, 0) <= 23 && Number(parts.Minute, 0) <= 59 && Number(parts.Second, 0) <= 60;
    }

    private static string? Nothing(string text) => text.Length == 0 ? null : text;

    private static string? Offset(string text)
    {
        if (text.Length != 5 || !text.AsSpan(1).ContainsOnlyDigits()) return null;
        int hours = int.Parse(text.AsSpan(1, 2), NumberStyles.None, CultureInfo.InvariantCulture);
        int minutes = int.Parse(text.AsSpan(3, 2), NumberStyles.None, CultureInfo.InvariantCulture);
        if (minutes > 59 || hours > 14 || (hours == 14 && minutes > 0)) return null;
        return hours == 0 && minutes == 0 ? "Z" : $"{text[0]}{hours:00}:{minutes:00}";
    }
}

/// <summary>Small questions about text.</summary>
internal static class SpanText
{
    /// <summary>True when there is nothing but ASCII digits.</summary>
    public static bool ContainsOnlyDigits(this ReadOnlySpan<char> text) => !text.ContainsAnyExceptInRange('0', '9');
}
