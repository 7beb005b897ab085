namespace Ptoy.Fuzz;

/// <summary>Inputs that once broke something, and inputs that are refused each in its own way: run first, for ever.</summary>
internal static class Corpus
{
    /// <summary>The folder in the source tree, or null when the program runs outside of one.</summary>
    public static string? Folder()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Ptoy.sln"))) return Path.Combine(at.FullName, "tests", "Ptoy.Fuzz", "corpus");
        }
        return null;
    }
}
