using System.Threading.Channels;
using Ptoy.Consensus;
using Ptoy.Node.Diagnostics;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Node.Consensus;

/// <summary>
/// Between the network and the driver: decodes envelopes, checks that they come from whom they name, verifies their signatures off
/// the driver's thread, in the order of arrival. When a peer's share of the queue is full its newest message is dropped; replicas repeat what matters.
/// </summary>
public sealed class ConsensusInbox : IAsyncDisposable
{
    private const int QueueLength = 16_384;

    private readonly Channel<(PublicKey Peer, ReadOnlyMemory<byte> Bytes)> _queue = Channel.CreateBounded<(PublicKey, ReadOnlyMemory<byte>)>(
        new BoundedChannelOptions(QueueLength) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ValidatorSet _validators;
    private readonly MessageVerifier _verifier;
    private readonly Action<VerifiedEnvelope> _deliver;
    private readonly ILogger<ConsensusInbox> _logger;
    private readonly Task _loop;
    private readonly int[] _held;
    private readonly int _share;
    private long _refused;

    /// <summary>Starts verifying; what passes goes to <paramref name="deliver"/>.</summary>
    public ConsensusInbox(ValidatorSet validators, MessageVerifier verifier, Action<VerifiedEnvelope> deliver, ILogger<ConsensusInbox> logger)
    {
        (_validators, _verifier, _deliver, _logger) = (validators, verifier, deliver, logger);
        _held = new int[validators.Count];
        _share = QueueLength / validators.Count;
        _loop = Task.Run(RunAsync);
    }

    /// <summary>Messages that did not decode or verify.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Takes what a peer sent. Returns at once. Each peer has an equal share of the queue, so none can take another's place.</summary>
    public void Receive(PublicKey peer, ReadOnlyMemory<byte> bytes)
    {
        int replica = _validators.IndexOf(peer);
        if (replica < 0) return;
        if (Interlocked.Increment(ref _held[replica]) > _share || !_queue.Writer.TryWrite((peer, bytes))) Interlocked.Decrement(ref _held[replica]);
    }

    private async Task RunAsync()
    {
        await foreach ((PublicKey peer, ReadOnlyMemory<byte> bytes) in _queue.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            using CpuParts.Section section = CpuParts.Measure(CpuPart.Consensus);
            Interlocked.Decrement(ref _held[_validators.IndexOf(peer)]);
            if (!Codec.TryDecode(bytes, ConsensusEnvelope.MaxBytes, out ConsensusEnvelope? envelope, out string error))
            {
                Refuse(peer, error);
                continue;
            }
            if (envelope!.Sender >= _validators.Count || _validators.Members[envelope.Sender].NodeKey != peer)
                Refuse(peer, "it names another sender");
            else if (_verifier.Verify(envelope, out error) is { } verified)
                _deliver(verified);
            else
                Refuse(peer, error);
        }
    }

    private void Refuse(PublicKey peer, string reason)
    {
        if (Interlocked.Increment(ref _refused) % 1000 == 1)
            _logger.LogWarning("a consensus message from replica {Replica} was refused: {Reason}", _validators.IndexOf(peer), reason);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _loop.ConfigureAwait(false);
    }
}
