namespace Ptoy.Services.Facade.Search;

/// <summary>A reference's text taken apart: <c>Type/id</c>, <c>urn:uuid:id</c>, an absolute URL, or an id alone.</summary>
internal readonly record struct ReferenceText(string Type, string Id, bool IsAbsolute)
{
    /// <summary>Null for what refers to nothing outside its resource, such as <c>#contained</c>.</summary>
    public static ReferenceText? Parse(string text, string? ownBase = null)
    {
        if (text.Length == 0 || text[0] == '#') return null;
        if (ownBase is not null && text.StartsWith(ownBase, StringComparison.Ordinal)) text = text[ownBase.Length..].TrimStart('/');
        if (text.StartsWith("urn:uuid:", StringComparison.Ordinal)) return new ReferenceText("", text["urn:uuid:".Length..], false);
        if (text.Contains("://", StringComparison.Ordinal) || text.StartsWith("urn:",
            StringComparison.Ordinal)) return new ReferenceText("", text, true);
        string[] parts = text.Split('/');
        // Type/id, and Type/id/_history/version: the version does not matter for what is referred to.
        if (parts.Length is 2 or 4 && SearchParameters.IsType(parts[0]) && (parts.Length == 2 || parts[2] == "_history"))
            return new ReferenceText(parts[0], parts[1], false);
        return parts.Length == 1 ? new ReferenceText("", text, false) : new ReferenceText("", text, true);
    }
}
