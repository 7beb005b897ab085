using System.Text;
using System.Text.Json;
using Ptoy.Services.Fraud.Facts;

namespace Ptoy.Bench.Fraud;

/// <summary>One known fraud: any of the records that make it up.</summary>
internal sealed record KnownFraud(string Incident, string Kind, IReadOnlySet<string> References);

/// <summary>FHIR resources, one a line, and label lines beside them. Labels are set apart here and never reach a detector.</summary>
internal sealed class LabelledSet
{
    private LabelledSet(FraudView view, IReadOnlyList<KnownFraud> frauds, int resources, int skipped) =>
        (View, Frauds, Resources, Skipped) = (view, frauds, resources, skipped);

    public FraudView View { get; }

    public IReadOnlyList<KnownFraud> Frauds { get; }

    public int Resources { get; }

    /// <summary>Resources of a known type that lack what is needed.</summary>
    public int Skipped { get; }

    public double Rate => (double)Frauds.Count / Math.Max(1, View.CaseCount);

    /// <summary>Reads lines. Throws <see cref="FormatException"/> naming the line.</summary>
    public static LabelledSet Read(IEnumerable<string> lines, string name)
    {
        var facts = new FraudFacts();
        // The relations of made-up people are no secret: a fixed key, so that runs can be compared.
        var reader = new FactReader(facts, new RelationTokens(new byte[32]));
        var frauds = new List<KnownFraud>();
        int number = 0, resources = 0;
        foreach (string line in lines)
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            try
            {
                using JsonDocument document = JsonDocument.Parse(line);
                if (document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("label", out JsonElement label))
                {
                    frauds.Add(Label(label));
                    continue;
                }
                reader.Read(document.RootElement);
                resources++;
            }
            catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException or KeyNotFoundException)
            {
                throw new FormatException($"{name}: line {number}: {(e is FormatException ? e.Message : "not a JSON object in one line, or a label without incident, kind and references")}");
            }
        }
        reader.Complete();
        return new LabelledSet(new FraudView(facts), frauds, resources, reader.Skipped);
    }

    private static KnownFraud Label(JsonElement label)
    {
        string[] references = [.. label.GetProperty("references").EnumerateArray().Select(r => r.GetString()!)];
        if (references.Length == 0) throw new FormatException("a label has no references");
        return new KnownFraud(label.GetProperty("incident").GetString()!, label.GetProperty("kind").GetString()!, references.ToHashSet(StringComparer.Ordinal));
    }

    /// <summary>References of labels that no resource of the set has.</summary>
    public IEnumerable<string> Unknown()
    {
        HashSet<string> known = [.. View.Patients.Select(View.Of).SelectMany(p => p.Claims.Select(c => c.Id).Concat(p.Prescriptions.Select(x => x.Id)).Concat(p.Accesses.Select(a => a.Id))
            .Concat(p.AccountChanges.Select(a => a.Id)).Concat(p.Persons.Select(x => x.Id)).Concat(p.Visits.Select(v => v.Id)))];
        return Frauds.SelectMany(f => f.References).Where(r => !known.Contains(r)).Distinct();
    }
}
