namespace Ptoy.Services.Facade.Search;

/// <summary>
/// Reads a search's parameters. What is not known, or not supported in this form, is listed in <see cref="SearchRequest.NotApplied"/>: the
/// caller
/// refuses or reports it, and never passes over it. What is known and wrong throws <see cref="SearchException"/>.
/// </summary>
internal sealed class QueryParser(ValueParser values)
{
    public const int DefaultCount = 50;
    public const int MaxCount = 500;
    private const int MaxClauses = 30;
    private const int MaxSortKeys = 5;
    private const int MaxIncludes = 20;

    public SearchRequest Parse(string type, IReadOnlyList<(string Name, string Value)> parameters)
    {
        var state = new State(type);
        foreach ((string name, string value) in parameters)
        {
            bool taken = name.StartsWith("_sort", StringComparison.Ordinal) || name is "_count" or "_total" or "_summary" or "_format"
                || name.StartsWith("_include", StringComparison.Ordinal) || name.StartsWith("_revinclude", StringComparison.Ordinal)
                ? Control(state, name, value) : Filter(state, name, value);
            if (taken) state.Applied.Add((name, value));
            else state.NotApplied.Add(name);
        }
        if (state.Clauses.Count > MaxClauses) throw new SearchException("search",
            $"{state.Clauses.Count} parameters, more than {MaxClauses}");
        return new SearchRequest(
            type, state.Clauses, state.Sort, state.Includes, state.Reverse, state.Count, state.Form, state.WithTotal, state.Applied,
                [.. state.NotApplied.Distinct()]);
    }

    private bool Filter(State state, string name, string value)
    {
        if (ClauseOf(state.Type, name, value, mayChain: true) is not { } clause) return false;
        state.Clauses.Add(clause);
        return true;
    }

    /// <summary>The clause of one parameter, or null when there is none of that name and form.</summary>
    public Clause? ClauseOf(string type, string name, string value, bool mayChain)
    {
        int dot = name.IndexOf('.', StringComparison.Ordinal);
        if (dot > 0) return mayChain ? Chain(type, name[..dot], name[(dot + 1)..], value) : null;
        int colon = name.IndexOf(':', StringComparison.Ordinal);
        string code = colon < 0 ? name : name[..colon];
        string? modifier = colon < 0 ? null : name[(colon + 1)..];
        if (code == "_id") return modifier is null ? new IdClause(type,
            [.. ValueParser.Alternatives(name, value).Select(ValueParser.Unescape)]) : null;
        if (code == "_lastUpdated") return modifier is null
            ? new UpdatedClause([.. ValueParser.Alternatives(name, value).Select(v => values.Date(name, v))]) : null;
        if (SearchParameters.Find(type, code) is not { } parameter) return null;
        if (modifier == "missing")
        {
            return value switch
            {
                "true" => new MissingClause(parameter, true),
                "false" => new MissingClause(parameter, false),
                _ => throw new SearchException(name, "not true or false"),
            };
        }
        return WithModifier(parameter, name, modifier, value);
    }

    private ValueClause? WithModifier(SearchParameter parameter, string name, string? modifier, string value)
    {
        List<string> alternatives = ValueParser.Alternatives(name, value);
        switch (parameter.Kind)
        {
            case ParameterKind.Composite when modifier is null:
                return new ValueClause(parameter.Id, [.. alternatives.Select(v => Composite(parameter, name, v))], false);
            case ParameterKind.Token when modifier == "text":
                return new ValueClause(parameter.Id | SearchParameter.TextBit,
                    [.. alternatives.Select(v => new StringTest(ValueParser.Unescape(v), StringMode.Begins))], false);
            case ParameterKind.Token when modifier == "not":
                return new ValueClause(parameter.Id, [.. alternatives.Select(ValueParser.Token)], true);
            case ParameterKind.Reference when modifier == "identifier":
                return new ValueClause(parameter.Id | SearchParameter.IdentifierBit, [.. alternatives.Select(ValueParser.Token)], false);
            default:
                bool fits = modifier is null
                    || (parameter.Kind == ParameterKind.String && modifier is "exact" or "contains")
                    || (parameter.Kind == ParameterKind.Uri && modifier is "below" or "above")
                    || (parameter.Kind == ParameterKind.Reference && parameter.Targets.Contains(modifier));
                if (!fits || parameter.Kind == ParameterKind.Composite) return null;
                return new ValueClause(parameter.Id,
                    [.. alternatives.Select(v => values.Parse(parameter.Name, parameter.Kind, parameter.Targets, modifier, v))], false);
        }
    }

