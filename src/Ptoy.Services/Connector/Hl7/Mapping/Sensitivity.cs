using Ptoy.Protocol.Records;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>
/// Sensitive content reaches beyond the code that shows it: results of a sensitive order are sensitive, though their own codes need not
/// say so, and ICD-9 codes are as sensitive as those that took their place. Both are written into the resources as security labels, so
/// that whoever reads the bytes comes to the same compartment.
/// </summary>
internal static class Sensitivity
{
    /// <summary>Compartments in order of precedence, with the label that leads to each.</summary>
    private static readonly (string Compartment, string Label)[] Sensitive =
        [("hiv", "HIV"), ("genetics", "GDIS"), ("reproductive", "SEX"), ("substance-use", "ETH"), ("mental-health", "PSY")];

    /// <summary>Labels what belongs to an order as the order itself is.</summary>
    public static void Inherit(IReadOnlyList<Draft> drafts, FhirObject order)
    {
        FhirObject probe = order.Has("resourceType") ? order : new FhirObject().Add("resourceType", "ServiceRequest").Add("code", order);
        LabelByCodes(probe);
        if (LabelOf(MapContext.CompartmentOf(probe)) is not { } label) return;
        foreach (Draft draft in drafts)
        {
            if (draft.Type is not ("Observation" or "DiagnosticReport" or "ServiceRequest" or "Specimen" or "DocumentReference" or "Medication" or "MedicationRequest")) continue;
            if (LabelOf(MapContext.CompartmentOf(draft.Body)) is null) MapContext.Label(draft.Body, [label]);
        }
    }

    /// <summary>Adds the labels that follow from codes of terminologies which compartments do not know.</summary>
    public static void LabelByCodes(FhirObject body)
    {
        if (!body.Has("resourceType")) return;
        (_, IReadOnlyCollection<string> codes) = FhirScan.Read(body.ToBytes());
        string[] labels = [.. codes.Select(c => c.Split('|', 2)).Select(c => CodeSystems.Icd9Label(c[0], c[1])).OfType<string>()
            .Distinct().Order(StringComparer.Ordinal)];
        if (labels.Length > 0 && !body.Has("meta")) MapContext.Label(body, labels);
    }

    /// <summary>The most sensitive of some compartments; null when none is sensitive.</summary>
    public static string? Highest(IEnumerable<string> compartments)
    {
        HashSet<string> found = [.. compartments];
        return Sensitive.Select(s => s.Compartment).FirstOrDefault(found.Contains);
    }

    private static string? LabelOf(string compartment) => Sensitive.Where(s => s.Compartment == compartment).Select(s => s.Label)
        .FirstOrDefault();
}
