using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>AL1, DG1, PR1 and PRB to AllergyIntolerance, Condition and Procedure.</summary>
internal static class ClinicalMap
{
    private const string AllergyStatus = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
    private const string ConditionStatus = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    private const string ConditionVerification = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
    private const string Categories = "http://terminology.hl7.org/CodeSystem/condition-category";

    /// <summary>AL1. Known by patient and what the patient is allergic to.</summary>
    public static void Allergy(MapContext context, Hl7Segment allergy)
    {
        allergy.Ignore(1);
        FhirObject code = DataTypes.Concept(allergy[3]);
        if (code.IsEmpty) return;
        string id = context.IdOf("AllergyIntolerance", context.Patient.Text, allergy.Peek(3)[1].Text ?? allergy.Peek(3)[2].Text
            ?? allergy.Peek(3).WholeText);
        string kind = allergy[2][1].Text ?? "";
        FhirObject body = MapContext.Begin("AllergyIntolerance", id)
            .Add("clinicalStatus", DataTypes.Concept(AllergyStatus, "active"))
            .Add("type", kind is "DA" or "FA" or "MA" or "EA" or "LA" or "AA" or "PA" ? "allergy" : kind == "MC" ? "intolerance" : null);
        body.Append("category", kind switch { "DA" or "MC" => "medication", "FA" => "food", "EA" or "LA" or "PA" or "AA" => "environment",
            _ => null });
        body.Add("criticality", allergy[4][1].Text switch { "SV" => "high", "MO" or "MI" => "low", "U" => "unable-to-assess", _ => null });
        body.Add("code", code).Add("patient", context.Subject).Add("encounter", context.Encounter)
            .Add("onsetDateTime", context.Time(allergy, 6));
        Hl7Value[] signs = [.. allergy[5].Repetitions];
        if (signs.Length > 0)
        {
            var reaction = new FhirObject();
            foreach (Hl7Value sign in signs) reaction.Append("manifestation", DataTypes.Words(sign.Text));
            reaction.Add("severity", allergy.Peek(4)[1].Text switch { "SV" => "severe", "MO" => "moderate", "MI" => "mild", _ => null });
            if (reaction.Has("manifestation")) body.Append("reaction", reaction);
        }
        context.Put("AllergyIntolerance", id, body);
    }

    /// <summary>DG1. Known by its own number (DG1-20), else by visit and code. Action D (DG1-21) makes it an error. Gives its id.</summary>
    public static string? Diagnosis(MapContext context, Noted noted)
    {
        Hl7Segment diagnosis = noted.Segment;
        diagnosis.Ignore(1, 2);
        FhirObject code = DataTypes.Concept(diagnosis[3]);
        if (diagnosis[4].Text is { } words && !code.Has("text")) code.Add("text", words);
        if (code.IsEmpty) return null;
        string coded = diagnosis.Peek(3)[1].Text ?? diagnosis.Peek(4).Text ?? diagnosis.Peek(3).WholeText ?? "";
        string id = context.IdOf("Condition", context.Patient.Text, diagnosis[20][1].Text, coded, diagnosis.Peek(20)[1].HasValue ? ""
            : context.EncounterId);
        bool deleted = diagnosis[21].Text == "D";
        FhirObject body = MapContext.Begin("Condition", id);
        body.Append("identifier", DataTypes.Entity(diagnosis[20]));
        if (!deleted) body.Add("clinicalStatus", DataTypes.Concept(ConditionStatus, "active"));
        string kind = diagnosis[6][1].Text ?? "";
        body.Add("verificationStatus", DataTypes.Concept(
            ConditionVerification, deleted ? "entered-in-error" : kind == "W" ? "provisional" : kind is "A" or "F" ? "confirmed" : null));
        body.Append("category", DataTypes.Concept(Categories, "encounter-diagnosis"));
        body.Add("code", code).Add("subject", context.Subject).Add("encounter", context.Encounter);
        body.Add("onsetDateTime", context.Time(diagnosis, 5)).Add("recordedDate", context.Time(diagnosis, 19));
        body.Add("asserter", PeopleMap.Practitioner(context, diagnosis[16])).Add("note", noted.Annotations());
        context.Put("Condition", id, body);
        return id;
    }

