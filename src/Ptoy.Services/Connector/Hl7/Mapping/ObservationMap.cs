using System.Text.RegularExpressions;
using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>What an observation belongs to.</summary>
/// <param name="Key">What the source calls the order, or the visit where there is no order: part of the ids.</param>
/// <param name="Request">OBR, which says when and by whom where OBX does not.</param>
/// <param name="Specimen">What was examined.</param>
/// <param name="IsLaboratory">Filed under laboratory.</param>
internal sealed record ObservedIn(string Key, Hl7Segment? Request, FhirObject? Specimen, bool IsLaboratory);

/// <summary>OBX to Observation.</summary>
internal static partial class ObservationMap
{
    private const string Categories = "http://terminology.hl7.org/CodeSystem/observation-category";
    private const string Interpretations = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
    private const string Absent = "http://terminology.hl7.org/CodeSystem/data-absent-reason";

    /// <summary>LOINC codes of vital signs.</summary>
    private static readonly HashSet<string> VitalSigns =
        ["8867-4", "8480-6", "8462-4", "8310-5", "9279-1", "29463-7", "3141-9", "8302-2", "39156-5", "59408-5", "2708-6", "85354-9",
            "8478-0", "8287-5"];

    private static readonly HashSet<string> KnownInterpretations =
        ["H", "L", "HH", "LL", "HU", "LU", "N", "A", "AA", "<", ">", "U", "D", "B", "W", "S", "R", "I", "MS", "VS", "POS", "NEG", "IND",
            "DET", "ND", "E", "RR", "WR", "NR", "SDD", "SYN-R", "SYN-S", "NS", "IE"];

    /// <summary>
    /// Maps one OBX and gives its reference. <paramref name="ordinals"/> counts how often a code came in the order: the second of a code
    /// without sub-id is another observation, and the same one when the message comes again.
    /// </summary>
    public static FhirObject Map(MapContext context, Noted noted, ObservedIn order, Dictionary<string, int> ordinals)
    {
        Hl7Segment result = noted.Segment;
        result.Ignore(1);
        FhirObject code = DataTypes.Concept(result[3]);
        string what = $"{result.Peek(3)[1].Text ?? result.Peek(3)[2].Text}/{result[4].WholeText}";
        int ordinal = ordinals[what] = ordinals.GetValueOrDefault(what) + 1;
        string id = context.IdOf("Observation", order.Key, what, ordinal.ToString(System.Globalization.CultureInfo.InvariantCulture));
        FhirObject body = MapContext.Begin("Observation", id).Add("status", Status(result[11].Text));
        body.Append("category", Category(result, order));
        // A result that does not say what it is of is still somebody's result.
        body.Add("code", code.IsEmpty ? DataTypes.Words("not stated") : code).Add("subject", context.Subject)
            .Add("encounter", context.Encounter);
        body.Add("effectiveDateTime", context.Time(result, 14) ?? (order.Request is null ? null : context.Time(order.Request, 7)));
        if (context.Dates.Instant(result[19].Text) is { } analysed) body.Add("issued", analysed);
        else result.LeftOut(19);
        Performers(context, result, body);
        bool valued = Value(context, result, id, body);
        if (!valued) body.Add("dataAbsentReason", DataTypes.Concept(Absent, "unknown"));
        foreach (Hl7Value flag in result[8].Repetitions) body.Append("interpretation", Interpretation(flag));
        body.Add("note", noted.Annotations()).Add("bodySite", DataTypes.Concept(result[20])).Add("method", DataTypes.Concept(result[17]));
        body.Add("specimen", order.Specimen);
        if (result[18].HasValue) body.Add("device", new FhirObject().Add("identifier", DataTypes.Entity(result[18])));
        body.Append("referenceRange", Range(result[7].WholeText));
        return context.Put("Observation", id, body);
    }

    /// <summary>Table 0085 as FHIR's observation status.</summary>
    private static string Status(string? code) => code?.ToUpperInvariant() switch
    {
        "F" or "U" => "final", "C" => "corrected", "A" or "B" => "amended", "P" or "R" or "S" => "preliminary", "I" or "O" => "registered",
        "D" or "W" => "entered-in-error", "X" or "N" => "cancelled", _ => "unknown",
    };

    private static FhirObject? Category(Hl7Segment result, ObservedIn order)
    {
        bool vital = result.Peek(3)[1].Text is { } code && VitalSigns.Contains(code) && result.Peek(3)[3].Text is "LN" or "LNC" or "LOINC";
        return vital ? DataTypes.Concept(Categories, "vital-signs") : order.IsLaboratory ? DataTypes.Concept(Categories, "laboratory")
            : null;
    }

    private static void Performers(MapContext context, Hl7Segment result, FhirObject body)
    {
        foreach (FhirObject person in PeopleMap.Practitioners(context, result[16])) body.Append("performer", person);
        if (result[23].HasValue)
        {
            FhirObject[] addresses = [.. result[24].Repetitions.Select(a => DataTypes.Address(a, context.Dates))];
            FhirObject identifier = new FhirObject().Add("system", DataTypes.Authority(result[23][6]))
                .Add("value", result[23][10].Text ?? result[23][3].Text);
            body.Append("performer", PeopleMap.OrganizationNamed(
                context, result[23][1].Text, identifier.Has("value") ? identifier : null, addresses));
        }
        else if (result[15].HasValue)
        {
            body.Append("performer", PeopleMap.OrganizationNamed(context, result[15][2].Text ?? result[15][1].Text));
        }
    }

