using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>Money that a transaction moves.</summary>
internal sealed record Payment(Address From, Address To, ulong Amount);

/// <summary>
/// A transaction whose receipt verified against an execution certificate: when it was first handed in and when its receipt had verified
/// (ticks of the stopwatch), and what it moved when it is a transfer that succeeded.
/// </summary>
internal sealed record AckedTransaction(
    Hash Hash, string Kind, Address Sender, ulong Nonce, ulong Height, uint Index, ReceiptStatus Status, Hash ReceiptHash,
    long Submitted, long Acknowledged, Payment? Payment = null)
{
    /// <summary>Where it stands in the order of the chain.</summary>
    public (ulong, uint) Position => (Height, Index);
}

/// <summary>What a node said that an account holds, asked for a state no older than <c>MinHeight</c>.</summary>
internal sealed record BalanceRead(int Reader, int Node, Address Account, ulong MinHeight, ulong Height, ulong Balance);

/// <summary>A record that a quorum signed for, and that the chain registered.</summary>
internal sealed record AckedRecord(int Patient, Hash RecordId, Hash Content);

/// <summary>A manifest that a quorum signed for.</summary>
internal sealed record AckedManifest(Hash Root, int Records);

/// <summary>A read that was answered or denied.</summary>
internal sealed record AckedRead(int Node, Address Owner, PublicKey Requester, string Method, long ExpiryMs, bool Permit);

/// <summary>
/// Everything that the network acknowledged, kept by a client that shares nothing with the nodes: in memory, and in a file as it happens.
/// </summary>
internal sealed class AckLog : IDisposable
{
    private readonly StreamWriter _file;
    private readonly Lock _gate = new();
    private readonly List<long> _certifiedAt = [];
    private readonly Dictionary<int, List<AckedRecord>> _recordsOf = [];

    public AckLog(string path) => _file = new StreamWriter(path) { AutoFlush = true };

    public ConcurrentQueue<AckedTransaction> Transactions { get; } = new();

    public ConcurrentQueue<AckedManifest> Manifests { get; } = new();

    public ConcurrentQueue<AckedRecord> Records { get; } = new();

    public ConcurrentQueue<AckedRead> Reads { get; } = new();

    public ConcurrentQueue<BalanceRead> Balances { get; } = new();

    /// <summary>Milliseconds on the client's own clock.</summary>
    public static long Now => (long)Stopwatch.GetElapsedTime(0).TotalMilliseconds;

    public int CertifiedCount
    {
        get { lock (_gate) return _certifiedAt.Count; }
    }

    public void Add(AckedTransaction transaction)
    {
        Transactions.Enqueue(transaction);
        lock (_gate) _certifiedAt.Add(Now);
        Write($"tx {transaction.Hash} {transaction.Kind} {transaction.Height}/{transaction.Index} {transaction.Status}");
    }

    public void Add(AckedManifest manifest)
    {
        Manifests.Enqueue(manifest);
        Write($"stored {manifest.Root} {manifest.Records}");
    }

    public void Add(AckedRecord record)
    {
        Records.Enqueue(record);
        lock (_gate) RecordsOf(record.Patient).Add(record);
        Write($"record {record.RecordId} {record.Content}");
    }

    public void Add(BalanceRead read)
    {
        Balances.Enqueue(read);
        Write($"balance node{read.Node + 1} {read.Account} {read.Height} {read.Balance}");
    }

    /// <summary>The newest records of a patient, at most so many.</summary>
    public AckedRecord[] NewestOf(int patient, int most)
    {
        lock (_gate) return [.. RecordsOf(patient).TakeLast(most)];
    }

    private List<AckedRecord> RecordsOf(int patient)
    {
        if (!_recordsOf.TryGetValue(patient, out List<AckedRecord>? list)) _recordsOf[patient] = list = [];
        return list;
    }

    public void Add(AckedRead read)
    {
        Reads.Enqueue(read);
        Write($"{(read.Permit ? "read" : "denied")} node{read.Node + 1} {read.Owner} {read.Method} {read.ExpiryMs}");
    }

    /// <summary>Certified writes acknowledged in a span of time.</summary>
    public int CertifiedBetween(long from, long to)
    {
        lock (_gate) return _certifiedAt.Count(t => t >= from && t < to);
    }

    /// <summary>The longest time between two certified writes that touches the span, in milliseconds.</summary>
    public long LongestGap(long from, long to)
    {
        lock (_gate)
        {
            long last = from, longest = 0;
            foreach (long at in _certifiedAt)
            {
                if (at < from) continue;
                if (at > to) break;
                longest = Math.Max(longest, at - last);
                last = at;
            }
            return Math.Max(longest, to - last);
        }
    }

    private void Write(FormattableString line)
    {
        lock (_gate) _file.WriteLine(line.ToString(CultureInfo.InvariantCulture));
    }

    public void Dispose() => _file.Dispose();
}
