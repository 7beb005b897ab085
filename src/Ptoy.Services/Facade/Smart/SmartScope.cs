using Ptoy.Protocol;
using Ptoy.Services.Facade.Search;

namespace Ptoy.Services.Facade.Smart;

/// <summary>On whose level a scope is.</summary>
internal enum ScopeLevel
{
    Patient,
    User,
    System,
}

/// <summary>
/// A resource scope of SMART App Launch 2: level, resource type or <c>*</c>, letters of <c>cruds</c>, and search parameters as
/// constraints. The
/// first version's <c>.read</c>, <c>.write</c> and <c>.*</c> are taken for <c>.rs</c>, <c>.cud</c> and <c>.cruds</c>.
/// </summary>
internal sealed record SmartScope(string Text, ScopeLevel Level, string Type, string Letters,
    IReadOnlyList<(string Name, string Value)> Constraints)
{
    /// <summary>Scopes that stand for no resources.</summary>
    public static readonly IReadOnlySet<string> Plain = new HashSet<string>(StringComparer.Ordinal) { "launch/patient", "offline_access",
        "online_access" };

    /// <summary>Null when it is not a resource scope.</summary>
    public static SmartScope? Parse(string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal), dot = text.IndexOf('.', StringComparison.Ordinal);
        if (slash < 0 || dot < slash) return null;
        ScopeLevel? level = text[..slash] switch { "patient" => ScopeLevel.Patient, "user" => ScopeLevel.User, "system" =>
            ScopeLevel.System, _ => null };
        string type = text[(slash + 1)..dot];
        if (level is null || (type != "*" && !SearchParameters.IsType(type))) return null;
        int question = text.IndexOf('?', StringComparison.Ordinal);
        string letters = question < 0 ? text[(dot + 1)..] : text[(dot + 1)..question];
        letters = letters switch { "read" => "rs", "write" => "cud", "*" => "cruds", _ => letters };
        if (letters.Length == 0 || !IsOrdered(letters)) return null;
        var constraints = new List<(string, string)>();
        if (question >= 0)
        {
            foreach (string pair in text[(question + 1)..].Split('&'))
            {
                string[] sides = pair.Split('=', 2);
                if (sides.Length != 2 || type == "*" || SearchParameters.Find(type, sides[0].Split(':')[0]) is null) return null;
                constraints.Add((sides[0], Uri.UnescapeDataString(sides[1])));
            }
        }
        return new SmartScope(text, level.Value, type, letters, constraints);
    }

    public bool Covers(string type, char letter) => (Type == "*" || Type == type) && Letters.Contains(letter, StringComparison.Ordinal);

    /// <summary>Whether everything that the other allows is allowed by this one.</summary>
    public bool Includes(SmartScope other) =>
        Level == other.Level && (Type == "*" || Type == other.Type) && other.Letters.All(l => Letters.Contains(l, StringComparison.Ordinal))
        && (Constraints.Count == 0 || Constraints.SequenceEqual(other.Constraints));

    private static bool IsOrdered(string letters)
    {
        int last = -1;
        foreach (char letter in letters)
        {
            int at = "cruds".IndexOf(letter, StringComparison.Ordinal);
            if (at <= last) return false;
            last = at;
        }
        return true;
    }
}

/// <summary>What an app was let do: the app, for whom, how far, and why.</summary>
internal sealed record SmartGrant(
    string Id, Address Client, Address? Patient, Address? User, IReadOnlyList<SmartScope> Scopes, IReadOnlyList<string> PlainScopes,
        string Purpose,
    DateTimeOffset Ends)
{
    /// <summary>Whom the gatekeeper is asked for: the person first, where a person uses the app.</summary>
    public Asker Asker { get; } = new(User is { } user ? [user, Client] : [Client], Purpose);

    public string ScopeText => string.Join(' ', Scopes.Select(s => s.Text).Concat(PlainScopes));

    /// <summary>Whether some scope covers it, constraints apart.</summary>
    public bool Covers(string type, char letter) => Scopes.Any(s => s.Covers(type, letter));
}