    /// <summary>Writes the value by its type (OBX-2); false when there is none.</summary>
    private static bool Value(MapContext context, Hl7Segment result, string id, FhirObject body)
    {
        string kind = (result[2].Text ?? "").ToUpperInvariant();
        Hl7Value[] values = [.. result[5].Repetitions];
        if (values.Length == 0)
        {
            result.Ignore(6);
            return false;
        }
        if (kind is "ED" or "RP")
        {
            result.Ignore(6);
            foreach (Hl7Value value in values) body.Append("derivedFrom", DocumentMap.Attached(context, result, value, kind, id));
            return body.Has("derivedFrom");
        }
        if (kind is "ST" or "TX" or "FT" or "")
        {
            body.Add("valueString", string.Join('\n', values.Select(v => v.WholeText)));
            return Unitless(result, body.Has("valueString"));
        }
        if (values.Length == 1) return Single(context, result, values[0], kind, body);
        foreach (Hl7Value value in values)
        {
            var component = new FhirObject().Add("code", body.Value("code"));
            Single(context, result, value, kind, component);
            body.Append("component", component);
        }
        return true;
    }

    private static bool Single(MapContext context, Hl7Segment result, Hl7Value value, string kind, FhirObject body)
    {
        bool quantified = kind switch
        {
            "NM" => Put(body, "valueQuantity", DataTypes.Quantity(DataTypes.Number(value.Text), result[6])),
            "SN" => Structured(result, value, body),
            "CE" or "CWE" or "CNE" or "CF" or "IS" or "ID" => Put(body, "valueCodeableConcept", DataTypes.Concept(value)),
            "DT" or "TS" or "DTM" => Put(body, "valueDateTime", context.Dates.DateTime(value.Text)),
            "TM" => Put(body, "valueTime", Clock(value.Text)),
            _ => false,
        };
        // What cannot be read as its type says is kept as the text that it is.
        if (!quantified) Put(body, "valueString", value.WholeText);
        return Unitless(result, true);
    }

    // A unit beside a text means nothing more than what the text says.
    private static bool Unitless(Hl7Segment result, bool valued)
    {
        result.Ignore(6);
        return valued;
    }

    private static bool Put(FhirObject body, string name, object? value) => body.Add(name, value).Has(name);

    /// <summary>SN: comparator, number, separator, number.</summary>
    private static bool Structured(Hl7Segment result, Hl7Value value, FhirObject body)
    {
        RawNumber? first = DataTypes.Number(value[2].Text), second = DataTypes.Number(value[4].Text);
        string? comparator = value[1].Text, separator = value[3].Text;
        if (first is null) return false;
        if (second is null && separator is null && comparator is null or "<" or "<=" or ">" or ">=" or "=")
            return Put(body, "valueQuantity", DataTypes.Quantity(first, result[6], comparator == "=" ? null : comparator));
        if (comparator is not null || second is null) return false;
        FhirObject one = DataTypes.Quantity(first, result[6]), other = DataTypes.Quantity(second, result[6]);
        return separator switch
        {
            "-" => Put(body, "valueRange", new FhirObject().Add("low", one).Add("high", other)),
            ":" or "/" => Put(body, "valueRatio", new FhirObject().Add("numerator", one).Add("denominator", other)),
            _ => false,
        };
    }

    private static FhirObject Interpretation(Hl7Value flag)
    {
        if (flag[1].Text is { } code && KnownInterpretations.Contains(code))
            return DataTypes.Concept(Interpretations, code, flag[2].Text is { } text && text != code ? text : null);
        return DataTypes.Concept(flag);
    }

    private static FhirObject Range(string? text)
    {
        if (text is null) return new FhirObject();
        var range = new FhirObject();
        if (Between().Match(text) is { Success: true } both)
        {
            range.Add("low", new FhirObject().Add("value", DataTypes.Number(both.Groups[1].Value)));
            range.Add("high", new FhirObject().Add("value", DataTypes.Number(both.Groups[2].Value)));
        }
        return range.Add("text", text);
    }

    private static string? Clock(string? text)
    {
        if (text is null || text.Length < 4 || !text.AsSpan(0, 4).ContainsAnyInRange('0', '9')) return null;
        string digits = text.Length >= 6 ? text[..6] : $"{text[..4]}00";
        return TimeOnly.TryParseExact(digits, "HHmmss", System.Globalization.CultureInfo.InvariantCulture,
            System.Globalization.DateTimeStyles.None, out TimeOnly time)
            ? time.ToString("HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture) : null;
    }

    [GeneratedRegex(@"^\s*([0-9]+(?:\.[0-9]+)?)\s*[-_]\s*([0-9]+(?:\.[0-9]+)?)\s*$")]
    private static partial Regex Between();
}
