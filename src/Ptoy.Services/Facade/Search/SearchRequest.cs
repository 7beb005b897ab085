namespace Ptoy.Services.Facade.Search;

/// <summary>What <c>_total</c> and <c>_summary</c> ask of the answer.</summary>
internal enum AnswerForm
{
    Entries,
    CountOnly,
}

/// <summary>A parsed search.</summary>
internal sealed record SearchRequest(
    string Type, IReadOnlyList<Clause> Clauses, IReadOnlyList<SortKey> Sort, IReadOnlyList<IncludeRule> Includes,
        IReadOnlyList<IncludeRule> Reverse,
    int Count, AnswerForm Form, bool WithTotal, IReadOnlyList<(string Name, string Value)> Applied, IReadOnlyList<string> NotApplied);

/// <summary>A search that cannot be understood. The message names the parameter and what is wrong with it.</summary>
internal sealed class SearchException(string parameter, string problem) : Exception($"{parameter}: {problem}")
{
    public string Parameter { get; } = parameter;
}
