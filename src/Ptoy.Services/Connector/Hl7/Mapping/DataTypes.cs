using System.Text.RegularExpressions;
using Ptoy.Services.Connector.Hl7.Parsing;
using Ptoy.Services.Connector.Hl7.Rules;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>HL7 v2 data types as FHIR data types, after the data type maps of HL7's v2-to-FHIR guide.</summary>
internal static partial class DataTypes
{
    /// <summary>A FHIR <c>code</c>: no blanks at the ends, single blanks inside.</summary>
    public static string? Code(string? text) => string.IsNullOrWhiteSpace(text) ? null : Blanks().Replace(text.Trim(), " ");

    public static FhirObject Coding(string? system, string? code, string? display = null, string? version = null) =>
        new FhirObject().Add("system", system).Add("version", version).Add("code", Code(code)).Add("display", display);

    public static FhirObject Concept(string system, string? code, string? display = null) =>
        code is null ? new FhirObject() : new FhirObject().Append("coding", Coding(system, code, display));

    /// <summary>A text without a code.</summary>
    public static FhirObject Words(string? text) => new FhirObject().Add("text", text);

    /// <summary>CE, CNE, CWE: two codings and the original text.</summary>
    public static FhirObject Concept(Hl7Value coded, string? defaultSystem = null)
    {
        var concept = new FhirObject();
        if (!coded.HasValue) return concept;
        foreach (int at in new[] { 1, 4, 10 })
        {
            if (coded[at].Text is not { } code) continue;
            (int version, int oid) = at switch { 1 => (7, 14), 4 => (8, 17), _ => (13, 20) };
            string? system = CodeSystems.OfName(coded[at + 2].Text, coded[oid].Text) ?? (coded[at + 2].HasValue ? null : defaultSystem);
            concept.Append("coding", Coding(system, code, coded[at + 1].Text, coded[version].Text));
        }
        return concept.Add("text", coded[9].Text ?? coded[2].Text ?? coded[5].Text ?? (concept.IsEmpty ? coded.WholeText : null));
    }

    /// <summary>CX and EI-like: a number, who gave it, its kind, when it held.</summary>
    public static FhirObject Identifier(Hl7Value id, Hl7Dates dates, string? kind = null)
    {
        if (id[1].Text is not { } number) return new FhirObject();
        string? type = id[5].Text ?? kind;
        FhirObject period = new FhirObject().Add("start", dates.DateTime(id[7].Text)).Add("end", dates.DateTime(id[8].Text));
        return new FhirObject()
            .Add("type", Concept($"{CodeSystems.Terminology}v2-0203", type))
            .Add("system", Authority(id[4])).Add("value", number)
            .Add("period", period).Add("assigner", new FhirObject().Add("display", id[6].Text));
    }

    /// <summary>EI: entity identifier, namespace, universal id and its type.</summary>
    public static FhirObject Entity(Hl7Value id, string? kind = null)
    {
        if (id[1].Text is not { } number) return new FhirObject();
        return new FhirObject()
            .Add("type", Concept($"{CodeSystems.Terminology}v2-0203", kind))
            .Add("system", CodeSystems.OfAuthority(id[2].Text, id[3].Text, id[4].Text)).Add("value", number);
    }

    /// <summary>HD as a URI.</summary>
    public static string? Authority(Hl7Value authority) =>
        authority.HasValue ? CodeSystems.OfAuthority(authority.Text, authority.Sub(2).Text, authority.Sub(3).Text) : null;

    /// <summary>XPN, or the name in an XCN, which begins one component later.</summary>
    public static FhirObject Name(Hl7Value name, Hl7Dates dates, int offset = 0)
    {
        Hl7Value Part(int number) => name[number + offset];
        var mapped = new FhirObject();
        string? use = offset == 0 ? NameUse(Part(7).Text) : null;
        mapped.Add("use", use).Add("family", Part(1).Text);
        mapped.Append("given", Part(2).Text);
        foreach (string given in (Part(3).Text ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries)) mapped.Append("given", given);
        mapped.Append("prefix", Part(5).Text).Append("suffix", Part(4).Text).Append("suffix", Part(6).Text);
        if (!mapped.Has("family") && !mapped.Has("given")) return new FhirObject();
        if (offset == 0) mapped.Add("period", Period(dates.DateTime(Part(12).Text), dates.DateTime(Part(13).Text)));
        return mapped;
    }

    /// <summary>A period, or nothing. An end before its start is left out: FHIR forbids it.</summary>
    public static FhirObject Period(string? start, string? end)
    {
        bool backwards = start is not null && end is not null && Moment(end) < Moment(start);
        return new FhirObject().Add("start", start).Add("end", backwards ? null : end);
    }

