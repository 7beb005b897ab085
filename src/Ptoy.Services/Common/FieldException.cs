namespace Ptoy.Services.Common;

/// <summary>Input that cannot be taken: names the field and what is wrong, never its value, so the message may be logged.</summary>
public sealed class FieldException(string field, string problem) : Exception($"{field}: {problem}")
{
    /// <summary>The field.</summary>
    public string Field { get; } = field;
}
