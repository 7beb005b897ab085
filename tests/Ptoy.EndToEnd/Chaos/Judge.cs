using Ptoy.Protocol;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>What a check found, in words, and whether it held.</summary>
internal readonly record struct Finding(string Found, bool Holds);

/// <summary>
/// Judges a history that is complete: what clients were told, against what the nodes have. Nothing here asks anybody anything, so that a
/// forged history can show that each check would find what it is for.
/// </summary>
internal static class Judge
{
    private const int MaxNamed = 3;

    /// <summary>Everybody has the same blocks and the same results.</summary>
    public static (Finding Same, Finding Certified) Chains(WalkedBlock[][] chains, int top)
    {
        int different = 0, uncertified = 0;
        for (int i = 0; i < top; i++)
        {
            bool same = chains.All(c => c[i].Hash == chains[0][i].Hash
                && c[i].Transactions.AsSpan().SequenceEqual(chains[0][i].Transactions))
                && chains.Select(c => c[i].Result).Where(r => r is not null).Distinct().Count() <= 1;
            if (!same) different++;
            uncertified += chains.Count(c => c[i].Result is null);
        }
        return (new($"{top} heights, {different} differ", different == 0),
            new($"{uncertified} of {(long)top * chains.Length} missing", uncertified == 0));
    }

    /// <summary>
    /// Each acknowledged transaction is in the chain, where its receipt says, and there once. A second listing takes no effect and
    /// has a skip receipt, which no client accepts; still, none is expected.
    /// </summary>
    public static (Finding Present, Finding Once) Listing(IReadOnlyList<AckedTransaction> acked, WalkedBlock[] chain)
    {
        Dictionary<Hash, int> listed = [];
        foreach (Hash transaction in chain.SelectMany(b => b.Transactions)) listed[transaction] = listed.GetValueOrDefault(transaction) + 1;
        int missing = acked.Count(a => !listed.ContainsKey(a.Hash));
        int elsewhere = acked.Count(a => listed.ContainsKey(a.Hash) && !IsAt(chain, a));
        int twice = acked.Count(a => listed.GetValueOrDefault(a.Hash) > 1);
        int acknowledgedTwice = acked.Count - acked.Select(a => a.Hash).Distinct().Count();
        return (new($"{acked.Count} acknowledged, {missing} missing, {elsewhere} elsewhere", missing == 0 && elsewhere == 0),
            new($"{twice} listed twice, {acknowledgedTwice} acknowledged twice", twice == 0 && acknowledgedTwice == 0));
    }

    private static bool IsAt(WalkedBlock[] chain, AckedTransaction acked) =>
        acked.Height >= 1 && acked.Height <= (ulong)chain.Length && chain[acked.Height - 1].Transactions is var block
        && acked.Index < (uint)block.Length && block[acked.Index] == acked.Hash;

    /// <summary>By node, the hash of each acknowledged transaction's certified receipt, or null: all as the client was shown.</summary>
    public static Finding Receipts(IReadOnlyList<AckedTransaction> acked, Hash?[][] receipts)
    {
        int absent = 0, other = 0;
        for (int i = 0; i < acked.Count; i++)
        {
            absent += receipts.Count(r => r[i] is null);
            other += receipts.Count(r => r[i] is { } hash && hash != acked[i].ReceiptHash);
        }
        return new($"{absent} absent, {other} different", absent == 0 && other == 0);
    }

    /// <summary>
    /// Linearizable: the chain's order is the one order in which all took effect, so it must agree with real time. What was acknowledged
    /// before another was handed in stands before it.
    /// </summary>
    public static Finding RealTime(IReadOnlyList<AckedTransaction> acked)
    {
        AckedTransaction[] byEnd = [.. acked.OrderBy(a => a.Acknowledged)];
        AckedTransaction? last = null;
        var wrong = new List<string>();
        int ended = 0;
        foreach (AckedTransaction next in acked.OrderBy(a => a.Submitted))
        {
            for (; ended < byEnd.Length && byEnd[ended].Acknowledged < next.Submitted; ended++)
            {
                if (last is null || byEnd[ended].Position.CompareTo(last.Position) > 0) last = byEnd[ended];
            }
            if (last is not null && last.Position.CompareTo(next.Position) >= 0)
                wrong.Add($"{next.Hash.Short} at {next.Height}/{next.Index} began after {last.Hash.Short} at "
                    + $"{last.Height}/{last.Index} had ended");
        }
        return new($"{acked.Count} operations, {wrong.Count} out of order{Named(wrong)}", wrong.Count == 0);
    }

