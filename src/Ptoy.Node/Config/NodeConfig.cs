using System.Globalization;
using Microsoft.Extensions.Configuration;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Config;

/// <summary>A configuration that cannot be used; the message names the key and what to do.</summary>
public sealed class ConfigException(string message) : Exception(message);

/// <summary>How another replica is reached.</summary>
/// <param name="NodeKey">Its node signing key.</param>
/// <param name="Host">Host name or IP address.</param>
/// <param name="VotePort">UDP port of its votes.</param>
/// <param name="BulkPort">TCP port of its bulk streams.</param>
public sealed record PeerConfig(PublicKey NodeKey, string Host, int VotePort, int BulkPort);

/// <summary>
/// Everything an operator can set, from a JSON file, environment variables (<c>PTOY_NODE_rpc__port</c>) and flags
/// (<c>--rpc:port 8545</c>), later ones winning. Unknown keys are refused, so a misspelt one is not silently ignored.
/// </summary>
public sealed record NodeConfig
{
    /// <summary>Directory of the store. Created when missing.</summary>
    public required string DataDir { get; init; }

    /// <summary>Path of the genesis file.</summary>
    public required string GenesisFile { get; init; }

    /// <summary>Path of the node signing key (64 hexadecimal characters). Not part of any backup.</summary>
    public required string NodeKeyFile { get; init; }

    /// <summary>Path of the storage key (64 hexadecimal characters) that encrypts metadata at rest.</summary>
    public required string StorageKeyFile { get; init; }

    /// <summary>Address that this node's sockets listen on.</summary>
    public required string Listen { get; init; }

    /// <summary>UDP port of votes.</summary>
    public required int VotePort { get; init; }

    /// <summary>TCP port of bulk streams.</summary>
    public required int BulkPort { get; init; }

    /// <summary>The other replicas.</summary>
    public required IReadOnlyList<PeerConfig> Peers { get; init; }

    /// <summary>Address that JSON-RPC listens on.</summary>
    public required string RpcListen { get; init; }

    /// <summary>TCP port of JSON-RPC.</summary>
    public required int RpcPort { get; init; }

    /// <summary>PEM file with certificate and key, or null for plain HTTP.</summary>
    public string? RpcCertificate { get; init; }

    /// <summary>Allows plain HTTP off loopback.</summary>
    public bool RpcInsecure { get; init; }

    /// <summary>Origins that browsers may call from.</summary>
    public IReadOnlyList<string> RpcCors { get; init; } = [];

    /// <summary>Calls per second and client address that are answered.</summary>
    public int RpcRate { get; init; } = 20_000;

    /// <summary>Milliseconds after which an idle network makes an empty block; null: the chain's parameter.</summary>
    public int? MaxBlockIntervalMs { get; init; }

    /// <summary>Milliseconds without progress after which a replica asks for a new view; doubles while it fails.</summary>
    public int ViewChangeTimeoutMs { get; init; } = 1_000;

    /// <summary>Most transactions waiting in memory.</summary>
    public int MempoolTransactions { get; init; } = 50_000;

    /// <summary>Most bytes of waiting transactions.</summary>
    public long MempoolBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>How often the access log is anchored on chain, in milliseconds; null: the chain's parameter.</summary>
    public int? AuditAnchorIntervalMs { get; init; }

    /// <summary>Whether the CPU time of each part of the node's work is measured (see <c>node_health</c>).</summary>
    public bool CpuParts { get; init; }

    /// <summary>Heights above the stable checkpoint that may be in flight.</summary>
    public int ConsensusWindow { get; init; } = 128;

    /// <summary>Heights that the primary proposes ahead of the last committed one.</summary>
    public int ConsensusInFlight { get; init; } = 16;

    /// <summary>Least level that is logged: Debug, Information, Warning, Error.</summary>
    public string LogLevel { get; init; } = "Information";

    /// <summary>True for a node whose key is in no validator set: it follows, serves reads and forwards transactions.</summary>
    public bool IsFollower { get; init; }

    /// <summary>Follower nodes that this member accepts connections from, besides the other members.</summary>
    public IReadOnlyList<PeerConfig> Followers { get; init; } = [];

    /// <summary>Newest blocks that are kept; 0 keeps all (an archive node).</summary>
    public int KeepBlocks { get; init; }

    /// <summary>Heights between state snapshots that this node serves to others. The same on all members.</summary>
    public int SnapshotInterval { get; init; } = 512;

    /// <summary>Heights behind a certified snapshot from which on the snapshot is fetched instead of the blocks.</summary>
    public int SnapshotGap { get; init; } = 2_048;