    /// <summary>XAD.</summary>
    public static FhirObject Address(Hl7Value address, Hl7Dates dates)
    {
        string? kind = address[7].Text;
        var mapped = new FhirObject().Add("use", AddressUse(kind)).Add("type", kind == "M" ? "postal" : null);
        string?[] street = [address[1].Text, address[1].Sub(2).Text, address[1].Sub(3).Text];
        mapped.Append("line", string.Join(' ', street.Where(s => s is not null))).Append("line", address[2].Text);
        mapped.Add("city", address[3].Text).Add("district", address[9].Text).Add("state", address[4].Text);
        mapped.Add("postalCode", address[5].Text).Add("country", address[6].Text);
        return mapped.Add("period", Period(dates.DateTime(address[13].Text), dates.DateTime(address[14].Text)));
    }

    /// <summary>XTN and TN. <paramref name="use"/> is what the field means when the value does not say.</summary>
    public static FhirObject Telecom(Hl7Value phone, string? use)
    {
        string equipment = (phone[3].Text ?? "").ToUpperInvariant(), code = (phone[2].Text ?? "").ToUpperInvariant();
        if (phone[4].Text is { } mail) return new FhirObject().Add("system", "email").Add("value", mail).Add("use", PhoneUse(code, use));
        string? number = phone[12].Text ?? (phone[7].HasValue ? Joined(phone) : phone[1].Text);
        if (number is null) return new FhirObject();
        string system = equipment switch
        {
            "FX" => "fax", "BP" => "pager", "INTERNET" or "X.400" => number.Contains('@', StringComparison.Ordinal) ? "email" : "phone",
            "MD" or "TDD" or "TTY" or "SAT" => "other", _ => "phone",
        };
        return new FhirObject().Add("system", system).Add("value", number).Add("use", equipment == "CP" ? "mobile" : PhoneUse(code, use));
    }

    /// <summary>A number as JSON can write it, in the digits in which it came; null when it is none.</summary>
    public static RawNumber? Number(string? text)
    {
        if (text is null) return null;
        string number = text.Trim().TrimStart('+');
        if (Fraction().IsMatch(number)) number = number.Replace(".", "0.", StringComparison.Ordinal);
        Match parts = Decimal().Match(number);
        if (!parts.Success) return null;
        string whole = parts.Groups[2].Value.TrimStart('0');
        string digits = $"{parts.Groups[1].Value}{(whole.Length == 0 ? "0" : whole)}{parts.Groups[3].Value}";
        return digits.Length > 30 ? null : new RawNumber(digits);
    }

    /// <summary>A quantity with its unit (CE or CWE). Units of UCUM and ISO+ keep their code; others are text.</summary>
    public static FhirObject Quantity(RawNumber? number, Hl7Value unit, string? comparator = null)
    {
        if (number is null) return new FhirObject();
        var quantity = new FhirObject().Add("value", number).Add("comparator", comparator);
        if (!unit.HasValue) return quantity;
        string? system = CodeSystems.OfName(unit[3].Text, unit[14].Text);
        quantity.Add("unit", unit[2].Text ?? unit[1].Text);
        return system is not null && unit[1].HasValue ? quantity.Add("system", system).Add("code", Code(unit[1].Text)) : quantity;
    }

    private static DateTimeOffset Moment(string time)
    {
        string padded = time.Length switch { 4 => $"{time}-01-01", 7 => $"{time}-01", _ => time };
        return DateTimeOffset.TryParse(
            padded, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AssumeUniversal,
            out DateTimeOffset moment)
            ? moment : DateTimeOffset.MinValue;
    }

    private static string Joined(Hl7Value phone)
    {
        string? country = phone[5].Text, area = phone[6].Text, extension = phone[8].Text;
        string number = $"{(country is null ? "" : $"+{country.TrimStart('+')} ")}{(area is null ? "" : $"{area} ")}{phone[7].Text}";
        return extension is null ? number : $"{number} ext. {extension}";
    }

    private static string? NameUse(string? code) => code switch
    {
        "L" or "C" => "official", "D" or "U" => "usual", "M" => "maiden", "N" or "NOUSE" => "nickname", "S" => "anonymous", "T" or "TEMP" => "temp", "BAD" => "old",
        _ => null,
    };

    private static string? AddressUse(string? code) =>
        code switch { "H" or "P" or "L" => "home", "B" or "O" => "work", "C" or "TM" => "temp", "BA" => "old", "BI" => "billing",
        _ => null };

    private static string? PhoneUse(string code, string? otherwise) =>
        code switch { "PRN" or "ORN" or "VHN" => "home", "WPN" => "work", "PRS" => "mobile", _ => otherwise };

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();

    [GeneratedRegex(@"^-?\.[0-9]+$")]
    private static partial Regex Fraction();

    [GeneratedRegex(@"^(-?)([0-9]+)((?:\.[0-9]+)?)\.?$")]
    private static partial Regex Decimal();
}
