using System.Text.Json;

namespace Ptoy.Services.Facade.Search;

/// <summary>A selected element: its JSON and, where the element's name told it, its FHIR data type.</summary>
internal readonly record struct Selected(JsonElement Value, string? DataType);

/// <summary>
/// One alternative of a search parameter's FHIRPath expression, compiled: the part of FHIRPath that R4's definitions use (paths, choice
/// elements, <c>as</c>, <c>where(x='y')</c>, <c>where(resolve() is T)</c>, an index).
/// </summary>
internal sealed class PathExpression
{
    private static readonly HashSet<string> DataTypes = new(StringComparer.Ordinal)
    {
        "Quantity", "CodeableConcept", "String", "Boolean", "Integer", "Range", "Ratio", "SampledData", "Time", "DateTime", "Period",
            "Date", "Instant",
        "Timing", "Age", "Reference", "Money", "Identifier", "Coding", "Uri", "Url", "Canonical", "Code", "Decimal", "Duration", "Count",
            "Distance",
        "Attachment", "Expression", "PositiveInt", "UnsignedInt", "Markdown", "Base64Binary", "Address", "ContactPoint", "HumanName",
            "Annotation",
        "Id", "Oid", "Uuid", "Signature", "DataRequirement", "TriggerDefinition", "UsageContext", "Dosage", "ContactDetail", "Meta",
    };

    private readonly Step[] _steps;

    private PathExpression(Step[] steps, string? resolvedType) => (_steps, ResolvedType) = (steps, resolvedType);

    /// <summary>Only references to this type count, where the expression says so.</summary>
    public string? ResolvedType { get; }

    private readonly record struct Step(string Name, string? As, string? WhereName, string? WhereValue, int Index);

    /// <summary>The alternatives of an expression that begin with one of these types; null when a part is beyond what is compiled
    /// here.</summary>
    public static IReadOnlyList<PathExpression>? Compile(string expression, params string[] roots)
    {
        var found = new List<PathExpression>();
        foreach (string alternative in expression.Split(" | ", StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string text = alternative.TrimStart('(');
            int end = text.IndexOfAny(['.', ' ', ')']);
            string root = end < 0 ? text : text[..end];
            if (!roots.Contains(root)) continue;
            if (CompileOne(alternative) is not { } path) return null;
            found.Add(path);
        }
        return found;
    }

    /// <summary>Compiles a path relative to an element, such as a composite's <c>value.as(Quantity)</c>.</summary>
    public static IReadOnlyList<PathExpression>? CompileRelative(string expression) => Compile(
        string.Join(" | ", expression.Split(" | ").Select(e => "X." + e.Trim())), "X");

    /// <summary>Adds what the path selects; a list is its items.</summary>
    public void Select(JsonElement root, List<Selected> found) => Walk(root, null, 0, found);

    private static PathExpression? CompileOne(string text)
    {
        string? asType = null, tail = null;
        if (text.StartsWith('('))
        {
            int close = text.IndexOf(')', StringComparison.Ordinal);
            tail = text[(close + 1)..].TrimStart('.');
            string[] cast = text[1..close].Split(" as ");
            if (cast.Length != 2) return null;
            (text, asType) = (cast[0], cast[1]);
        }
        if (text.Contains(" and ", StringComparison.Ordinal)) return null;
        var steps = new List<Step>();
        string? resolved = null;
        foreach (string part in SplitPath(text).Skip(1))
        {
            if (part.StartsWith("as(", StringComparison.Ordinal)) steps[^1] = steps[^1] with { As = Capital(part[3..^1]) };
            else if (part.StartsWith("where(resolve() is ",
                StringComparison.Ordinal)) resolved = part["where(resolve() is ".Length..^1].Trim();
            else if (part.StartsWith("where(", StringComparison.Ordinal))
            {
                string[] sides = part[6..^1].Split('=');
                if (sides.Length != 2) return null;
                steps[^1] = steps[^1] with { WhereName = sides[0].Trim(), WhereValue = sides[1].Trim(' ', '\'') };
            }
            else if (part.EndsWith(']')) steps.Add(new Step(part[..part.IndexOf('[', StringComparison.Ordinal)], null, null, null,
                int.Parse(part[(part.IndexOf('[', StringComparison.Ordinal) + 1)..^1], System.Globalization.CultureInfo.InvariantCulture)));
            else if (part.Contains('(', StringComparison.Ordinal)) return null;
            else steps.Add(new Step(part, null, null, null, -1));
        }
        if (asType is not null) steps[^1] = steps[^1] with { As = Capital(asType) };
        if (!string.IsNullOrEmpty(tail)) steps.AddRange(tail.Split('.').Select(t => new Step(t, null, null, null, -1)));
        return new PathExpression([.. steps], resolved);
    }

    private static List<string> SplitPath(string text)
    {
        var parts = new List<string>();
        int depth = 0, start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '(') depth++;
            else if (text[i] == ')') depth--;
            else if (text[i] == '.' && depth == 0)
            {
                parts.Add(text[start..i]);
                start = i + 1;
            }
        }
        parts.Add(text[start..]);
        return parts;
    }

    private static string Capital(string type) => char.ToUpperInvariant(type[0]) + type[1..];

    private void Walk(JsonElement element, string? dataType, int step, List<Selected> found)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in element.EnumerateArray()) Walk(item, dataType, step, found);
            return;
        }
        if (element.ValueKind == JsonValueKind.Null) return;
        if (step == _steps.Length)
        {
            found.Add(new Selected(element, dataType));
            return;
        }
        if (element.ValueKind != JsonValueKind.Object) return;
        Step at = _steps[step];
        if (at.As is not null)
        {
            if (element.TryGetProperty(at.Name + at.As, out JsonElement cast)) Enter(cast, at.As, at, step, found);
        }
        else if (element.TryGetProperty(at.Name, out JsonElement direct))
        {
            Enter(direct, null, at, step, found);
        }
        else
        {
            foreach (JsonProperty property in element.EnumerateObject())
            {
                if (property.Name.Length > at.Name.Length && property.Name.StartsWith(at.Name, StringComparison.Ordinal)
                    && DataTypes.Contains(property.Name[at.Name.Length..])) Enter(property.Value, property.Name[at.Name.Length..], at,
                        step, found);
            }
        }
    }

    private void Enter(JsonElement value, string? dataType, Step at, int step, List<Selected> found)
    {
        if (at.Index >= 0)
        {
            if (value.ValueKind == JsonValueKind.Array && at.Index < value.GetArrayLength()) Walk(value[at.Index], dataType, step + 1,
                found);
            return;
        }
        if (at.WhereName is null)
        {
            Walk(value, dataType, step + 1, found);
            return;
        }
        if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in value.EnumerateArray()) Enter(item, dataType, at, step, found);
        }
        else if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty(at.WhereName, out JsonElement side)
            && side.ValueKind == JsonValueKind.String && side.ValueEquals(at.WhereValue))
        {
            Walk(value, dataType, step + 1, found);
        }
    }
}
