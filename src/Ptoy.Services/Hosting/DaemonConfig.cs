using System.Text.Json;
using System.Text.Json.Serialization;
using Ptoy.Services.Common;

namespace Ptoy.Services.Hosting;

/// <summary>A daemon's configuration cannot be used; the message names the file and every key that is wrong.</summary>
public sealed class DaemonConfigException(string message) : Exception(message);

/// <summary>Options of a part, as its section of the configuration has them.</summary>
public interface IPartOptions
{
    /// <summary>What is wrong, each line beginning with the key's name within the section; empty when nothing is.</summary>
    IReadOnlyList<string> Problems();
}

/// <summary>Where a daemon listens.</summary>
/// <param name="Listen">An IP address of this machine.</param>
/// <param name="Port">TCP port; 0 takes a free one.</param>
public sealed record HttpOptions(string Listen = "127.0.0.1", int Port = 28700) : IPartOptions
{
    /// <summary>PEM file with certificate and key; read again when it changes. Null: plain HTTP.</summary>
    public string? Certificate { get; init; }

    /// <summary>Allows plain HTTP off this machine, as behind a proxy that ends TLS.</summary>
    public bool Insecure { get; init; }

    /// <summary>Connections open at one time; more are closed at once.</summary>
    public int MaxConnections { get; init; } = 1_000;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (!System.Net.IPAddress.TryParse(Listen, out System.Net.IPAddress? address)) problems.Add($"listen: '{Listen}' is not an IP address");
        else if (Certificate is null && !Insecure && !System.Net.IPAddress.IsLoopback(address))
            problems.Add("certificate: missing; plain HTTP is for this machine only, unless insecure is true");
        if (Port is < 0 or > 65_535) problems.Add($"port: {Port} is not 0 to 65535");
        if (MaxConnections is < 1 or > 100_000) problems.Add($"maxConnections: {MaxConnections} is not 1 to 100000");
        return problems;
    }
}

/// <summary>An account that a daemon acts with.</summary>
/// <param name="Keystore">Path of its encrypted keystore.</param>
/// <param name="PassphraseFile">File whose first line is the passphrase; null: the environment variable PTOY_PASSPHRASE has it.</param>
/// <param name="Index">Which account of the keystore, counted from 0.</param>
public sealed record AccountOptions(string Keystore, string? PassphraseFile = null, uint Index = 0);

/// <summary>What all parts of a daemon share. The other keys of the file are the parts' sections.</summary>
/// <param name="Node">JSON-RPC address of the node to work through.</param>
/// <param name="Genesis">Path of the genesis file: what every answer is checked against.</param>
/// <param name="DataDir">Directory of the sealed state; made when missing.</param>
public sealed record DaemonSettings(string Node, string Genesis, string DataDir) : IPartOptions
{
    /// <summary>File of the key that seals the state (64 hexadecimal digits); made when missing. Null: <c>state.key</c> in the data directory.</summary>
    public string? KeyFile { get; init; }

    /// <summary>Address of the key authority, for parts that ask it.</summary>
    public string? Authority { get; init; }

    /// <summary>The account that parts act with which have none of their own.</summary>
    public AccountOptions? Account { get; init; }

    /// <summary>Where health, metrics and the parts' own routes are.</summary>
    public HttpOptions Http { get; init; } = new();

    /// <summary>Least level that is logged: Debug, Information, Warning, Error.</summary>
    public string Log { get; init; } = "Information";

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (!IsWeb(Node)) problems.Add($"node: '{Node}' is not an http or https address");
        if (Authority is not null && !IsWeb(Authority)) problems.Add($"authority: '{Authority}' is not an http or https address");
        if (string.IsNullOrWhiteSpace(DataDir)) problems.Add("dataDir: empty");
        if (Log is not ("Debug" or "Information" or "Warning" or "Error")) problems.Add($"log: '{Log}' is not Debug, Information, Warning or Error");
        problems.AddRange(Http.Problems().Select(p => $"http.{p}"));
        return problems;
    }

    private static bool IsWeb(string text) => Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri is { IsAbsoluteUri: true };
}

/// <summary>
/// One JSON file: <see cref="DaemonSettings"/> and a section for each part that shall run. Read strictly: a key that is not known, given
/// twice, missing or of the wrong form is an error that names it.
/// </summary>
public sealed class DaemonConfig
{
    /// <summary>Largest file in bytes.</summary>
    public const int MaxBytes = 1024 * 1024;

    /// <summary>How configurations are read.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        AllowDuplicateProperties = false,
        MaxDepth = 16,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    private static readonly string[] Shared = ["node", "genesis", "dataDir", "keyFile", "authority", "account", "http", "log"];

    private DaemonConfig(string folder, DaemonSettings settings, IReadOnlyDictionary<string, JsonElement> sections)
    {
        (Folder, Settings, Sections) = (folder, settings, sections);
    }

    /// <summary>Directory of the file: what paths in it are relative to.</summary>
    public string Folder { get; }

    /// <summary>What all parts share.</summary>
    public DaemonSettings Settings { get; }

    /// <summary>The parts' sections by name.</summary>
    public IReadOnlyDictionary<string, JsonElement> Sections { get; }

