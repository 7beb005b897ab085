using System.Text;
using System.Text.Json;
using Ptoy.EndToEnd.Demo;

namespace Ptoy.EndToEnd.Scan;

/// <summary>What must not be found: names and numbers of the patients, samples of their records, in every spelling that is scanned for.</summary>
public sealed class Needles
{
    /// <summary>Shortest string that is searched for anywhere; shorter names are looked for as whole words in decoded text.</summary>
    public const int MinBytes = 8;

    /// <summary>How many strings of the records are sampled.</summary>
    public const int Samples = 1000;

    private readonly Dictionary<string, string> _strings = new(StringComparer.Ordinal);

    /// <summary>Strings of at least <see cref="MinBytes"/> bytes, with what they are.</summary>
    public IReadOnlyDictionary<string, string> Strings => _strings;

    /// <summary>Names too short to be searched for in bytes.</summary>
    public HashSet<string> Words { get; } = new(StringComparer.Ordinal);

    /// <summary>Names, numbers and samples of these people, drawn with a seed.</summary>
    public static Needles Of(IReadOnlyList<Person> people, int seed)
    {
        var needles = new Needles();
        var strings = new SortedSet<string>(StringComparer.Ordinal);
        foreach (Person person in people)
        {
            needles.AddName(person.FullName.Split(' ')[^1]);
            needles.Add(person.FullName, "full name");
            needles.AddPhone(person.Phone);
            using JsonDocument bundle = JsonDocument.Parse(person.Bundle);
            Collect(bundle.RootElement, strings);
        }
        string[] drawn = [.. strings];
        new Random(seed).Shuffle(drawn);
        foreach (string text in drawn.Take(Samples)) needles.Add(text, "string of a record");
        return needles;
    }

    /// <summary>Only these strings.</summary>
    public static Needles Of(IEnumerable<string> strings, string what)
    {
        var needles = new Needles();
        foreach (string text in strings) needles.Add(text, what);
        return needles;
    }

    /// <summary>Codes of at least six characters in these people's records (drugs, findings, procedures).</summary>
    public static HashSet<string> Codes(IReadOnlyList<Person> people)
    {
        const int MinCode = 6;
        var codes = new HashSet<string>(StringComparer.Ordinal);
        foreach (Person person in people)
        {
            using JsonDocument bundle = JsonDocument.Parse(person.Bundle);
            CollectCodes(bundle.RootElement, codes, MinCode);
        }
        return codes;
    }

    private static void CollectCodes(JsonElement element, HashSet<string> into, int min)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in element.EnumerateArray()) CollectCodes(item, into, min);
        }
        if (element.ValueKind != JsonValueKind.Object) return;
        foreach (JsonProperty member in element.EnumerateObject())
        {
            bool isCode = member.Name == "code" && member.Value.ValueKind == JsonValueKind.String && element.TryGetProperty("system", out _);
            if (isCode && member.Value.GetString() is { } code && code.Length >= min && code.Any(char.IsAsciiDigit)) into.Add(code);
            else CollectCodes(member.Value, into, min);
        }
    }

    private void AddName(string family)
    {
        if (Encoding.UTF8.GetByteCount(family) >= MinBytes) Add(family, "family name");
        else if (family.Length > 2) Words.Add(family);
    }

    private void AddPhone(string phone)
    {
        Add(phone, "telephone number");
        Add(string.Concat(phone.Where(char.IsAsciiDigit)), "telephone number");
        Add(Ptoy.Services.Matching.PhoneText.Normalise(phone), "telephone number");
    }

    private void Add(string text, string what)
    {
        if (Encoding.UTF8.GetByteCount(text) >= MinBytes) _strings.TryAdd(text, what);
    }

    /// <summary>Strings that stand for a person's record, not for the vocabulary of FHIR: code systems, units and structure are in everybody's code.</summary>
    private static void Collect(JsonElement element, SortedSet<string> into)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (JsonProperty member in element.EnumerateObject())
                {
                    if (member.Name is not ("system" or "url" or "resourceType" or "profile" or "status" or "intent" or "use" or "type" or "method"))
                        Collect(member.Value, into);
                }
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray()) Collect(item, into);
                break;
            case JsonValueKind.String when element.GetString() is { } text && Encoding.UTF8.GetByteCount(text) is >= MinBytes and <= 200 && !text.StartsWith("http", StringComparison.Ordinal):
                into.Add(text);
                break;
            default:
                break;
        }
    }
}
