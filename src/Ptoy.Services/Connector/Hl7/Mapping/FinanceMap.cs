using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>PID-18, GT1, IN1, FT1 to Account, RelatedPerson, Coverage and ChargeItem.</summary>
internal static class FinanceMap
{
    private const string Subscribers = "http://terminology.hl7.org/CodeSystem/subscriber-relationship";

    /// <summary>
    /// The account of PID-18, with guarantor and coverages where the message has them; one that says less does not overwrite it.
    /// </summary>
    public static void Account(MapContext context, Hl7Segment pid, IReadOnlyList<Hl7Segment> segments, KnownState known)
    {
        if (AccountId(context, pid[18]) is not { } id) return;
        context.AccountId = id;
        Hl7Segment[] guarantors = [.. segments.Where(s => s.Name == "GT1")], insurances = [.. segments.Where(s => s.Name == "IN1")];
        bool rich = guarantors.Length > 0 || insurances.Length > 0;
        if (!rich && known.Contains($"account/{id}")) return;
        FhirObject body = MapContext.Begin("Account", id).Append("identifier", DataTypes.Identifier(pid[18], context.Dates, "AN"))
            .Add("status", "active");
        body.Add("subject", new object?[] { context.Subject });
        for (int i = 0; i < insurances.Length; i++)
        {
            if (Coverage(context, insurances[i], segments) is { } coverage)
                body.Append("coverage", new FhirObject().Add("coverage", coverage).Add("priority", i + 1));
        }
        foreach (Hl7Segment guarantor in guarantors)
        {
            if (Guarantor(context, guarantor) is { } person)
                body.Append("guarantor", new FhirObject().Add("party", person)
                    .Add("period", DataTypes.Period(context.Time(guarantor, 13), context.Time(guarantor, 14))));
        }
        context.Put("Account", id, body);
        known.Remember($"account/{id}", ["1"]);
    }

    /// <summary>An account that was merged into another: inactive, part of it.</summary>
    public static void Merged(MapContext context, Hl7Segment merge)
    {
        if (AccountId(context, merge[3]) is not { } old || old == context.AccountId) return;
        FhirObject body = MapContext.Begin("Account", old).Append("identifier", DataTypes.Identifier(merge[3], context.Dates, "AN"))
            .Add("status", "inactive");
        body.Add("subject", new object?[] { context.Subject });
        if (context.AccountId is { } survivor) body.Add("partOf", MapContext.Reference("Account", survivor));
        context.Put("Account", old, body);
    }

    /// <summary>An insurance that stands alone, without an account.</summary>
    public static FhirObject? Coverage(MapContext context, Hl7Segment insurance, IReadOnlyList<Hl7Segment> segments)
    {
        insurance.Ignore(1);
        Hl7Segment? more = segments.SkipWhile(s => s != insurance).Skip(1).TakeWhile(s => s.Name != "IN1")
            .FirstOrDefault(s => s.Name == "IN2");
        FhirObject? payor = Payor(context, insurance);
        string? policy = insurance[36].Text ?? insurance[49][1].Text;
        if (payor is null && policy is null) return null;
        string id = context.IdOf("Coverage", context.Patient.Text, insurance[2][1].Text, insurance.Peek(3)[1].Text
            ?? insurance.Peek(4)[1].Text, policy);
        FhirObject body = MapContext.Begin("Coverage", id);
        body.Append("identifier", new FhirObject().Add("type", DataTypes.Words("policy")).Add("value", insurance.Peek(36).Text))
            .Append("identifier", DataTypes.Identifier(insurance.Peek(49), context.Dates));
        body.Add("status", "active").Add("type", DataTypes.Concept(insurance[15], $"{CodeSystems.Terminology}v2-0086"));
        string? relation = insurance[17][1].Text;
        bool self = relation is "SEL" or "SELF" or "18" or "01" or "1";
        FhirObject? subscriber = self || !insurance.Peek(16).HasValue ? null : Subscriber(context, insurance, id);
        body.Add("subscriber", self ? context.Subject : subscriber).Add("subscriberId", insurance.Peek(49)[1].Text ?? more?[61][1].Text);
        body.Add("beneficiary", context.Subject);
        body.Add("relationship", self ? DataTypes.Concept(Subscribers, "self")
            : DataTypes.Concept(insurance[17], $"{CodeSystems.Terminology}v2-0063"));
        body.Add("period", DataTypes.Period(context.Time(insurance, 12), context.Time(insurance, 13)));
        body.Append("payor", payor ?? context.Subject);
        Class(body, "plan", insurance[2][1].Text, insurance[2][2].Text);
        Class(body, "group", insurance[8][1].Text, insurance[9][1].Text);
        if (insurance[22].Text is { } order && int.TryParse(order, out int place) && place > 0) body.Add("order", place);
        return context.Put("Coverage", id, body);
    }