    /// <summary>Reads a file. Throws <see cref="DaemonConfigException"/> with everything that is wrong.</summary>
    public static DaemonConfig Load(string path, PartCatalogue parts)
    {
        byte[] bytes;
        try
        {
            if (!File.Exists(path)) throw new DaemonConfigException($"--config: there is no file '{path}'");
            if (new FileInfo(path).Length > MaxBytes) throw new DaemonConfigException($"--config: '{path}' has more than {MaxBytes} bytes");
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DaemonConfigException($"--config: '{path}' cannot be read: {e.Message}");
        }
        return Parse(bytes, path, Path.GetDirectoryName(Path.GetFullPath(path))!, parts);
    }

    /// <summary>Reads a configuration's bytes.</summary>
    public static DaemonConfig Parse(ReadOnlyMemory<byte> bytes, string name, string folder, PartCatalogue parts)
    {
        JsonElement root;
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false });
            root = document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new DaemonConfigException($"{name}: not valid JSON: {e.Message}");
        }
        if (root.ValueKind != JsonValueKind.Object) throw new DaemonConfigException($"{name}: not a JSON object");
        var sections = root.EnumerateObject().Where(p => !Shared.Contains(p.Name)).ToDictionary(p => p.Name, p => p.Value);
        string known = string.Join(", ", Shared.Concat(parts.Names));
        var problems = sections.Keys.Where(s => !parts.Names.Contains(s)).Select(s => $"'{s}' is not known; known keys: {known}").ToList();
        DaemonSettings? settings = null;
        try
        {
            settings = Read<DaemonSettings>(JsonSerializer.SerializeToElement(root.EnumerateObject().Where(p => Shared.Contains(p.Name)).ToDictionary(p => p.Name, p => p.Value)), "");
            problems.AddRange(settings.Problems());
        }
        catch (DaemonConfigException e)
        {
            problems.Add(e.Message);
        }
        foreach ((string section, JsonElement element) in sections.Where(s => parts.Names.Contains(s.Key)))
        {
            try { problems.AddRange(parts.Problems(section, element).Select(p => $"{section}.{p}")); }
            catch (DaemonConfigException e) { problems.Add(e.Message); }
        }
        if (problems.Count > 0) throw new DaemonConfigException($"{name}: {string.Join("; ", problems)}");
        if (sections.Count == 0) throw new DaemonConfigException($"{name}: no part is configured; there are: {string.Join(", ", parts.Names)}");
        return new DaemonConfig(folder, settings!, sections);
    }

    /// <summary>Reads a section. Throws <see cref="DaemonConfigException"/> naming section and key.</summary>
    public static T Read<T>(JsonElement element, string section)
    {
        try
        {
            return element.Deserialize<T>(Json) ?? throw new DaemonConfigException($"'{section}' is null");
        }
        catch (JsonException e)
        {
            throw new DaemonConfigException($"{(section.Length > 0 ? $"{section}: " : "")}{Plain(e)}");
        }
        catch (NotSupportedException)
        {
            throw new DaemonConfigException($"'{section}' is not an object");
        }
    }

    /// <summary>A path of the file, made absolute.</summary>
    public string PathOf(string path) => Path.GetFullPath(path, Folder);

    /// <summary>
    /// Checks what can be checked without the network: the files that are named, their keys and passphrases. Throws
    /// <see cref="DaemonConfigException"/>.
    /// </summary>
    public void CheckFiles()
    {
        if (!File.Exists(PathOf(Settings.Genesis))) throw new DaemonConfigException($"genesis: there is no file '{PathOf(Settings.Genesis)}'");
        if (Settings.Http.Certificate is { } certificate && !File.Exists(PathOf(certificate)))
            throw new DaemonConfigException($"http.certificate: there is no file '{PathOf(certificate)}'");
        string key = StateKeyFile;
        if (!File.Exists(key)) return;
        try { Common.KeyFile.Read(key); }
        catch (InvalidDataException e) { throw new DaemonConfigException($"keyFile: {e.Message}"); }
    }

    /// <summary>Where the key of the state is.</summary>
    public string StateKeyFile => Settings.KeyFile is { } file ? PathOf(file) : Path.Combine(PathOf(Settings.DataDir), "state.key");

    // The library's message names .NET types; people know keys.
    private static string Plain(JsonException e)
    {
        string path = e.Path is { Length: > 2 } p ? p[2..] : "";
        string named = Quoted(e.Message).FirstOrDefault() ?? "";
        if (e.Message.Contains("could not be mapped", StringComparison.Ordinal)) return $"'{Join(path, named)}' is not known";
        int missing = e.Message.IndexOf("missing required properties", StringComparison.Ordinal);
        if (missing >= 0) return $"missing: {string.Join(", ", Quoted(e.Message[missing..]))}";
        if (e.Message.Contains("null values", StringComparison.Ordinal)) path = Join(path, JsonNamingPolicy.CamelCase.ConvertName(named));
        return $"{(path.Length > 0 ? $"'{path}'" : "the section")} is not of the form that is expected here";
    }

    // Whether the library's path ends with the member or with what holds it depends on where it noticed.
    private static string Join(string path, string member) =>
        path.Length == 0 ? member : path == member || path.EndsWith($".{member}", StringComparison.Ordinal) ? path : $"{path}.{member}";

    private static IEnumerable<string> Quoted(string text) => text.Split('\'').Where((_, i) => i % 2 == 1);
}
