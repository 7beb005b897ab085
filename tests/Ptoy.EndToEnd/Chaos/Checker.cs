using System.Globalization;
using System.Text.Json;
using Ptoy.Client.Keys;
using Ptoy.Client.Rpc;
using Ptoy.Client.Sealing;
using Ptoy.Client.Workflows;
using Ptoy.Node.Devnet;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>After the storm: holds what was acknowledged against what every node has.</summary>
internal sealed class Checker(Members members, AckLog acks, Patients patients, TransferLoad transfers, Verdict verdict)
{
    private const int HeightsToCompare = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public async Task RunAsync(CancellationToken cancellation)
    {
        ulong top = await SettleAsync(cancellation).ConfigureAwait(false);
        var walk = new ChainWalk(members);
        Console.WriteLine($"checking: {top} blocks, {acks.Transactions.Count} transactions, {acks.Records.Count} records, "
            + $"{acks.Reads.Count} reads on each node");
        WalkedBlock[][] chains = await Task.WhenAll(members.All.Select(m =>
            Task.Run(() => walk.BlocksAsync(m, top)))).ConfigureAwait(false);
        CheckChains(chains, top);
        await CheckTransactionsAsync(walk, chains[0]).ConfigureAwait(false);
        await CheckRecordsAsync(cancellation).ConfigureAwait(false);
        await CheckReadsAsync(cancellation).ConfigureAwait(false);
        await CheckTokensAsync().ConfigureAwait(false);
        await CheckRootsAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>Waits until every node has certified what was acknowledged; the height that all have.</summary>
    private async Task<ulong> SettleAsync(CancellationToken cancellation)
    {
        foreach (Member member in members.All) await members.CaughtUpAsync(member.Index, Patience).ConfigureAwait(false);
        Health?[] all = await Task.WhenAll(members.All.Select(m => members.HealthAsync(m.Index))).ConfigureAwait(false);
        cancellation.ThrowIfCancellationRequested();
        verdict.Add("every node signs", string.Join(" ", all.Select((h, i) => $"node{i + 1}:{(h?.Signs == true ? "yes" : "NO")}")),
            all.All(h => h is { Signs: true }));
        return all.Min(h => h!.Value.Certified);
    }

    private void Add(string check, Finding finding) => verdict.Add(check, finding.Found, finding.Holds);

    private void CheckChains(WalkedBlock[][] chains, ulong top)
    {
        (Finding same, Finding certified) = Judge.Chains(chains, (int)top);
        Add("same blocks and results at every height on all nodes", same);
        Add("every height has an execution certificate on every node", certified);
    }

    private async Task CheckTransactionsAsync(ChainWalk walk, WalkedBlock[] chain)
    {
        AckedTransaction[] acked = [.. acks.Transactions];
        (Finding present, Finding once) = Judge.Listing(acked, chain);
        Add("acknowledged transactions are in the chain", present);
        Add("each exactly once", once);
        Hash[] hashes = [.. acked.Select(a => a.Hash)];
        Hash?[][] receipts = await Task.WhenAll(members.All.Select(m => Task.Run(async () =>
            (await walk.ReceiptsAsync(m, hashes).ConfigureAwait(false)).Select(r => r?.ComputeHash()).ToArray()))).ConfigureAwait(false);
        Add("each certified receipt equal on all nodes", Judge.Receipts(acked, receipts));
        Add("linearizable: the chain's order agrees with real time", Judge.RealTime(acked));
        Add("each account's transactions in the order of its nonces", Judge.Nonces(acked, IsComplete));
        (Finding monotone, Finding exact) = Judge.Balances([.. acks.Balances], acked, transfers.Allotments);
        Add("reads with minHeight never show an older state", monotone);
        if (IsComplete) Add("each balance read is what the transfers up to its height make", exact);
    }

    /// <summary>True when no transfer expired without an answer: then the acknowledged ones are all there were.</summary>
    private bool IsComplete => transfers.Writers.Concat(patients.All.Select(p => p.Writer)).All(w => w.Expired == 0);

    /// <summary>Each node is asked for its share of every patient's records, wherever they were uploaded.</summary>
    private async Task CheckRecordsAsync(CancellationToken cancellation)
    {
        var found = new Dictionary<Hash, Hash>();
        foreach (Patient patient in patients.Writing)
        {
            Hash[] ids = [.. acks.Records.Where(r => r.Patient == patient.Index).Select(r => r.RecordId)];
            foreach (Member member in members.All)
            {
                HashSet<Hash> share = [.. ids.Where((_, i) => i % members.All.Count == member.Index)];
                await using NodeConnection node = await ConnectAsync(member, patient.Keys.Signing, cancellation).ConfigureAwait(false);
                using var ring = new KeyRing(patient.Vault.VaultKeys(0));
                var reader = new RecordReader(node, patient.Keys.Address, "PATRQT", ring);
                IReadOnlyList<Protocol.Rpc.RecordInfo> listed = await reader.ListAsync(cancellation: cancellation).ConfigureAwait(false);
                Protocol.Rpc.RecordInfo[] wanted = [.. listed.DistinctBy(l => l.RecordId)
                    .Where(l => share.Contains(Hash.Parse(l.RecordId)))];
                await foreach (OpenedRecord record in reader.OpenAsync(wanted, cancellation).ConfigureAwait(false))
                    found[Hash.Parse(record.Info.RecordId)] = RecordLoad.ContentHash(record.Content);
            }
        }
        Add("every record opened byte-identical (SHA-256), from all nodes in turn", Judge.Records([.. acks.Records], found));
    }

    private async Task CheckReadsAsync(CancellationToken cancellation)
    {
        int unproven = 0;
        var logged = new HashSet<(int, Address, PublicKey, string, string, bool)>();
        foreach (Member member in members.All)
        {
            foreach (Patient patient in patients.Writing)
            {
                await using NodeConnection node = await ConnectAsync(member, patient.Keys.Signing, cancellation).ConfigureAwait(false);
                IReadOnlyList<ProvenAccess> entries = await new AuditReader(node, patient.Keys.Address)
                    .ListAsync(cancellation).ConfigureAwait(false);
                unproven += entries.Count(e => !e.RequestProven);
                foreach (ProvenAccess entry in entries)
                {
                    (PublicKey who, string method, string expiry, bool permit) = Key(entry);
                    logged.Add((member.Index, patient.Keys.Address, who, method, expiry, permit));
                }
            }
        }
        Add("answered reads and denials in the access log of the node that answered", Judge.AccessLog([.. acks.Reads],
            r => logged.Contains((r.Node, r.Owner, r.Requester, r.Method, r.ExpiryMs.ToString(CultureInfo.InvariantCulture), r.Permit))));
        verdict.Add("every entry carries the requester's signature", $"{unproven} without", unproven == 0);
    }

    /// <summary>The signed text names chain, node, method, hash of the params, nonce, expiry and organisation.</summary>
    private static (PublicKey, string, string, bool) Key(ProvenAccess access)
    {
        const int Method = 2, Expiry = 5;
        string[] parts = access.Entry.Request.Split('|');
        return (access.Entry.Requester, parts[Method], parts[Expiry], access.Entry.Outcome == Protocol.Audit.AccessOutcome.Permit);
    }

    private async Task CheckTokensAsync()
    {
        var token = ContractId.Single("Token");
        int differ = 0;
        Finding conserved = default;
        foreach (Member member in members.All)
        {
            await using NodeConnection node = await ConnectAsync(member, patients.Hospital.Signing, default).ConfigureAwait(false);
            List<ulong> balances = [ulong.Parse((await node.ViewAsync("Token", "escrowed").ConfigureAwait(false)).GetString()!,
                CultureInfo.InvariantCulture)];
            foreach (Address account in members.All.Select(m => m.Node.Organisation))
                balances.Add(await ProvenBalanceAsync(node, token, account).ConfigureAwait(false));
            foreach ((Address account, long expected) in transfers.Book)
            {
                ulong balance = await ProvenBalanceAsync(node, token, account).ConfigureAwait(false);
                balances.Add(balance);
                if (balance != (ulong)expected) differ++;
            }
            conserved = Judge.Conserved(balances, DevnetBuilder.Supply);
            if (!conserved.Holds) break;
        }
        Add("PTOY conserved: proven balances and escrow make the supply", conserved);
        verdict.Add("proven balances are what the acknowledged transfers make",
            IsComplete ? $"{differ} differ" : $"{differ} differ; {transfers.Writers.Sum(w => w.Expired)} expired unanswered",
            differ == 0 || !IsComplete);
    }

    private static async Task<ulong> ProvenBalanceAsync(NodeConnection node, ContractId token, Address account)
    {
        string? value = await node.ProvenAsync(token, $"b/{account}").ConfigureAwait(false);
        return value is null ? 0 : JsonSerializer.Deserialize<ulong>(value);
    }

    /// <summary>State roots that nodes compute themselves, compared wherever two were seen at the same height.</summary>
    private async Task CheckRootsAsync(CancellationToken cancellation)
    {
        var seen = new Dictionary<ulong, Dictionary<int, string>>();
        int complete = 0, different = 0;
        long deadline = AckLog.Now + (long)Patience.TotalMilliseconds;
        while (complete < HeightsToCompare && AckLog.Now < deadline)
        {
            Health?[] all = await Task.WhenAll(members.All.Select(m => members.HealthAsync(m.Index))).ConfigureAwait(false);
            for (int i = 0; i < all.Length; i++)
            {
                if (all[i] is not { } health) continue;
                if (!seen.TryGetValue(health.Height, out Dictionary<int, string>? roots)) seen[health.Height] = roots = [];
                roots[i] = health.StateRoot;
            }
            complete = seen.Values.Count(r => r.Count == all.Length);
            different = seen.Values.Count(r => r.Values.Distinct().Count() > 1);
            await Pace.PauseAsync(TimeSpan.FromMilliseconds(100), cancellation).ConfigureAwait(false);
        }
        verdict.Add("equal state roots at equal heights", $"{complete} heights seen on all nodes, {different} differ",
            complete > 0 && different == 0);
    }

    private Task<NodeConnection> ConnectAsync(Member member, SigningKey key, CancellationToken cancellation) =>
        NodeConnection.ConnectAsync(member.Node.Rpc, members.Chain, key, new RpcClientOptions { CallTimeout = Patience }, cancellation);
}
