using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;
using Ptoy.Node.Config;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Devnet;

/// <summary>An account that a new network knows from genesis: who it is, and the key that others seal to.</summary>
public sealed record DevnetAccount(string Name, PublicKey SigningKey, PublicKey SealingKey)
{
    /// <summary>The account's address.</summary>
    public Address Address => SigningKey.Address;
}

/// <summary>What a new local network is made of.</summary>
public sealed record DevnetOptions
{
    /// <summary>Directory to create; must not hold a network yet.</summary>
    public required string Directory { get; init; }

    /// <summary>Name of the chain.</summary>
    public string Name { get; init; } = "ptoy-devnet";

    /// <summary>The hospitals: one node each, at least four.</summary>
    public required IReadOnlyList<DevnetAccount> Hospitals { get; init; }

    /// <summary>The key authority.</summary>
    public required DevnetAccount Authority { get; init; }

    /// <summary>Accounts that own micro-PTOY from the start, besides the first hospital, which gets the rest.</summary>
    public IReadOnlyDictionary<Address, ulong> Allotments { get; init; } = new Dictionary<Address, ulong>();

    /// <summary>First of three ports a node: votes (UDP), bulk (TCP), JSON-RPC (TCP).</summary>
    public int BasePort { get; init; } = 28_500;

    /// <summary>Milliseconds after which an idle network makes a block.</summary>
    public int MaxBlockIntervalMs { get; init; } = 2_000;

    /// <summary>Milliseconds between anchors of the access log.</summary>
    public int AuditAnchorIntervalMs { get; init; } = 1_000;

    /// <summary>First view-change timeout in milliseconds.</summary>
    public int ViewChangeTimeoutMs { get; init; } = 600;
}

/// <summary>One node of a local network.</summary>
public sealed record DevnetNode(int Index, string Name, string Directory, string ConfigFile, PublicKey NodeKey, Address Organisation, Uri Rpc)
{
    /// <summary>Where the store is.</summary>
    public string DataDir => Path.Combine(Directory, "data");

    /// <summary>Where a supervisor writes the node's output.</summary>
    public string LogFile => Path.Combine(Directory, "node.log");
}

/// <summary>A local network on disk.</summary>
public sealed record DevnetLayout(string Directory, string GenesisFile, Hash ChainId, IReadOnlyList<DevnetNode> Nodes);

/// <summary>Writes genesis, keys and configurations of a local network: everything that its node processes need.</summary>
public static class DevnetBuilder
{
    /// <summary>The whole supply in micro-PTOY.</summary>
    public const ulong Supply = 100_000_000_000_000;

