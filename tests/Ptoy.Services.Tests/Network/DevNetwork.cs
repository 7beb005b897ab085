using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Client.Keys;
using Ptoy.Client.Workflows;
using Ptoy.Node;
using Ptoy.Node.Config;
using Ptoy.Node.Devnet;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;

namespace Ptoy.Services.Tests.Network;

/// <summary>An account of a test with everything it owns.</summary>
internal sealed record Member(AccountKeys Keys, VaultRoot Root) : IDisposable
{
    public Address Address => Keys.Address;

    public static Member New() => new(AccountKeys.FromSeed(RandomNumberGenerator.GetBytes(64)), VaultRoot.Create());

    public void Dispose()
    {
        Keys.Dispose();
        Root.Dispose();
    }
}

/// <summary>
/// A network of four nodes in this process, on ports that are free, with a key authority whose key the test holds. One for a fixture: starting takes
/// a while.
/// </summary>
internal sealed class DevNetwork : IAsyncDisposable
{
    private const int Ports = 12;
    private readonly string _folder = Directory.CreateTempSubdirectory("ptoy-net-").FullName;
    private readonly NodeHost?[] _nodes = new NodeHost?[4];
    private readonly List<IAsyncDisposable> _connections = [];
    private readonly DevnetLayout _layout;
    private readonly Member _authority = Member.New();
    private TransactionSender? _certifier;

    private DevNetwork()
    {
        Hospitals = [.. Enumerable.Range(0, 4).Select(_ => Member.New())];
        _layout = DevnetBuilder.Create(new DevnetOptions
        {
            Directory = Path.Combine(_folder, "net"), BasePort = FreePorts(), MaxBlockIntervalMs = 500, ViewChangeTimeoutMs = 10_000,
            Hospitals = [.. Hospitals.Select((h, i) => new DevnetAccount($"Hospital {i + 1}", h.Keys.Signing.Public, h.Keys.Sealing.Public))],
            Authority = new DevnetAccount("Key authority", _authority.Keys.Signing.Public, _authority.Keys.Sealing.Public),
        });
        Chain = TrustedChain.From(GenesisFile.Parse(File.ReadAllText(GenesisPath)));
    }

    public IReadOnlyList<Member> Hospitals { get; }

    public Member Authority => _authority;

    public TrustedChain Chain { get; }

    public string GenesisPath => _layout.GenesisFile;

    public Uri Url(int node) => _layout.Nodes[node].Rpc;

    public static async Task<DevNetwork> StartAsync()
    {
        var network = new DevNetwork();
        try
        {
            await Task.WhenAll(Enumerable.Range(0, 4).Select(network.StartNodeAsync));
            network._certifier = new TransactionSender(await network.ConnectAsync(network._authority, 0));
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    public async Task StartNodeAsync(int node) =>
        _nodes[node] = await NodeHost.StartAsync(NodeConfig.Load(_layout.Nodes[node].ConfigFile, []), NullLoggerFactory.Instance);

    public async Task StopNodeAsync(int node)
    {
        await _nodes[node]!.DisposeAsync();
        _nodes[node] = null;
    }

    /// <summary>A connection of an account to one node; closed with the network.</summary>
    public async Task<NodeConnection> ConnectAsync(Member member, int node)
    {
        NodeConnection connection = await NodeConnection.ConnectAsync(Url(node), Chain, member.Keys.Signing);
        lock (_connections) _connections.Add(connection);
        return connection;
    }

    public Task CertifyAsync(Member member, params string[] roles) => _certifier!.SendAsync(
        ContractId.Single("Identity"), "certify",
        [member.Address.ToString(), new { sealingKey = member.Keys.Sealing.Public.ToString(), signingKey = member.Keys.Signing.Public.ToString(), roles }]);

    /// <summary>A certified patient with a vault.</summary>
    public async Task<(Member Member, PatientSession Session)> PatientAsync(int node = 0)
    {
        Member member = Member.New();
        await CertifyAsync(member, "patient");
        var session = new PatientSession(member.Keys, member.Root, await ConnectAsync(member, node));
        await session.CreateVaultAsync();
        return (member, session);
    }

    /// <summary>An organisation's records into a patient's vault; the patient has let it write.</summary>
    public async Task<IReadOnlyList<Hash>> WriteAsync(Member author, Member patient, int node, params (string Compartment, byte[] Bytes)[] records)
    {
        using var sender = new TransactionSender(await ConnectAsync(author, node));
        RecordToWrite[] tagged = [.. records.Select(r => new RecordToWrite(r.Bytes, Compartments.Tag(patient.Root.TagKey.ToArray(), r.Compartment)))];
        Address? onBehalfOf = author.Address == patient.Address ? null : author.Address;
        IReadOnlyList<WrittenManifest> written = await new RecordWriter(sender).WriteToPatientAsync(patient.Address, tagged, onBehalfOf);
        return [.. written.SelectMany(w => w.RecordIds)];
    }

    public async ValueTask DisposeAsync()
    {
        _certifier?.Dispose();
        foreach (IAsyncDisposable connection in _connections) await connection.DisposeAsync();
        foreach (NodeHost? node in _nodes) if (node is not null) await node.DisposeAsync();
        foreach (Member hospital in Hospitals) hospital.Dispose();
        _authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    // Below the system's own range of ports; several test runs on one machine start at different places.
    private static int FreePorts()
    {
        const int From = 20_040, To = 31_900;
        int places = (To - From) / Ports, start = Environment.ProcessId % places;
        for (int i = 0; i < places; i++)
        {
            int first = From + ((start + (i * 7)) % places * Ports);
            if (Enumerable.Range(first, Ports).All(IsFree)) return first;
        }
        throw new InvalidOperationException("there are no twelve free ports in a row");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var tcp = new TcpListener(IPAddress.Loopback, port);
            tcp.Start();
            using var udp = new UdpClient(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
