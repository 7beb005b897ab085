using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;

namespace Ptoy.Node.Sync;

/// <summary>Asks a peer how the epochs began that are not known here; each proves itself by the one before.</summary>
internal static class EpochFetch
{
    /// <summary>
    /// Hands what the peer has beyond <paramref name="epochs"/> to <paramref name="add"/>, which says what is wrong with it, or null. Throws as <see cref="ITransport.RequestAsync"/> does, and
    /// <see cref="WireException"/> when the peer's answer does not hold.
    /// </summary>
    public static async Task RunAsync(ITransport transport, PublicKey peer, EpochChain epochs, Func<EpochStart, string?> add, CancellationToken cancellation)
    {
        while (true)
        {
            var request = new EpochsRequest(epochs.Newest.Epoch + 1);
            byte[] answer = await transport.RequestAsync(peer, (ushort)BulkKind.Epochs, Codec.Encode(request), cancellation).ConfigureAwait(false);
            EpochBatch batch = Codec.Decode<EpochBatch>(answer, EpochBatch.MaxBytes);
            ulong before = epochs.Newest.Epoch;
            foreach (EpochStart start in batch.Epochs)
            {
                if (add(start) is { } problem) throw new WireException($"epoch {start.Validators.Epoch}: {problem}");
            }
            // One that repeats what is known would be asked for ever.
            if (batch.Epochs.Length < EpochBatch.MaxCount || epochs.Newest.Epoch == before) return;
        }
    }
}