    private CompositeTest Composite(SearchParameter parameter, string name, string value)
    {
        List<string> parts = ValueParser.Split(value, '$');
        if (parts.Count != parameter.Parts.Count) throw new SearchException(name,
            $"{parts.Count} parts, not {parameter.Parts.Count} joined by $");
        return new CompositeTest([.. parameter.Parts.Select((p, i) => (p.Id, values.Parse(name, p.Kind, [], null, parts[i])))]);
    }

    private ChainClause? Chain(string type, string link, string inner, string value)
    {
        int colon = link.IndexOf(':', StringComparison.Ordinal);
        string? only = colon < 0 ? null : link[(colon + 1)..];
        if (SearchParameters.Find(type, colon < 0 ? link : link[..colon]) is not { Kind: ParameterKind.Reference } parameter) return null;
        IEnumerable<string> types = only is not null ? parameter.Targets.Where(t => t == only) : link == "patient" ? ["Patient"]
            : parameter.Targets;
        var targets = new List<(string Type, Clause Inner)>();
        foreach (string target in types)
        {
            if (ClauseOf(target, inner, value, mayChain: false) is { } clause) targets.Add((target, clause));
        }
        return targets.Count == 0 ? null : new ChainClause(parameter.Id, targets);
    }

    private static bool Control(State state, string name, string value)
    {
        switch (name)
        {
            case "_count":
                if (!int.TryParse(value, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture,
                    out int count))
                    throw new SearchException(name, "not a number");
                // Zero asks for the number of matches, as _summary=count does.
                if (count == 0) state.Form = AnswerForm.CountOnly;
                else state.Count = Math.Min(count, MaxCount);
                return true;
            case "_total":
                if (value is not ("none" or "estimate" or "accurate")) throw new SearchException(name, "not none, estimate or accurate");
                state.WithTotal = value != "none";
                return true;
            case "_summary":
                if (value == "count") state.Form = AnswerForm.CountOnly;
                return value is "count" or "false";
            case "_format": return true;
            case "_sort": return Sort(state, value);
            case "_include": return Include(state, state.Includes, name, value, isReverse: false);
            case "_revinclude": return Include(state, state.Reverse, name, value, isReverse: true);
            default: return false;
        }
    }

    private static bool Sort(State state, string value)
    {
        var keys = new List<SortKey>();
        foreach (string part in value.Split(','))
        {
            bool descending = part.StartsWith('-');
            string code = part.TrimStart('-');
            if (code is "_id" or "_lastUpdated")
            {
                keys.Add(new SortKey(null, code, descending));
                continue;
            }
            if (SearchParameters.Find(state.Type, code) is not { } parameter || parameter.Kind == ParameterKind.Composite) return false;
            keys.Add(new SortKey(parameter, code, descending));
        }
        if (keys.Count > MaxSortKeys) throw new SearchException("_sort", $"{keys.Count} keys, more than {MaxSortKeys}");
        state.Sort.AddRange(keys);
        return true;
    }

    private static bool Include(State state, List<IncludeRule> rules, string name, string value, bool isReverse)
    {
        string[] parts = value.Split(':');
        if (value == "*" && !isReverse) parts = [state.Type, "*"];
        if (parts.Length is < 2 or > 3 || !SearchParameters.IsType(parts[0]) || (!isReverse && parts[0] != state.Type)) return false;
        string? target = parts.Length == 3 ? parts[2] : null;
        if (target is not null && !SearchParameters.IsType(target)) return false;
        SearchParameter[] found = parts[1] == "*"
            ? [.. SearchParameters.Of(parts[0]).Values.Where(p => p.Kind == ParameterKind.Reference)]
            : [.. SearchParameters.Of(parts[0]).Values.Where(p => p.Kind == ParameterKind.Reference && p.Name == parts[1])];
        rules.AddRange(found.Select(p => new IncludeRule(parts[0], p, target)));
        if (rules.Select(r => r.Parameter.Name).Distinct().Count() > MaxIncludes && parts[1] != "*") throw new SearchException(name,
            $"more than {MaxIncludes} of them");
        return found.Length > 0;
    }

    private sealed class State(string type)
    {
        public string Type { get; } = type;
        public List<Clause> Clauses { get; } = [];
        public List<SortKey> Sort { get; } = [];
        public List<IncludeRule> Includes { get; } = [];
        public List<IncludeRule> Reverse { get; } = [];
        public List<(string Name, string Value)> Applied { get; } = [];
        public List<string> NotApplied { get; } = [];
        public int Count { get; set; } = DefaultCount;
        public AnswerForm Form { get; set; }
        public bool WithTotal { get; set; } = true;
    }
}