    private const int PortsPerNode = 3;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>The system contracts that this build carries, by class.</summary>
    public static IReadOnlyDictionary<string, string> SystemContracts()
    {
        var contracts = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Assembly assembly = typeof(DevnetBuilder).Assembly;
        foreach (string name in assembly.GetManifestResourceNames().Where(n => n.EndsWith(".js", StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            contracts[Path.GetFileNameWithoutExtension(name)] = reader.ReadToEnd();
        }
        return contracts;
    }

    /// <summary>Creates the network on disk. Throws <see cref="ConfigException"/> when the directory holds one already or the options are wrong.</summary>
    public static DevnetLayout Create(DevnetOptions options)
    {
        if (options.Hospitals.Count < ValidatorSet.MinMembers) throw new ConfigException($"a network needs {ValidatorSet.MinMembers} hospitals, not {options.Hospitals.Count}");
        string genesisFile = Path.Combine(options.Directory, "genesis.json");
        if (File.Exists(genesisFile)) throw new ConfigException($"'{options.Directory}' holds a network already; remove it or choose another directory");
        Directory.CreateDirectory(options.Directory);

        byte[][] seeds = [.. options.Hospitals.Select(_ => RandomNumberGenerator.GetBytes(SigningKey.SeedSize))];
        PublicKey[] nodeKeys = [.. seeds.Select(PublicOf)];
        Genesis genesis = MakeGenesis(options, nodeKeys);
        File.WriteAllText(genesisFile, GenesisFile.Write(genesis));
        var nodes = new List<DevnetNode>();
        for (int i = 0; i < options.Hospitals.Count; i++) nodes.Add(WriteNode(options, i, seeds[i], nodeKeys));
        return new DevnetLayout(options.Directory, genesisFile, genesis.ComputeChainId(), nodes);
    }

    private static int Port(DevnetOptions options, int node, int which) => options.BasePort + (node * PortsPerNode) + which;

    private static PublicKey PublicOf(byte[] seed)
    {
        using var key = new SigningKey(seed);
        return key.Public;
    }

    private static Genesis MakeGenesis(DevnetOptions options, PublicKey[] nodeKeys)
    {
        var validators = ValidatorSet.Of(0, [.. options.Hospitals.Select((h, i) => new Validator(nodeKeys[i], h.Address))]);
        GenesisContract[] contracts = [.. SystemContracts().Select(c => new GenesisContract(c.Key, c.Value))];
        return new Genesis(options.Name, (ulong)DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), 1, validators, contracts, [.. Calls(options, nodeKeys)]);
    }

    private static IEnumerable<GenesisCall> Calls(DevnetOptions options, PublicKey[] nodeKeys)
    {
        string authority = options.Authority.Address.ToString();
        yield return Call("Governance", "init", new
        {
            members = options.Hospitals.Select((h, i) => new
            {
                nodeKey = nodeKeys[i].ToString(), organisation = h.Address.ToString(), name = h.Name,
                endpoint = new { host = "127.0.0.1", votePort = Port(options, i, 0), bulkPort = Port(options, i, 1), rpc = $"http://127.0.0.1:{Port(options, i, 2)}" },
            }).ToArray(),
            parameters = new Dictionary<string, int>
            {
                ["maxBlockInterval"] = options.MaxBlockIntervalMs, ["auditAnchorInterval"] = options.AuditAnchorIntervalMs,
            },
            keyAuthority = authority,
        });
        yield return Call("Identity", "init", authority);
        yield return Call("Token", "init", (object)Allot(options));
        yield return Call("Identity", "certify", authority, Facts(options.Authority, "service"));
        foreach (DevnetAccount hospital in options.Hospitals)
            yield return Call("Identity", "certify", hospital.Address.ToString(), Facts(hospital, "organisation"));
    }

    private static object[] Allot(DevnetOptions options)
    {
        ulong rest = Supply - options.Allotments.Values.Aggregate(0UL, (sum, a) => sum + a);
        var allotments = new List<object> { new { account = options.Hospitals[0].Address.ToString(), amount = rest.ToString() } };
        foreach ((Address account, ulong amount) in options.Allotments.OrderBy(a => a.Key)) allotments.Add(new { account = account.ToString(), amount = amount.ToString() });
        return [.. allotments];
    }

    private static object Facts(DevnetAccount account, string role) =>
        new { sealingKey = account.SealingKey.ToString(), signingKey = account.SigningKey.ToString(), roles = new[] { role } };

    private static GenesisCall Call(string contract, string method, params object[] arguments) =>
        new(ContractId.Single(contract), method, JsonSerializer.Serialize(arguments));

    private static DevnetNode WriteNode(DevnetOptions options, int index, byte[] seed, PublicKey[] nodeKeys)
    {
        string directory = Path.Combine(options.Directory, $"node{index + 1}");
        Directory.CreateDirectory(directory);
        KeyFile.Write(Path.Combine(directory, "node.key"), seed);
        KeyFile.Write(Path.Combine(directory, "storage.key"), RandomNumberGenerator.GetBytes(32));
        string configFile = Path.Combine(directory, "config.json");
        File.WriteAllText(configFile, JsonSerializer.Serialize(
            new
            {
                dataDir = "data",
                genesis = Path.Combine("..", "genesis.json"),
                nodeKeyFile = "node.key",
                storageKeyFile = "storage.key",
                listen = "127.0.0.1",
                votePort = Port(options, index, 0),
                bulkPort = Port(options, index, 1),
                rpc = new { listen = "127.0.0.1", port = Port(options, index, 2) },
                consensus = new { viewChangeTimeoutMs = options.ViewChangeTimeoutMs },
                peers = Enumerable.Range(0, nodeKeys.Length).Where(i => i != index)
                    .Select(i => new { nodeKey = nodeKeys[i].ToString(), host = "127.0.0.1", votePort = Port(options, i, 0), bulkPort = Port(options, i, 1) }).ToArray(),
            },
            Indented));
        return new DevnetNode(
            index, options.Hospitals[index].Name, directory, configFile, nodeKeys[index], options.Hospitals[index].Address, new Uri($"http://127.0.0.1:{Port(options, index, 2)}"));
    }
}
