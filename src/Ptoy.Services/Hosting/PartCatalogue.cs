using System.Text.Json;

namespace Ptoy.Services.Hosting;

/// <summary>The parts that a daemon knows: section name, options, how the part is made.</summary>
public sealed class PartCatalogue
{
    private static readonly JsonSerializerOptions Indented = new(DaemonConfig.Json)
    {
        WriteIndented = true, DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly Dictionary<string, Entry> _entries = [];

    private sealed record Entry(string Summary, object Example, Func<JsonElement, IReadOnlyList<string>> Problems, Func<PartContext, JsonElement, CancellationToken, Task<IDaemonPart>> Make);

    /// <summary>Names of the sections.</summary>
    public IReadOnlyCollection<string> Names => _entries.Keys;

    /// <summary>One line a part, for help.</summary>
    public IReadOnlyList<string> Help => [.. _entries.Select(e => $"{e.Key}: {e.Value.Summary}")];

    /// <summary>Adds a part.</summary>
    /// <param name="section">Name of its section, in camelCase.</param>
    /// <param name="summary">One line for help.</param>
    /// <param name="example">Options that work as an example: they are what <c>init</c> writes.</param>
    /// <param name="make">Makes the part; throws <see cref="DaemonConfigException"/> for what only shows now.</param>
    public PartCatalogue Add<TOptions>(string section, string summary, TOptions example, Func<PartContext, TOptions, CancellationToken, Task<IDaemonPart>> make)
        where TOptions : class, IPartOptions
    {
        _entries.Add(section, new Entry(
            summary, example, element => DaemonConfig.Read<TOptions>(element, section).Problems(),
            (context, element, cancellation) => make(context, DaemonConfig.Read<TOptions>(element, section), cancellation)));
        return this;
    }

    /// <summary>What is wrong with a section.</summary>
    public IReadOnlyList<string> Problems(string section, JsonElement element) => _entries[section].Problems(element);

    /// <summary>Makes the parts that have a section, in the order of the catalogue; what they added to the context comes after each.</summary>
    public async Task<IReadOnlyList<IDaemonPart>> MakeAsync(PartContext context, CancellationToken cancellation)
    {
        foreach ((string section, Entry entry) in _entries)
        {
            if (context.Config.Sections.TryGetValue(section, out JsonElement element)) context.Add(await entry.Make(context, element, cancellation));
        }
        return context.Parts;
    }

    /// <summary>A working example of a configuration, to be written by <c>init</c>.</summary>
    public string Example(DaemonSettings settings)
    {
        var document = new Dictionary<string, object?>
        {
            ["node"] = settings.Node, ["genesis"] = settings.Genesis, ["dataDir"] = settings.DataDir, ["keyFile"] = settings.KeyFile,
            ["authority"] = settings.Authority, ["account"] = settings.Account, ["http"] = settings.Http, ["log"] = settings.Log,
        };
        foreach ((string section, Entry entry) in _entries) document[section] = entry.Example;
        return JsonSerializer.Serialize(document.Where(d => d.Value is not null).ToDictionary(), Indented) + "\n";
    }
}
