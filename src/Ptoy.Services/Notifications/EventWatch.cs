using System.Text.Json;
using System.Threading.Channels;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Common;
using Ptoy.Services.Grants;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Notifications;

/// <summary>
/// Turns events of the chain into notices. Where it stands is remembered; what was missed (a restart, a lost connection) is read from the blocks, up
/// to <see cref="MaxBehind"/> of them. Notices have keys, so what is seen twice is told once.
/// </summary>
internal sealed class EventWatch : IDaemonPart, IDisposable
{
    /// <summary>Blocks that are read again at most: about a day of an idle network.</summary>
    public const ulong MaxBehind = 50_000;

    private const int MaxQueued = 10_000;
    private const string PlaceKey = "height";
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1), MaxRetry = TimeSpan.FromMinutes(1);

    private readonly INotifier _notifier;
    private readonly ChainEvents _events;
    private readonly SealedTable _place;
    private readonly NodeConnection _node;
    private readonly ILogger<EventWatch> _log;
    private readonly Channel<ChainEvent?> _queue = Channel.CreateBounded<ChainEvent?>(new BoundedChannelOptions(MaxQueued) { FullMode = BoundedChannelFullMode.Wait });
    private volatile PartHealth _health = new(true, "starting");
    private volatile bool _missed = true;

    private sealed record BlockAnswer(ulong Height, string[] Transactions);

    public EventWatch(INotifier notifier, ChainEvents events, SealedStore store, NodeConnection node, ILogger<EventWatch> log)
    {
        (_notifier, _events, _node, _log) = (notifier, events, node, log);
        _place = store.Table("events");
        events.Happened += OnEvent;
        events.Gap += OnGap;
    }

    public string Name => "event notices";

    public PartHealth Health() => _health;

    public async Task RunAsync(CancellationToken stop)
    {
        var retry = new Retry(FirstRetry, MaxRetry);
        try
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    if (_missed) await CatchUpAsync(stop);
                    _health = new PartHealth(true, "following");
                    retry.Reset();
                    if (await _queue.Reader.ReadAsync(stop) is { } happened) Take(happened);
                }
                catch (Exception e) when (Passing.Is(e))
                {
                    _missed = true;
                    _health = new PartHealth(false, $"{Passing.Describe(e)}; trying again");
                    await Task.Delay(retry.Next(), stop);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Where it stands is on disk.
        }
    }

    public void Dispose()
    {
        _events.Happened -= OnEvent;
        _events.Gap -= OnGap;
    }

    private void OnEvent(ChainEvent happened)
    {
        // A full queue: the blocks have it.
        if (!_queue.Writer.TryWrite(happened)) _missed = true;
    }

    private void OnGap()
    {
        _missed = true;
        _queue.Writer.TryWrite(null);
    }

    private void Take(ChainEvent happened)
    {
        foreach (Notice notice in EventNotices.Of(happened)) _notifier.Raise(notice);
        // An event of this block may still be on its way, so the block before it is where a restart goes on.
        if (happened.Height > 1) Stand(happened.Height - 1);
    }

    private async Task CatchUpAsync(CancellationToken stop)
    {
        _missed = false;
        ulong newest = (await _node.Rpc.CallAsync<ChainInfoResult>("chain_info", new NoParams(), null, stop)).Height;
        ulong from = _place.Get(PlaceKey) is { } row ? BitConverter.ToUInt64(row) + 1 : newest + 1;
        if (newest > MaxBehind && from < newest - MaxBehind)
        {
            _log.LogWarning("{Blocks} blocks are too many to read again: notices of the oldest are left out", newest - from);
            from = newest - MaxBehind;
        }
        for (ulong height = from; height <= newest; height++)
        {
            var block = await _node.Rpc.CallAsync<BlockAnswer>("chain_block", new { height }, null, stop);
            foreach (string hash in block.Transactions)
            {
                foreach (ChainEvent happened in await EventsAsync(hash, stop)) foreach (Notice notice in EventNotices.Of(happened)) _notifier.Raise(notice);
            }
            Stand(height);
        }
        if (from > newest) Stand(newest);
    }

    private async Task<IReadOnlyList<ChainEvent>> EventsAsync(string hash, CancellationToken stop)
    {
        var answer = await _node.Rpc.CallAsync<TxWaitResult>("chain_receipt", new { hash }, null, stop);
        if (!answer.Found) return [];
        Receipt receipt = await _node.ReceiptAsync(Hash.Parse(hash), answer, stop);
        var events = new List<ChainEvent>();
        foreach (ContractEvent raised in receipt.Events)
        {
            using JsonDocument data = JsonDocument.Parse(raised.Data);
            events.Add(new ChainEvent(receipt.Height, hash, raised.Contract.ToString(), raised.Name, data.RootElement.Clone()));
        }
        return events;
    }

    private void Stand(ulong height)
    {
        if (_place.Get(PlaceKey) is { } row && BitConverter.ToUInt64(row) >= height) return;
        _place.Put(PlaceKey, BitConverter.GetBytes(height));
    }
}
