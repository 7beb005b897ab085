using Ptoy.Node.Execution;
using Ptoy.Node.Membership;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Ledger;

namespace Ptoy.Node.Consensus;

/// <summary>
/// Fetches execution certificates of heights that were certified while this node was away: votes on them are no longer sent, and
/// without the certificate this node could not prove a receipt of such a height.
/// </summary>
public sealed class CertificateRepair(
    ITransport transport, EpochBook epochs, LedgerStore ledger, CertifiedBlocks certified, ILogger<CertificateRepair> log)
{
    /// <summary>Heights this close to the newest certificate may still be certified by votes under way.</summary>
    private const ulong UnderWay = 8;

    /// <summary>Heights looked at in one round.</summary>
    private const ulong MostLooked = 4_096;

    /// <summary>All heights below have certificates.</summary>
    private ulong _from = 1;

    /// <summary>One round: looks for missing certificates and asks the members for them.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        _from = Math.Max(_from, ledger.First);
        ulong newest = Math.Min(ledger.LatestExecutionCertificate()?.Statement.Height ?? 0, ledger.Last?.Height ?? 0);
        ulong last = Math.Min(newest > UnderWay ? newest - UnderWay : 0, _from + MostLooked);
        while (_from <= last && ledger.ExecutionCertificate(_from) is not null) _from++;
        if (_from > last) return;
        int repaired = 0;
        for (ulong from = _from; from <= last; from += BlockRangeRequest.MaxCount)
        {
            ushort count = (ushort)Math.Min(last - from + 1, BlockRangeRequest.MaxCount);
            if (Missing(from, count)) repaired += await AskAsync(from, count, cancellation).ConfigureAwait(false);
        }
        if (repaired > 0) log.LogInformation("{Count} execution certificates from height {From} on were fetched", repaired, _from);
    }

    private bool Missing(ulong from, ushort count)
    {
        for (ulong height = from; height < from + count; height++)
        {
            if (ledger.ExecutionCertificate(height) is null) return true;
        }
        return false;
    }

    private async Task<int> AskAsync(ulong from, ushort count, CancellationToken cancellation)
    {
        int repaired = 0;
        foreach (PublicKey peer in epochs.Current.Members.Select(m => m.NodeKey).Where(k => k != transport.Self))
        {
            if (!Missing(from, count)) break;
            try
            {
                byte[] answer = await transport.RequestAsync(
                    peer, (ushort)BulkKind.Certificates, Codec.Encode(new BlockRangeRequest(from, count)), cancellation).ConfigureAwait(false);
                repaired += Codec.Decode<CertificateBatch>(answer, CertificateBatch.MaxBytes).Certificates.Count(c => Take(c, from, count));
            }
            catch (Exception e) when (e is TransportException or RemoteRequestException or WireException)
            {
                log.LogDebug("certificates from {Peer}: {Reason}", peer, e.Message);
            }
        }
        return repaired;
    }

    /// <summary>Takes a certificate that a quorum signed for exactly what was computed here.</summary>
    private bool Take(ExecutionCertificate certificate, ulong from, ushort count)
    {
        ExecutionStatement s = certificate.Statement;
        if (s.Height < from || s.Height >= from + count || ledger.ExecutionCertificate(s.Height) is not null) return false;
        if (ledger.Executed(s.Height) is not { } mine || epochs.Chain.Verify(certificate) is not null) return false;
        if (s.ChainHash != mine.ChainHash || s.StateRoot != mine.StateRoot || s.ReceiptsRoot != mine.ReceiptsRoot)
        {
            log.LogError("a quorum certified another result of height {Height} than was computed here", s.Height);
            return false;
        }
        certified.OnCertified(certificate);
        return true;
    }
}
