using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Network;
using Ptoy.Node.Devnet;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>
/// One node as its clients see it: those of the load, who soon go to another one, and the checker, who wants this one's answer.
/// </summary>
internal sealed record Member(int Index, DevnetNode Node, RpcHttpClient Rpc, RpcHttpClient Checker);

/// <summary>What a node says of itself.</summary>
internal readonly record struct Health(ulong Height, ulong Certified, ulong View, int Primary, string StateRoot, bool Signs);

/// <summary>The four nodes: as processes to kill, and as servers to ask.</summary>
internal sealed class Members : IAsyncDisposable
{
    private readonly LocalNetwork _network;

    public Members(LocalNetwork network, TrustedChain chain)
    {
        _network = network;
        Chain = chain;
        var options = new RpcClientOptions { CallTimeout = TimeSpan.FromSeconds(5), ConnectTimeout = TimeSpan.FromSeconds(1) };
        All = [.. network.Layout.Nodes.Select((n, i) =>
            new Member(i, n, RpcClient.Http(n.Rpc, options), RpcClient.Http(n.Rpc, new RpcClientOptions())))];
    }

    public IReadOnlyList<Member> All { get; }

    public TrustedChain Chain { get; }

    /// <summary>Highest height that a client has seen certified.</summary>
    public ulong SeenHeight => Interlocked.Read(ref _seen);

    private ulong _seen;

    public void Saw(ulong height)
    {
        ulong known = Interlocked.Read(ref _seen);
        while (height > known)
        {
            ulong before = Interlocked.CompareExchange(ref _seen, height, known);
            if (before == known) return;
            known = before;
        }
    }

    public NodeProcess Process(int index) => _network.Nodes[index];

    /// <summary>Waits until a node answers, however far behind it is.</summary>
    public Task ReadyAsync(int index, TimeSpan patience) => _network.WaitReadyAsync(index, 0, patience);

    public Task<TimeSpan?> ClockOffsetAsync(int index) => _network.ClockOffsetAsync(index);

    public bool IsUp(int index) => _network.Nodes[index].Running;

    public async Task<Health?> HealthAsync(int index)
    {
        if (await _network.HealthAsync(index).ConfigureAwait(false) is not { } h) return null;
        return new Health(
            h.GetProperty("height").GetUInt64(), h.GetProperty("certified").GetUInt64(), h.GetProperty("view").GetUInt64(),
            h.GetProperty("primary").GetInt32(), h.GetProperty("stateRoot").GetString()!, h.GetProperty("signs").GetBoolean());
    }

    /// <summary>The primary of the highest view that a node is in.</summary>
    public async Task<int> PrimaryAsync()
    {
        Health?[] all = await Task.WhenAll(All.Select(m => HealthAsync(m.Index))).ConfigureAwait(false);
        return all.Where(h => h is not null).OrderByDescending(h => h!.Value.View).First()!.Value.Primary;
    }

    /// <summary>SIGKILL to each of these, at the same instant.</summary>
    public void Kill(params IReadOnlyList<int> victims) => Parallel.ForEach(victims, i => _network.Nodes[i].Kill());

    public void Start(params IReadOnlyList<int> nodes)
    {
        foreach (int i in nodes) _network.Nodes[i].Start();
    }

    /// <summary>Waits until a node has certified what the others had when this was called.</summary>
    public async Task CaughtUpAsync(int index, TimeSpan patience)
    {
        Health?[] all = await Task.WhenAll(All.Select(m => HealthAsync(m.Index))).ConfigureAwait(false);
        ulong height = Math.Max(SeenHeight, all.Max(h => h?.Certified ?? 0));
        await _network.WaitReadyAsync(index, height, patience).ConfigureAwait(false);
    }

    public string LogOf(int index) => _network.Nodes[index].LogTail(6);

    /// <summary>
    /// The caller's signature on one request to one node. Its expiry is unlike any other's, so the access log's entry can be told.
    /// </summary>
    public RpcSigner Signer(Member member, SigningKey key, Address? onBehalfOf, long expiryMs) =>
        new(key, Chain.ChainId, member.Node.NodeKey, onBehalfOf, new FixedTime(expiryMs)) { Lifetime = TimeSpan.Zero };

    public async ValueTask DisposeAsync()
    {
        foreach (Member member in All)
        {
            await member.Rpc.DisposeAsync().ConfigureAwait(false);
            await member.Checker.DisposeAsync().ConfigureAwait(false);
        }
    }

    private sealed class FixedTime(long unixMs) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(unixMs);
    }
}

/// <summary>Pauses that clients make between attempts.</summary>
internal static class Pace
{
    /// <summary>One tick of that length; false when cancelled.</summary>
    public static async Task<bool> PauseAsync(TimeSpan length, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(length);
        try
        {
            return await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
