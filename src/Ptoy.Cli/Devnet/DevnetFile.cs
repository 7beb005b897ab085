using System.Text.Json;
using Ptoy.Cli.Shell;

namespace Ptoy.Cli.Devnet;

/// <summary>What <c>ptoy devnet</c> remembers of a network that it made: <c>devnet.json</c>. Paths are relative to its directory.</summary>
internal sealed record DevnetFile(string ChainId, string Genesis, string AuthorityKeystore, string AuthorityAccount, DevnetFileNode[] Nodes)
{
    private const string Name = "devnet.json";
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true,
    };

    public void Write(string directory) => File.WriteAllText(Path.Combine(directory, Name), JsonSerializer.Serialize(this, Json));

    public static DevnetFile Read(string directory)
    {
        string path = Path.Combine(directory, Name);
        if (!File.Exists(path)) throw CliException.Usage($"--dir: '{directory}' holds no network; make one with: ptoy devnet init --dir {directory}");
        try
        {
            return JsonSerializer.Deserialize<DevnetFile>(File.ReadAllText(path), Json) ?? throw CliException.Usage($"'{path}' is empty");
        }
        catch (JsonException e)
        {
            throw CliException.Usage($"'{path}' was changed and cannot be read (line {e.LineNumber + 1})");
        }
    }
}

/// <summary>One hospital with its node.</summary>
internal sealed record DevnetFileNode(string Name, string Organisation, string Keystore, string Directory, string Config, string NodeKey, string Rpc);
