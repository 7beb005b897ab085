using System.Runtime.CompilerServices;
using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Client.Sealing;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Workflows;

/// <summary>An opened record.</summary>
/// <param name="Info">What the node listed.</param>
/// <param name="Content">The exact bytes that were sealed.</param>
public sealed record OpenedRecord(RecordInfo Info, byte[] Content);

/// <summary>
/// Lists, fetches and opens an owner's records from one node. Roots are proven from genesis, bytes are checked against them, keys never
/// leave this side.
/// </summary>
public sealed class RecordReader(NodeConnection node, Address owner, string purpose, KeyRing keys, Address? onBehalfOf = null)
{
    private const int PageSize = 1000;
    private const int FetchBatch = 200;
    private readonly RecordOpener _opener = new(keys);
    private readonly HashSet<Hash> _proven = [];

    /// <summary>Everything that the requester may read, or of these tags. Throws <see cref="RpcException"/> when denied.</summary>
    public async Task<IReadOnlyList<RecordInfo>> ListAsync(IReadOnlyList<Hash>? tags = null, ulong? afterHeight = null, CancellationToken cancellation = default)
    {
        var all = new List<RecordInfo>();
        string? cursor = null;
        do
        {
            var parameters = new RecordListParams(owner.ToString(), purpose, tags?.Select(t => t.ToString()).ToArray(), afterHeight, cursor, PageSize);
            var page = await node.CallAsync<RecordListResult>("record_list", parameters, onBehalfOf, cancellation);
            all.AddRange(page.Records);
            cursor = page.Next;
        }
        while (cursor is not null);
        return all;
    }

    /// <summary>
    /// Fetches and opens records, in order. Throws <see cref="RpcException"/> when one is denied, <see cref="SealException"/> when one was
    /// changed or no key at hand opens it.
    /// </summary>
    public async IAsyncEnumerable<OpenedRecord> OpenAsync(
        IReadOnlyList<RecordInfo> records, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        foreach (RecordInfo[] batch in records.Chunk(FetchBatch))
        {
            int done = 0;
            while (done < batch.Length)
            {
                string[] ids = [.. batch.Skip(done).Select(r => r.RecordId)];
                var answer = await node.CallAsync<RecordGetResult>("record_get", new RecordGetParams(owner.ToString(), ids, purpose), onBehalfOf, cancellation);
                if (answer.Denied.Length > 0) throw new RpcException(RpcErrors.Denied, answer.Denied[0].Reason);
                if (answer.Records.Length == 0) throw new UntrustedAnswerException("record_get: nothing was given");
                foreach (RecordBytesDto record in answer.Records)
                {
                    if (done == batch.Length || record.RecordId != batch[done].RecordId) throw new UntrustedAnswerException("record_get: another record was given");
                    yield return new OpenedRecord(batch[done], await OpenAsync(record, cancellation));
                    done++;
                }
            }
        }
    }

    /// <summary>Fetches and opens one record.</summary>
    public async Task<byte[]> OpenAsync(RecordInfo record, CancellationToken cancellation = default)
    {
        await foreach (OpenedRecord opened in OpenAsync([record], cancellation)) return opened.Content;
        throw new InvalidOperationException("one record gives one answer");
    }

    private async Task<byte[]> OpenAsync(RecordBytesDto record, CancellationToken cancellation)
    {
        Hash root = Hash.Parse(record.Manifest);
        await ProveAsync(root, cancellation);
        var entry = Codec.Decode<ManifestEntry>(record.Entry, 1024);
        if (entry.RecordId.ToString() != record.RecordId) throw new UntrustedAnswerException("record_get: another record's entry was given");
        var proof = Codec.Decode<MerkleProof>(record.Proof, 2048);
        RecordWrap[] wraps = [.. record.Wraps.Select(w => Codec.Decode<RecordWrap>(w, RecordWrap.MaxBytes))];
        return _opener.Open(root, owner, entry, proof, wraps, record.Sealed);
    }

    private async Task ProveAsync(Hash root, CancellationToken cancellation)
    {
        if (_proven.Contains(root)) return;
        string? value = await node.ProvenAsync(ContractId.Single("Records"), $"manifest/{root}", cancellation);
        if (value is null) throw new UntrustedAnswerException("the record's manifest is not registered");
        using JsonDocument manifest = JsonDocument.Parse(value);
        if (manifest.RootElement.GetProperty("owner").GetString() != owner.ToString())
            throw new UntrustedAnswerException("the record's manifest is registered for another owner");
        _proven.Add(root);
    }
}