    private static readonly string[] Known =
    [
        "dataDir", "genesis", "nodeKeyFile", "storageKeyFile", "listen", "votePort", "bulkPort", "peers", "rpc:listen", "rpc:port",
        "rpc:certificate", "rpc:insecure", "rpc:cors", "rpc:rate", "consensus:maxBlockIntervalMs", "consensus:viewChangeTimeoutMs",
        "mempool:transactions", "mempool:bytes", "audit:anchorIntervalMs", "log:level",
        "consensus:window", "consensus:maxInFlight", "diagnostics:cpuParts",
        "role", "followers", "store:keepBlocks", "sync:snapshotInterval", "sync:snapshotGap",
    ];

    private static readonly string[] Lists = ["peers", "rpc:cors", "followers"];

    private static readonly string[] PeerKeys = ["nodeKey", "host", "votePort", "bulkPort"];

    /// <summary>Reads file, environment and flags. Throws <see cref="ConfigException"/> naming the key that is wrong.</summary>
    public static NodeConfig Load(string? file, IReadOnlyList<string> flags)
    {
        RefuseStrayFlags(flags);
        var builder = new ConfigurationBuilder();
        if (file is not null)
        {
            if (!File.Exists(file)) throw new ConfigException($"--config: there is no file '{file}'");
            builder.AddJsonFile(Path.GetFullPath(file));
        }
        builder.AddEnvironmentVariables("PTOY_NODE_").AddCommandLine([.. flags]);
        IConfigurationRoot root;
        try
        {
            root = builder.Build();
        }
        catch (Exception e) when (e is InvalidDataException or FormatException)
        {
            throw new ConfigException($"--config: '{file}' is not valid JSON: {e.InnerException?.Message ?? e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"--config: '{file}' cannot be read: {e.Message}");
        }
        string baseDir = file is null ? Directory.GetCurrentDirectory() : Path.GetDirectoryName(Path.GetFullPath(file))!;
        return new Reader(root, baseDir).Read();
    }

    /// <summary>Flags come as <c>--key value</c> or <c>--key=value</c>; the configuration library drops anything else without a word.</summary>
    private static void RefuseStrayFlags(IReadOnlyList<string> flags)
    {
        for (int i = 0; i < flags.Count; i++)
        {
            string flag = flags[i];
            if (!flag.StartsWith("--", StringComparison.Ordinal) || flag.Length == 2)
                throw new ConfigException($"'{flag}' is not a flag; write --key value, for example --rpc:port 8545");
            if (flag.Contains('=', StringComparison.Ordinal)) continue;
            if (++i == flags.Count || flags[i].StartsWith("--", StringComparison.Ordinal)) throw new ConfigException($"flag '{flag}' has no value");
        }
    }

    private sealed class Reader(IConfigurationRoot root, string baseDir)
    {
        public NodeConfig Read()
        {
            RefuseUnknown(root, "");
            string listen = Text("listen", "127.0.0.1");
            return new NodeConfig
            {
                DataDir = FilePath("dataDir"),
                GenesisFile = FilePath("genesis"),
                NodeKeyFile = FilePath("nodeKeyFile"),
                StorageKeyFile = FilePath("storageKeyFile"),
                Listen = listen,
                VotePort = Port("votePort"),
                BulkPort = Port("bulkPort"),
                Peers = [.. root.GetSection("peers").GetChildren().Select(Peer)],
                RpcListen = Text("rpc:listen", listen),
                RpcPort = Port("rpc:port"),
                RpcCertificate = root["rpc:certificate"] is null ? null : FilePath("rpc:certificate"),
                RpcInsecure = Flag("rpc:insecure"),
                RpcCors = [.. root.GetSection("rpc:cors").GetChildren().Select(c => c.Value ?? "")],
                RpcRate = Number("rpc:rate", 20_000, 1, 1_000_000),
                MaxBlockIntervalMs = NumberIfGiven("consensus:maxBlockIntervalMs", 100, 60_000),
                ViewChangeTimeoutMs = Number("consensus:viewChangeTimeoutMs", 1_000, 100, 60_000),
                MempoolTransactions = Number("mempool:transactions", 50_000, 100, 1_000_000),
                MempoolBytes = Number("mempool:bytes", 256 * 1024 * 1024, 1024 * 1024, int.MaxValue),
                AuditAnchorIntervalMs = NumberIfGiven("audit:anchorIntervalMs", 500, 60_000),
                ConsensusWindow = Number("consensus:window", 128, 64, 128),
                ConsensusInFlight = Number("consensus:maxInFlight", 16, 1, 64),
                CpuParts = Flag("diagnostics:cpuParts"),
                IsFollower = OneOf("role", "member", "member", "follower") == "follower",
                Followers = [.. root.GetSection("followers").GetChildren().Select(Peer)],
                KeepBlocks = KeepBlocksOf(),
                SnapshotInterval = Number("sync:snapshotInterval", 512, 16, 65_536),
                SnapshotGap = Number("sync:snapshotGap", 2_048, 16, 10_000_000),
                LogLevel = OneOf("log:level", "Information", "Debug", "Information", "Warning", "Error"),
            };
        }

        /// <summary>A newcomer has to find the blocks above a snapshot that it fetched.</summary>
        private int KeepBlocksOf()
        {
            if (Text("store:keepBlocks", "all") == "all") return 0;
            int least = Math.Max(1_024, 4 * Number("sync:snapshotInterval", 512, 16, 65_536));
            string text = root["store:keepBlocks"]!;
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least
                ? value
                : throw new ConfigException($"configuration key 'store:keepBlocks' is '{text}', not 'all' or a number from {least} "
                    + "(1,024, and four times sync:snapshotInterval) on");
        }

        private static void RefuseUnknown(IConfiguration section, string prefix)
        {
            foreach (IConfigurationSection child in section.GetChildren())
            {
                string key = prefix + child.Key;
                if (Known.Contains(key, StringComparer.OrdinalIgnoreCase))
                {
                    RefuseWrongShape(child, key);
                    continue;
                }
                if (!Known.Any(k => k.StartsWith(key + ":", StringComparison.OrdinalIgnoreCase)))
                    throw new ConfigException($"configuration key '{key}' is not known; known keys: {string.Join(", ", Known)}");
                RefuseUnknown(child, key + ":");
            }
        }

        private static void RefuseWrongShape(IConfigurationSection section, string key)
        {
            bool isList = Lists.Contains(key, StringComparer.OrdinalIgnoreCase);
            if (isList && section.Value is { Length: > 0 }) throw new ConfigException($"configuration key '{key}' is '{section.Value}', not a list");
            if (!isList && section.GetChildren().Any()) throw new ConfigException($"configuration key '{key}' is a list or section, not one value");
        }

        private string Required(string key) => root[key] is { Length: > 0 } value
            ? value
            : throw new ConfigException($"configuration key '{key}' is missing; set it in the file, as PTOY_NODE_{key.Replace(":", "__", StringComparison.Ordinal)}, or as --{key}");

        private string Text(string key, string otherwise) => root[key] is { Length: > 0 } value ? value : otherwise;

        private string FilePath(string key) => Path.GetFullPath(Required(key), baseDir);

        private int Port(string key) => Parse(key, Required(key), 1, 65_535);

        private int Number(string key, int otherwise, int min, int max) => root[key] is { Length: > 0 } value ? Parse(key, value, min, max) : otherwise;

        private int? NumberIfGiven(string key, int min, int max) => root[key] is { Length: > 0 } value ? Parse(key, value, min, max) : null;

        private bool Flag(string key) => root[key] switch
        {
            null => false,
            { } text when bool.TryParse(text, out bool value) => value,
            { } text => throw new ConfigException($"configuration key '{key}' is '{text}', not true or false"),
        };

        private string OneOf(string key, string otherwise, params string[] allowed)
        {
            string value = Text(key, otherwise);
            return allowed.FirstOrDefault(a => a.Equals(value, StringComparison.OrdinalIgnoreCase))
                ?? throw new ConfigException($"configuration key '{key}' is '{value}', not one of {string.Join(", ", allowed)}");
        }

        private static int Parse(string key, string text, int min, int max) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= min && value <= max
                ? value
                : throw new ConfigException($"configuration key '{key}' is '{text}', not a number from {min} to {max}");

        private static PeerConfig Peer(IConfigurationSection section)
        {
            if (section.GetChildren().FirstOrDefault(c => !PeerKeys.Contains(c.Key, StringComparer.OrdinalIgnoreCase)) is { } unknown)
                throw new ConfigException($"configuration key '{unknown.Path}' is not known; a peer has {string.Join(", ", PeerKeys)}");
            string Get(string name) => section[name] is { Length: > 0 } value
                ? value
                : throw new ConfigException($"configuration key '{section.Path}:{name}' is missing");
            try
            {
                return new PeerConfig(PublicKey.Parse(Get("nodeKey")), Get("host"),
                    Parse($"{section.Path}:votePort", Get("votePort"), 1, 65_535), Parse($"{section.Path}:bulkPort", Get("bulkPort"), 1, 65_535));
            }
            catch (FormatException e)
            {
                throw new ConfigException($"configuration key '{section.Path}:nodeKey': {e.Message}");
            }
        }
    }
}
