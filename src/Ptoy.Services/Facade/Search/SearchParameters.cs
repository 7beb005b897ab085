using System.Collections.Frozen;
using Hl7.Fhir.Model;

namespace Ptoy.Services.Facade.Search;

/// <summary>How a parameter's values are compared.</summary>
internal enum ParameterKind
{
    Token,
    String,
    Date,
    Reference,
    Quantity,
    Number,
    Uri,
    Composite,
}

/// <summary>A part of a composite parameter: its kind, and where its values are below the composite's element.</summary>
internal sealed record CompositePart(int Id, ParameterKind Kind, IReadOnlyList<PathExpression> Paths);

/// <summary>One search parameter of one resource type.</summary>
internal sealed record SearchParameter(
    int Id, string Type, string Name, ParameterKind Kind, IReadOnlyList<PathExpression> Paths, IReadOnlyList<string> Targets,
    IReadOnlyList<CompositePart> Parts, string Definition)
{
    /// <summary>Ids of the texts of tokens (<c>:text</c>) and of identifiers in references (<c>:identifier</c>) stand beside the
    /// parameter's.</summary>
    public const int TextBit = 1 << 20;

    /// <inheritdoc cref="TextBit"/>
    public const int IdentifierBit = 1 << 21;

    /// <summary><c>Patient.deceased</c> is a flag or a time: its parameter asks whether it is there and not false.</summary>
    public bool IsDeceasedFlag { get; init; }
}

/// <summary>
/// The search parameters of FHIR R4 as its own definitions give them, compiled. Those whose expression is beyond what is compiled, and
/// special
/// ones (<c>near</c>, <c>_query</c>, <c>_text</c>, <c>_content</c>), are not there: a search that uses them is told so.
/// </summary>
internal static class SearchParameters
{
    private static readonly Lazy<FrozenDictionary<string, FrozenDictionary<string, SearchParameter>>> All = new(Build);

    /// <summary>All resource types.</summary>
    public static IReadOnlyList<string> Types { get; } = [.. ModelInfo.SupportedResources.Where(t =>
        t is not "Parameters").Order(StringComparer.Ordinal)];

    private static readonly FrozenSet<string> TypeSet = Types.ToFrozenSet(StringComparer.Ordinal);

    public static bool IsType(string text) => TypeSet.Contains(text);

    /// <summary>A type's parameters by name.</summary>
    public static IReadOnlyDictionary<string, SearchParameter> Of(string type) =>
        All.Value.TryGetValue(type, out FrozenDictionary<string, SearchParameter>? found) ? found : FrozenDictionary<string,
            SearchParameter>.Empty;

    public static SearchParameter? Find(string type, string name) => Of(type).GetValueOrDefault(name);

    private static FrozenDictionary<string, FrozenDictionary<string, SearchParameter>> Build()
    {
        var definitions = ModelInfo.SearchParameters.Where(p => p.Resource is not null && p.Code is not null).ToList();
        var general = definitions.Where(p => p.Resource is "Resource" or "DomainResource").ToList();
        // What every resource has: the definitions at hand leave these out.
        foreach ((string code, SearchParamType kind) in new[]
        {
            ("tag", SearchParamType.Token), ("security", SearchParamType.Token), ("profile", SearchParamType.Uri), ("source", SearchParamType.Uri),
        })
        {
            general.Add(new SearchParamDefinition
            {
                Resource = "Resource", Code = "_" + code, Type = kind, Expression = "Resource.meta." + code,
                Url = "http://hl7.org/fhir/SearchParameter/Resource-" + code,
            });
        }
        int next = 1;
        var all = new Dictionary<string, FrozenDictionary<string, SearchParameter>>(StringComparer.Ordinal);
        foreach (string type in Types)
        {
            var own = new Dictionary<string, SearchParameter>(StringComparer.Ordinal);
            foreach (var definition in definitions.Where(p => p.Resource == type).Concat(general))
            {
                if (definition.Code is "_id" or "_lastUpdated" || own.ContainsKey(definition.Code!)) continue;
                if (Make(type, definition, ref next) is { } parameter) own[parameter.Name] = parameter;
            }
            all[type] = own.ToFrozenDictionary(StringComparer.Ordinal);
        }
        return all.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static SearchParameter? Make(string type, SearchParamDefinition definition, ref int next)
    {
        if (KindOf(definition.Type) is not { } kind || string.IsNullOrEmpty(definition.Expression)) return null;
        string[] targets = [.. (definition.Target ?? []).Select(t => t.ToString())];
        string url = definition.Url ?? "";
        if (type == "Patient" && definition.Code == "deceased")
            return new SearchParameter(next++, type, "deceased", ParameterKind.Token, [], [], [], url) { IsDeceasedFlag = true };
        string[] roots = [type, "Resource", "DomainResource"];
        if (kind == ParameterKind.Composite) return MakeComposite(type, definition, roots, url, ref next);
        IReadOnlyList<PathExpression>? paths = PathExpression.Compile(definition.Expression, roots);
        return paths is { Count: > 0 } ? new SearchParameter(next++, type, definition.Code!, kind, paths, targets, [], url) : null;
    }

    private static SearchParameter? MakeComposite(string type, SearchParamDefinition definition, string[] roots, string url, ref int next)
    {
        if (PathExpression.Compile(definition.Expression!, roots) is not { Count: > 0 } paths
            || definition.Component is not { Length: 2 } components) return null;
        var parts = new List<CompositePart>();
        foreach (var component in components)
        {
            if (PathExpression.CompileRelative(component.Expression) is not { Count: > 0 } relative) return null;
            ParameterKind? kind = ModelInfo.SearchParameters.FirstOrDefault(p => p.Url == component.Definition) is { } part
                ? KindOf(part.Type) : null;
            if (kind is null or ParameterKind.Composite) return null;
            parts.Add(new CompositePart(next++, kind.Value, relative));
        }
        return new SearchParameter(next++, type, definition.Code!, ParameterKind.Composite, paths, [], parts, url);
    }

    private static ParameterKind? KindOf(SearchParamType type) => type switch
    {
        SearchParamType.Token => ParameterKind.Token,
        SearchParamType.String => ParameterKind.String,
        SearchParamType.Date => ParameterKind.Date,
        SearchParamType.Reference => ParameterKind.Reference,
        SearchParamType.Quantity => ParameterKind.Quantity,
        SearchParamType.Number => ParameterKind.Number,
        SearchParamType.Uri => ParameterKind.Uri,
        SearchParamType.Composite => ParameterKind.Composite,
        _ => null,
    };
}
