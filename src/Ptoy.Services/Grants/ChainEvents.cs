using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Common;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Grants;

/// <summary>An event of a certified block.</summary>
/// <param name="Height">The block's height.</param>
/// <param name="Tx">Hash of the transaction that raised it.</param>
/// <param name="Contract">Contract instance: <c>Patient/ptoy1…</c>, <c>Records</c>.</param>
/// <param name="Name">The event's name.</param>
/// <param name="Data">What the contract said.</param>
public sealed record ChainEvent(ulong Height, string Tx, string Contract, string Name, JsonElement Data);

/// <summary>
/// Follows the chain's events over one WebSocket and hands them on. A lost connection is made again with back-off; what happened in between is
/// missing then, so <see cref="Gap"/> tells followers to look for themselves. What is told is a hint to look: a node can leave an event out or make
/// one up, so followers act on what they then read and prove.
/// </summary>
public sealed class ChainEvents(Uri node, TimeProvider time, ILogger<ChainEvents> log) : IDaemonPart
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(500), MaxDelay = TimeSpan.FromSeconds(30);

    private volatile PartHealth _health = new(false, "not connected yet");
    private long _seen;

    /// <summary>Raised for each event, one at a time, on a thread of the pool; handlers only take a note.</summary>
    public event Action<ChainEvent>? Happened;

    /// <summary>Raised when events may have been missed, and once at the start.</summary>
    public event Action? Gap;

    /// <inheritdoc/>
    public string Name => "chain events";

    /// <summary>How many came since the start.</summary>
    public long Seen => Interlocked.Read(ref _seen);

    /// <inheritdoc/>
    public PartHealth Health() => _health;

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken stop)
    {
        var retry = new Retry(FirstDelay, MaxDelay);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await FollowAsync(retry, stop);
            }
            catch (Exception e) when (e is RpcConnectionException or TimeoutException or RpcException or JsonException or IOException)
            {
                TimeSpan delay = retry.Next();
                _health = new PartHealth(false, "the node's events do not come; trying again");
                log.LogWarning("the node's events do not come ({Kind}); trying again in {Seconds} s", e.GetType().Name, (int)delay.TotalSeconds);
                await WaitAsync(delay, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task FollowAsync(Retry retry, CancellationToken stop)
    {
        await using RpcWebSocketClient client = await RpcClient.ConnectAsync(node, new RpcClientOptions(), stop);
        await using RpcSubscription<ChainEvent> events = await client.SubscribeAsync<ChainEvent>("events", null, null, stop);
        _health = new PartHealth(true, "following");
        Gap?.Invoke();
        await foreach (ChainEvent happened in events.WithCancellation(stop))
        {
            retry.Reset();
            Interlocked.Increment(ref _seen);
            Happened?.Invoke(happened);
        }
        throw new RpcConnectionException("the subscription ended");
    }

    private async Task WaitAsync(TimeSpan delay, CancellationToken stop)
    {
        try { await Task.Delay(delay, time, stop); }
        catch (OperationCanceledException) { }
    }
}