    /// <summary>FT1. Known by its transaction number, else by visit, code and time.</summary>
    public static void Charge(MapContext context, SegmentGroup group)
    {
        Noted noted = group.FirstNoted("FT1")!;
        Hl7Segment charge = noted.Segment;
        charge.Ignore(1);
        FhirObject code = DataTypes.Concept(charge[7]);
        if (code.IsEmpty) code = DataTypes.Concept(charge[25]);
        string? from = context.Time(charge, 4), to = context.Dates.DateTime(charge[4][2].Text);
        string number = charge[2][1].Text ?? "";
        string id = context.IdOf("ChargeItem", context.Patient.Text, number, charge.Peek(7)[1].Text, number.Length > 0 ? ""
            : $"{context.EncounterId}/{charge.Peek(1).Text}/{from}");
        FhirObject body = MapContext.Begin("ChargeItem", id)
            .Append("identifier", number.Length > 0 ? new FhirObject().Add("value", number) : null);
        body.Add("status", charge[6][1].Text?.ToUpperInvariant(
            ) switch { "CD" or "REV" => "entered-in-error", "CG" or "CO" => "billable", "PY" => "billed", _ => "unknown" });
        body.Add("code", code.IsEmpty ? DataTypes.Words(charge[8].Text ?? "not stated") : code).Add("subject", context.Subject)
            .Add("context", context.Encounter);
        if (to is not null) body.Add("occurrencePeriod", DataTypes.Period(from, to));
        else body.Add("occurrenceDateTime", from);
        foreach (FhirObject person in PeopleMap.Practitioners(context, charge[20]))
            body.Append("performer", new FhirObject().Add("actor", person));
        if (DataTypes.Number(charge[10].Text) is { } quantity) body.Add("quantity", new FhirObject().Add("value", quantity));
        body.Add("priceOverride", Money(charge[12].HasValue ? charge[12] : charge[11]));
        if (context.Dates.DateTime(charge[5].Text) is { } posted) body.Add("enteredDate", posted);
        foreach (Hl7Value reason in charge[19].Repetitions) body.Append("reason", DataTypes.Concept(reason));
        body.Add("productCodeableConcept", DataTypes.Concept(charge[29]));
        if (context.AccountId is { } account) body.Add("account", new object?[] { MapContext.Reference("Account", account) });
        body.Add("note", noted.Annotations());
        context.Put("ChargeItem", id, body);
    }

    private static string? AccountId(MapContext context, Hl7Value number) =>
        number[1].Text is { } text ? context.IdOf("Account", DataTypes.Authority(number[4]), text) : null;

    private static FhirObject? Guarantor(MapContext context, Hl7Segment guarantor)
    {
        guarantor.Ignore(1);
        FhirObject name = DataTypes.Name(guarantor[3], context.Dates);
        string? organisation = guarantor[21][1].Text;
        if (name.IsEmpty) return organisation is null ? null : PeopleMap.Organization(context, guarantor[21]);
        string number = guarantor[2][1].Text ?? "";
        string id = context.IdOf("RelatedPerson", context.Patient.Text, "GT1", number, number.Length > 0 ? "" : name.ToString());
        FhirObject body = MapContext.Begin("RelatedPerson", id);
        foreach (Hl7Value identifier in guarantor[2].Repetitions)
            body.Append("identifier", DataTypes.Identifier(identifier, context.Dates));
        body.Add("patient", context.Subject);
        body.Append("relationship", DataTypes.Concept($"{CodeSystems.Terminology}v3-RoleCode", "GUAR", "guarantor"));
        body.Append("relationship", DataTypes.Concept(guarantor[11], $"{CodeSystems.Terminology}v2-0063"));
        body.Append("name", name);
        foreach (Hl7Value phone in guarantor[6].Repetitions) body.Append("telecom", DataTypes.Telecom(phone, "home"));
        foreach (Hl7Value phone in guarantor[7].Repetitions) body.Append("telecom", DataTypes.Telecom(phone, "work"));
        body.Add("gender", PatientMap.Gender(guarantor[9].Text)).Add("birthDate", MapContext.Day(guarantor, 8));
        foreach (Hl7Value address in guarantor[5].Repetitions) body.Append("address", DataTypes.Address(address, context.Dates));
        return context.Put("RelatedPerson", id, body);
    }

    private static FhirObject? Payor(MapContext context, Hl7Segment insurance)
    {
        FhirObject identifier = DataTypes.Identifier(insurance[3], context.Dates);
        FhirObject[] addresses = [.. insurance[5].Repetitions.Select(a => DataTypes.Address(a, context.Dates))];
        FhirObject[] phones = [.. insurance[7].Repetitions.Select(p => DataTypes.Telecom(p, "work"))];
        return PeopleMap.OrganizationNamed(context, insurance[4][1].Text, identifier.IsEmpty ? null : identifier, addresses, phones);
    }

    private static FhirObject? Subscriber(MapContext context, Hl7Segment insurance, string coverage)
    {
        FhirObject name = DataTypes.Name(insurance[16], context.Dates);
        if (name.IsEmpty) return null;
        string id = context.IdOf("RelatedPerson", context.Patient.Text, "IN1", coverage);
        FhirObject body = MapContext.Begin("RelatedPerson", id).Add("patient", context.Subject);
        body.Append("relationship", DataTypes.Concept(insurance[17], $"{CodeSystems.Terminology}v2-0063")).Append("name", name);
        body.Add("gender", PatientMap.Gender(insurance[43].Text)).Add("birthDate", MapContext.Day(insurance, 18));
        foreach (Hl7Value address in insurance[19].Repetitions) body.Append("address", DataTypes.Address(address, context.Dates));
        return context.Put("RelatedPerson", id, body);
    }

    private static void Class(FhirObject body, string kind, string? value, string? name)
    {
        if ((value ?? name) is not { } given) return;
        body.Append("class", new FhirObject().Add("type", DataTypes.Concept($"{CodeSystems.Terminology}coverage-class", kind))
            .Add("value", given).Add("name", name));
    }

    private static FhirObject Money(Hl7Value amount)
    {
        RawNumber? number = DataTypes.Number(amount[1].Sub(1).Text);
        string? currency = amount[1].Sub(2).Text;
        return number is null ? new FhirObject() : new FhirObject().Add("value", number)
            .Add("currency", currency is { Length: 3 } ? currency.ToUpperInvariant() : null);
    }
}
