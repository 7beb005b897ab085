using System.Net;
using System.Net.NetworkInformation;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Node;
using Ptoy.Node.Config;
using Ptoy.Node.Devnet;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Fuzz;

/// <summary>
/// JSON-RPC of a whole node with all its methods, over HTTP: whatever comes, the answer is JSON-RPC and never "internal error". One node of four, so
/// that nothing is ordered: what waits for a receipt is asked for with a time of nothing. Started with the first input.
/// </summary>
internal sealed class NodeRpcTarget
{
    private const int Nodes = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Lazy<Running> _node = new(Start);

    private sealed record Running(HttpClient Http, Uri Address);

    public static FuzzTarget Make()
    {
        var target = new NodeRpcTarget();
        return new FuzzTarget("rpc.node", Seeds(), target.Ask) { Prepare = () => _ = target._node.Value };
    }

    private static IReadOnlyList<byte[]> Seeds()
    {
        string zero = new('0', 64);
        (string Method, string Parameters)[] calls =
        [
            ("rpc.discover", "{}"), ("node_health", "{}"), ("chain_info", "{}"), ("chain_block", """{"height":0}"""), ("chain_blocks", """{"from":0,"count":5}"""),
            ("chain_validators", "{}"), ("chain_epochs", """{"from":0}"""), ("chain_certificate", """{"height":0}"""), ("chain_status", "{}"),
            ("contract_view", """{"contract":"Token","method":"supply","args":[]}"""), ("contract_state", """{"contract":"Governance","key":"members"}"""),
            ("state_get", """{"contract":"Token","key":"supply","proof":true}"""), ("tx_submit", """{"tx":"AAECAw=="}"""), ("tx_wait", $$"""{"hash":"{{zero}}","timeoutMs":0}"""),
            ("tx_receipt", $$"""{"hash":"{{zero}}"}"""), ("tx_get", $$"""{"hash":"{{zero}}"}"""), ("account_nonce", """{"address":"ptoy1qqqq"}"""),
            ("record_list", """{"owner":"ptoy1qqqq","purpose":"TREAT","tags":[]}"""), ("mail_list", """{"limit":5}"""), ("audit_list", """{"from":0}"""),
        ];
        string[] texts = [.. calls.Select(c => $$"""{"jsonrpc":"2.0","id":1,"method":"{{c.Method}}","params":{{c.Parameters}}}""")];
        return Targets.Utf8([.. texts, $"[{texts[1]},{texts[2]}]"]);
    }

    private static Running Start()
    {
        string folder = Directory.CreateTempSubdirectory("ptoy-fuzz-node-").FullName;
        DevnetAccount[] accounts = [.. Enumerable.Range(0, Nodes + 1).Select(i => new DevnetAccount($"Organisation {i}", Signer().Public, Sealing()))];
        DevnetLayout layout = DevnetBuilder.Create(new DevnetOptions
        {
            Directory = folder, Hospitals = accounts[..Nodes], Authority = accounts[Nodes], BasePort = FreePorts(Nodes * 3), MaxBlockIntervalMs = 5_000,
        });
        NodeHost host = NodeHost.StartAsync(NodeConfig.Load(layout.Nodes[0].ConfigFile, ["--rpc:rate", "1000000"]), NullLoggerFactory.Instance).GetAwaiter().GetResult();
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            host.DisposeAsync().AsTask().GetAwaiter().GetResult();
            Directory.Delete(folder, recursive: true);
        };
        return new Running(new HttpClient { Timeout = Patience }, host.RpcAddress);
    }

    private static SigningKey Signer() => new(RandomNumberGenerator.GetBytes(SigningKey.SeedSize));

    private static PublicKey Sealing()
    {
        using var key = new SealingKey(RandomNumberGenerator.GetBytes(SealingKey.Size));
        return key.Public;
    }

    /// <summary>The first of so many ports that nobody uses now.</summary>
    private static int FreePorts(int count)
    {
        IPGlobalProperties network = IPGlobalProperties.GetIPGlobalProperties();
        HashSet<int> used = [.. network.GetActiveTcpListeners().Concat(network.GetActiveUdpListeners()).Select(e => e.Port)];
        return Enumerable.Range(34_600, 900).First(first => !Enumerable.Range(first, count).Any(used.Contains));
    }

    private bool Ask(byte[] bytes)
    {
        Running node = _node.Value;
        using var request = new HttpRequestMessage(HttpMethod.Post, node.Address) { Content = new ByteArrayContent(bytes) };
        request.Content.Headers.ContentType = new("application/json");
        using HttpResponseMessage response = node.Http.Send(request);
        Targets.Require((int)response.StatusCode < 500, $"HTTP {(int)response.StatusCode}");
        if (response.StatusCode == HttpStatusCode.NoContent) return true;
        using var body = new MemoryStream();
        response.Content.ReadAsStream().CopyTo(body);
        using JsonDocument answer = JsonDocument.Parse(body.ToArray());
        JsonElement[] answers = answer.RootElement.ValueKind == JsonValueKind.Array ? [.. answer.RootElement.EnumerateArray()] : [answer.RootElement];
        foreach (JsonElement one in answers)
        {
            Targets.Require(one.GetProperty("jsonrpc").ValueEquals("2.0") && one.TryGetProperty("id", out _), "an answer that is not JSON-RPC");
            if (!one.TryGetProperty("error", out JsonElement error)) continue;
            string text = error.GetProperty("message").GetString()!;
            FuzzTarget.Note(text);
            Targets.Require(error.GetProperty("code").GetInt32() != RpcErrors.InternalError, $"answered with an internal error to {Encoding.UTF8.GetString(bytes)}");
        }
        return answers.All(a => a.TryGetProperty("result", out _));
    }
}