    /// <summary>
    /// One account's transactions took effect in the order of its nonces, none twice, and, when every write was resolved
    /// (<paramref name="complete"/>), none left out.
    /// </summary>
    public static Finding Nonces(IReadOnlyList<AckedTransaction> acked, bool complete)
    {
        var wrong = new List<string>();
        foreach (IGrouping<Address, AckedTransaction> account in acked.GroupBy(a => a.Sender))
        {
            ulong? before = null;
            foreach (AckedTransaction next in account.OrderBy(a => a.Position))
            {
                if (before is { } known && (complete ? next.Nonce != known + 1 : next.Nonce <= known))
                    wrong.Add($"{next.Hash.Short} has nonce {next.Nonce} after {known}");
                before = next.Nonce;
            }
        }
        return new($"{acked.Select(a => a.Sender).Distinct().Count()} accounts, {wrong.Count} out of order{Named(wrong)}",
            wrong.Count == 0);
    }

    /// <summary>
    /// Reads with <c>minHeight</c> never go back, and each shows the balance that the acknowledged transfers up to its height make. Every
    /// transfer must be known: <paramref name="acked"/> is complete.
    /// </summary>
    public static (Finding Monotone, Finding Exact) Balances(
        IReadOnlyList<BalanceRead> reads, IReadOnlyList<AckedTransaction> acked, IReadOnlyDictionary<Address, ulong> opening)
    {
        int older = reads.Count(r => r.Height < r.MinHeight);
        // A reader asks one question after another, in the order of this list.
        int back = reads.GroupBy(r => r.Reader).Sum(own => own.Zip(own.Skip(1)).Count(p => p.Second.Height < p.First.Height));
        ILookup<Address, (ulong Height, long Moved)> moves = acked.Where(a => a.Payment is not null)
            .SelectMany(a => new[] { (a.Payment!.From, (a.Height, -(long)a.Payment.Amount)),
                (a.Payment.To, (a.Height, (long)a.Payment.Amount)) })
            .ToLookup(m => m.Item1, m => m.Item2);
        int wrong = 0;
        foreach (IGrouping<Address, BalanceRead> account in reads.GroupBy(r => r.Account))
        {
            (ulong Height, long Moved)[] history = [.. moves[account.Key].OrderBy(m => m.Height)];
            long balance = (long)opening[account.Key];
            int at = 0;
            foreach (BalanceRead read in account.OrderBy(r => r.Height))
            {
                for (; at < history.Length && history[at].Height <= read.Height; at++) balance += history[at].Moved;
                if ((ulong)balance != read.Balance) wrong++;
            }
        }
        return (new($"{reads.Count} reads, {older} older than asked for, {back} back in time", older == 0 && back == 0),
            new($"{reads.Count} reads, {wrong} with another balance", wrong == 0));
    }

    /// <summary>Every read that was answered or denied is in the log of the node that answered.</summary>
    public static Finding AccessLog(IReadOnlyList<AckedRead> reads, Func<AckedRead, bool> isLogged)
    {
        List<string> problems = [.. reads.Where(r => !isLogged(r))
            .Select(r => $"node{r.Node + 1} {r.Method} {(r.Permit ? "read" : "denial")}")];
        int permitted = reads.Count(r => r.Permit);
        return new($"{reads.Count - problems.Count} of {reads.Count} ({permitted} reads, {reads.Count - permitted} "
            + $"denials){Named(problems)}", problems.Count == 0);
    }

    /// <summary>Every record, byte for byte. <paramref name="found"/> is what was opened: each record's content hash.</summary>
    public static Finding Records(IReadOnlyList<AckedRecord> acked, IReadOnlyDictionary<Hash, Hash> found)
    {
        int good = acked.Count(r => found.TryGetValue(r.RecordId, out Hash content) && content == r.Content);
        int absent = acked.Count(r => !found.ContainsKey(r.RecordId));
        return new($"{good} of {acked.Count}, {absent} absent", good == acked.Count);
    }

    /// <summary>No money came or went.</summary>
    public static Finding Conserved(IEnumerable<ulong> balances, ulong supply)
    {
        ulong sum = balances.Aggregate(0UL, (s, b) => s + b);
        return new($"{sum} of {supply} micro-PTOY", sum == supply);
    }

    public static string Named(IReadOnlyCollection<string> problems) =>
        problems.Count == 0 ? "" : $": {string.Join("; ", problems.Take(MaxNamed))}";
}
