using System.Threading.Channels;
using Ptoy.Node.Mempool;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;

namespace Ptoy.Node.Consensus;

/// <summary>
/// Spreads newly admitted transactions to all validators over the bulk carrier, as many in one message as are waiting. When the queue
/// is full a transaction is not spread: the primary fetches its body when it is asked to, and the client may submit it elsewhere.
/// </summary>
public sealed class Gossip : IAsyncDisposable
{
    private const int QueueLength = 4_096;
    private const int MaxTogether = 256;
    private const int MaxBatchBytes = 1024 * 1024;

    private readonly Channel<IReadOnlyList<Transaction>> _queue = Channel.CreateBounded<IReadOnlyList<Transaction>>(
        new BoundedChannelOptions(QueueLength) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ITransport _transport;
    private readonly Func<ValidatorSet> _validators;
    private readonly Task _loop;

    /// <summary>Starts spreading what <paramref name="admission"/> admits.</summary>
    public Gossip(ITransport transport, Func<ValidatorSet> validators, Admission admission)
    {
        _transport = transport;
        _validators = validators;
        admission.Admitted += all =>
        {
            foreach (Transaction[] some in all.Chunk(MaxTogether)) _queue.Writer.TryWrite(some);
        };
        _loop = Task.Run(RunAsync);
    }

    private async Task RunAsync()
    {
        while (await _queue.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            var batch = new List<byte[]>();
            int bytes = 0;
            while (bytes < MaxBatchBytes && batch.Count + MaxTogether <= TransactionBatch.MaxCount && _queue.Reader.TryRead(out IReadOnlyList<Transaction>? together))
            {
                batch.AddRange(together.Select(t => t.Bytes));
                bytes += together.Sum(t => t.Bytes.Length);
            }
            byte[] message = Codec.Encode(new TransactionBatch([.. batch]));
            foreach (Validator member in _validators().Members)
            {
                if (member.NodeKey != _transport.Self) _transport.SendBulk(member.NodeKey, (ushort)BulkKind.Transactions, message);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _loop.ConfigureAwait(false);
    }
}