    /// <summary>PRB. Known by its instance number (PRB-4). Action DE, or event PC3, makes it an error.</summary>
    public static void Problem(MapContext context, Noted noted)
    {
        Hl7Segment problem = noted.Segment;
        FhirObject code = DataTypes.Concept(problem[3]);
        if (code.IsEmpty) return;
        string number = problem[4][1].Text ?? "";
        string id = context.IdOf("Condition", "problem", context.Patient.Text, DataTypes.Authority(problem.Peek(4)[2]), number,
            number.Length > 0 ? "" : problem.Peek(3)[1].Text);
        bool deleted = problem[1].Text is "DE" or "D" || context.Message.Event == "PC3";
        string? resolved = context.Time(problem, 9);
        FhirObject body = MapContext.Begin("Condition", id);
        body.Append("identifier", DataTypes.Entity(problem[4]));
        if (!deleted) body.Add("clinicalStatus", DataTypes.Concept(ConditionStatus, resolved is null ? "active" : "resolved"));
        body.Add("verificationStatus", DataTypes.Concept(
            ConditionVerification, deleted ? "entered-in-error" : Verification(problem[13][1].Text)));
        body.Append("category", DataTypes.Concept(Categories, "problem-list-item"));
        body.Add("severity", DataTypes.Concept(problem[26]));
        body.Add("code", code).Add("subject", context.Subject).Add("encounter", context.Encounter);
        body.Add("onsetDateTime", context.Time(problem, 16) ?? context.Time(problem, 7));
        if (resolved is not null && !deleted) body.Add("abatementDateTime", resolved);
        body.Add("recordedDate", context.Time(problem, 2));
        foreach (FhirObject note in noted.Annotations()) body.Append("note", note);
        context.Put("Condition", id, body);
    }

    /// <summary>PR1. Known by its own number (PR1-19), else by visit, code and time.</summary>
    public static void Procedure(MapContext context, Noted noted)
    {
        Hl7Segment procedure = noted.Segment;
        procedure.Ignore(1, 2);
        FhirObject code = DataTypes.Concept(procedure[3]);
        if (procedure[4].Text is { } words && !code.Has("text")) code.Add("text", words);
        if (code.IsEmpty) return;
        string coded = procedure.Peek(3)[1].Text ?? procedure.Peek(4).Text ?? "";
        string? when = context.Time(procedure, 5);
        string number = procedure[19][1].Text ?? "";
        string id = context.IdOf("Procedure", context.Patient.Text, number, coded, number.Length > 0 ? ""
            : $"{context.EncounterId}/{when}");
        FhirObject body = MapContext.Begin("Procedure", id);
        body.Append("identifier", DataTypes.Entity(procedure[19]));
        body.Add("status", procedure[20].Text == "D" ? "entered-in-error" : "completed");
        body.Add("category", DataTypes.Concept(procedure[6], $"{CodeSystems.Terminology}v2-0230"));
        body.Add("code", code).Add("subject", context.Subject).Add("encounter", context.Encounter).Add("performedDateTime", when);
        foreach (int field in new[] { 11, 8, 12 })
        {
            foreach (FhirObject person in PeopleMap.Practitioners(context, procedure[field]))
                body.Append("performer", new FhirObject().Add("actor", person));
        }
        body.Append("reasonCode", DataTypes.Concept(procedure[15])).Add("note", noted.Annotations());
        context.Put("Procedure", id, body);
    }

    private static string? Verification(string? code) => code?.ToUpperInvariant() switch
    {
        null => null, "CONFIRMED" or "C" => "confirmed", "DIFFERENTIAL" or "D" => "differential", "PROVISIONAL" or "P" => "provisional",
            "REFUTED" or "R" => "refuted",
        _ => "unconfirmed",
    };
}
