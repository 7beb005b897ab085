using System.Net.Sockets;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Ptoy.Node.Config;
using Ptoy.Node.Rpc;
using Ptoy.Node.Transport;
using Ptoy.Storage;

namespace Ptoy.Node.Tests.Cluster;

/// <summary>What a node that cannot start says.</summary>
[NonParallelizable]
public sealed class StartMessageTests
{
    private TestCluster _cluster = null!;

    [SetUp]
    public void Create() => _cluster = new TestCluster();

    [TearDown]
    public async Task RemoveAsync() => await _cluster.DisposeAsync();

    private JsonNode Config => JsonNode.Parse(File.ReadAllText(_cluster.Layout.Nodes[0].ConfigFile))!;

    private static Socket Occupy(SocketType type, int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        if (type == SocketType.Stream) socket.Listen();
        return socket;
    }

    [TestCase(SocketType.Dgram, "votePort")]
    [TestCase(SocketType.Stream, "bulkPort")]
    public async Task AnOccupiedTransportPortIsNamedAsync(SocketType type, string key)
    {
        int port = Config[key]!.GetValue<int>();
        using Socket other = Occupy(type, port);
        TransportException e = (await Assert.ThrowsAsync<TransportException>(() => _cluster.StartAsync(0)))!;
        Assert.That(e.Message, Does.Contain($"port {port}").And.Contain(key));
    }

    [Test]
    public async Task AnOccupiedRpcPortIsNamedAsync()
    {
        int port = Config["rpc"]!["port"]!.GetValue<int>();
        using Socket other = Occupy(SocketType.Stream, port);
        RpcStartException e = (await Assert.ThrowsAsync<RpcStartException>(() => _cluster.StartAsync(0)))!;
        Assert.That(e.Message, Does.Contain($"{port}").And.Contain("in use").IgnoreCase);
    }

    [Test]
    public async Task AnotherStorageKeyIsRefusedWithWhatToDo()
    {
        await _cluster.StartAsync(0);
        await _cluster.StopAsync(0);
        string file = Path.Combine(_cluster.Layout.Nodes[0].Directory, "storage.key");
        File.Delete(file);
        KeyFile.Write(file, RandomNumberGenerator.GetBytes(32));
        StoreException e = (await Assert.ThrowsAsync<StoreException>(() => _cluster.StartAsync(0)))!;
        Assert.That(e.Problem, Is.EqualTo(StoreProblem.WrongKey));
        Assert.That(e.Message, Does.Contain("storage key does not fit").And.Contain("start the node with the storage key"));
    }
}
