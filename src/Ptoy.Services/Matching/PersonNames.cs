using System.Text;
using Ptoy.Services.Common;

namespace Ptoy.Services.Matching;

/// <summary>
/// Names made comparable: lower case, letters without accents, parts in order, titles dropped. Folding uses a table of its own, since
/// the process runs without culture data and two machines must agree.
/// </summary>
public static class PersonNames
{
    /// <summary>Longest name in characters.</summary>
    public const int MaxLength = 200;

    private const string Accented = "àáâãäåāăąçćĉċčďđèéêëēĕėęěĝğġģĥħìíîïĩīĭįıĵķĺļľŀłñńņňòóôõöøōŏőŕŗřśŝşšșţťŧțùúûüũūŭůűųŵýÿŷźżžð";
    private const string Plain = "aaaaaaaaacccccddeeeeeeeeegggghhiiiiiiiiijklllllnnnnooooooooorrrsssssttttuuuuuuuuuuwyyyzzzd";
    private static readonly HashSet<string> Titles = ["mr", "mrs", "ms", "miss", "dr", "prof", "sir", "jr", "sr", "phd", "md"];
    private static readonly Dictionary<char, string> Folds = MakeFolds();

    /// <summary>The parts of a full name, folded. Throws <see cref="FieldException"/> when nothing or too little is left.</summary>
    public static IReadOnlyList<string> Parts(string? fullName, string field = "fullName")
    {
        if (string.IsNullOrWhiteSpace(fullName)) throw new FieldException(field, "missing");
        if (fullName.Length > MaxLength) throw new FieldException(field, $"longer than {MaxLength} characters");
        if (fullName.Any(char.IsControl)) throw new FieldException(field, "has a control character");
        string[] parts = [.. Fold(fullName).Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(p => !Titles.Contains(p))];
        if (parts.Length < 2) throw new FieldException(field, "give the full name: at least a given and a family name");
        return parts;
    }

    /// <summary>American Soundex of each part, for parts that sound alike. Parts outside a–z keep their spelling.</summary>
    public static string Sound(string part)
    {
        if (part.Length == 0 || !part.All(char.IsAsciiLetterLower)) return part;
        var code = new StringBuilder().Append(part[0]);
        char last = SoundClass(part[0]);
        foreach (char c in part.AsSpan(1))
        {
            char sound = SoundClass(c);
            if (sound != '0' && sound != last) code.Append(sound);
            // h and w do not part two letters of one class; vowels do.
            if (c is not ('h' or 'w')) last = sound;
            if (code.Length == 4) break;
        }
        return code.ToString().PadRight(4, '0');
    }

    private static char SoundClass(char c) => c switch
    {
        'b' or 'f' or 'p' or 'v' => '1',
        'c' or 'g' or 'j' or 'k' or 'q' or 's' or 'x' or 'z' => '2',
        'd' or 't' => '3',
        'l' => '4',
        'm' or 'n' => '5',
        'r' => '6',
        _ => '0',
    };

    private static string Fold(string text)
    {
        var folded = new StringBuilder(text.Length);
        foreach (char c in text.ToLowerInvariant())
        {
            if (c is >= '\u0300' and <= '\u036F' or '\'' or '’' or '.') continue;
            if (Folds.TryGetValue(c, out string? plain)) folded.Append(plain);
            else folded.Append(char.IsLetter(c) ? c : ' ');
        }
        return folded.ToString();
    }

    private static Dictionary<char, string> MakeFolds()
    {
        Dictionary<char, string> folds = new() { ['ß'] = "ss", ['æ'] = "ae", ['œ'] = "oe", ['þ'] = "th", ['ĳ'] = "ij" };
        for (int i = 0; i < Accented.Length; i++) folds[Accented[i]] = Plain[i].ToString();
        return folds;
    }
}
