namespace Ptoy.Protocol.Wire;

/// <summary>A type that travels or is hashed. Decoding calls <see cref="Problem"/>, so nobody holds an ill-formed value.</summary>
public interface IWire
{
    /// <summary>Null when every field is present and within its bounds, else what is wrong, naming the field.</summary>
    string? Problem();
}

/// <summary>Bytes that do not decode to a well-formed value, with the reason.</summary>
public sealed class WireException(string message) : Exception(message);

/// <summary>Field checks shared by <see cref="IWire.Problem"/> implementations. Each returns null or what is wrong.</summary>
public static class Check
{
    /// <summary>Exactly that many bytes.</summary>
    public static string? Exactly(string field, byte[]? bytes, int count) =>
        bytes is null ? $"{field} is missing" : bytes.Length == count ? null : $"{field} has {bytes.Length} bytes, not {count}";

    /// <summary>At least <paramref name="min"/> and at most <paramref name="max"/> bytes.</summary>
    public static string? Between(string field, byte[]? bytes, int min, int max) =>
        bytes is null ? $"{field} is missing" : bytes.Length >= min && bytes.Length <= max ? null : $"{field} has {bytes.Length} bytes, not {min} to {max}";

    /// <summary>Text of at least <paramref name="min"/> and at most <paramref name="max"/> characters.</summary>
    public static string? Text(string field, string? text, int min, int max) =>
        text is null ? $"{field} is missing" : text.Length >= min && text.Length <= max ? null : $"{field} has {text.Length} characters, not {min} to {max}";

    /// <summary>At most <paramref name="max"/> elements.</summary>
    public static string? Count<T>(string field, IReadOnlyCollection<T>? items, int max) =>
        items is null ? $"{field} is missing" : items.Count <= max ? null : $"{field} has {items.Count} elements, more than {max}";

    /// <summary>A nested value that is present and well-formed.</summary>
    public static string? Nested(string field, IWire? value) =>
        value is null ? $"{field} is missing" : value.Problem() is { } problem ? $"{field}: {problem}" : null;

    /// <summary>At most <paramref name="max"/> nested values, each present and well-formed.</summary>
    public static string? Each<T>(string field, IReadOnlyList<T>? items, int max) where T : class, IWire
    {
        if (Count(field, items, max) is { } problem) return problem;
        for (int i = 0; i < items!.Count; i++)
        {
            if (Nested($"{field}[{i}]", items[i]) is { } nested) return nested;
        }
        return null;
    }
}
