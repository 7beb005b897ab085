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
    private const int MaxNamed = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public async Task RunAsync(CancellationToken cancellation)
    {
        ulong top = await SettleAsync(cancellation).ConfigureAwait(false);
        var walk = new ChainWalk(members);
        Console.WriteLine($"checking: {top} blocks, {acks.Transactions.Count} transactions, {acks.Records.Count} records, {acks.Reads.Count} reads on each node");
        WalkedBlock[][] chains = await Task.WhenAll(members.All.Select(m => Task.Run(() => walk.BlocksAsync(m, top)))).ConfigureAwait(false);
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
        verdict.Add("every node signs", string.Join(" ", all.Select((h, i) => $"node{i + 1}:{(h?.Signs == true ? "yes" : "NO")}")), all.All(h => h is { Signs: true }));
        return all.Min(h => h!.Value.Certified);
    }

    private void CheckChains(WalkedBlock[][] chains, ulong top)
    {
        int different = 0, uncertified = 0;
        for (int i = 0; i < (int)top; i++)
        {
            if (chains.Any(c => c[i].Hash != chains[0][i].Hash || !c[i].Transactions.AsSpan().SequenceEqual(chains[0][i].Transactions))) different++;
            uncertified += chains.Count(c => c[i].Result is null);
            if (chains.Select(c => c[i].Result).Where(r => r is not null).Distinct().Count() > 1) different++;
        }
        verdict.Add("same blocks and results at every height on all nodes", $"{top} heights, {different} differ", different == 0);
        verdict.Add("every height has an execution certificate on every node", $"{uncertified} of {top * (ulong)chains.Length} missing", uncertified == 0);
    }

    private async Task CheckTransactionsAsync(ChainWalk walk, WalkedBlock[] chain)
    {
        AckedTransaction[] acked = [.. acks.Transactions];
        Dictionary<Hash, int> listed = [];
        foreach (Hash transaction in chain.SelectMany(b => b.Transactions)) listed[transaction] = listed.GetValueOrDefault(transaction) + 1;
        int missing = acked.Count(a => !listed.ContainsKey(a.Hash));
        int twice = acked.Count(a => listed.GetValueOrDefault(a.Hash) > 1);
        int acknowledgedTwice = acked.Length - acked.Select(a => a.Hash).Distinct().Count();
        Hash[] hashes = [.. acked.Select(a => a.Hash)];
        Receipt?[][] receipts = await Task.WhenAll(members.All.Select(m => Task.Run(() => walk.ReceiptsAsync(m, hashes)))).ConfigureAwait(false);
        int absent = 0, other = 0;
        for (int i = 0; i < acked.Length; i++)
        {
            absent += receipts.Count(r => r[i] is null);
            other += receipts.Count(r => r[i] is { } receipt && receipt.ComputeHash() != acked[i].ReceiptHash);
        }
        verdict.Add("acknowledged transactions are in the chain", $"{acked.Length} acknowledged, {missing} missing", missing == 0);
        // A second listing takes no effect and has a skip receipt, which no client accepts; still, none is expected.
        verdict.Add("each exactly once", $"{twice} listed twice, {acknowledgedTwice} acknowledged twice", twice == 0 && acknowledgedTwice == 0);
        verdict.Add("each certified receipt equal on all nodes", $"{absent} absent, {other} different", absent == 0 && other == 0);
    }

    private async Task CheckRecordsAsync(CancellationToken cancellation)
    {
        int good = 0, wrong = 0;
        var problems = new List<string>();
        foreach (Patient patient in patients.Writing)
        {
            Dictionary<Hash, Hash> expected = acks.Records.Where(r => r.Patient == patient.Index).ToDictionary(r => r.RecordId, r => r.Content);
            Member member = members.All[(patient.Index + 1) % members.All.Count];
            await using NodeConnection node = await ConnectAsync(member, patient.Keys.Signing, cancellation).ConfigureAwait(false);
            using var ring = new KeyRing(patient.Vault.VaultKeys(0));
            var reader = new RecordReader(node, patient.Keys.Address, "PATRQT", ring);
            IReadOnlyList<Protocol.Rpc.RecordInfo> listed = await reader.ListAsync(cancellation: cancellation).ConfigureAwait(false);
            var found = new HashSet<Hash>();
            await foreach (OpenedRecord record in reader.OpenAsync([.. listed.Where(l => expected.ContainsKey(Hash.Parse(l.RecordId)))], cancellation).ConfigureAwait(false))
            {
                Hash id = Hash.Parse(record.Info.RecordId);
                if (!found.Add(id)) continue;
                if (RecordLoad.ContentHash(record.Content) == expected[id]) good++;
                else wrong++;
            }
            wrong += expected.Count - found.Count;
            if (found.Count < expected.Count) problems.Add($"node{member.Index + 1} lacks {expected.Count - found.Count}");
        }
        verdict.Add("records opened byte-identical (SHA-256)", $"{good} of {acks.Records.Count}{Named(problems)}", wrong == 0 && good == acks.Records.Count);
    }

    private async Task CheckReadsAsync(CancellationToken cancellation)
    {
        int matched = 0, unproven = 0;
        var problems = new List<string>();
        foreach (Member member in members.All)
        {
            foreach (Patient patient in patients.Writing)
            {
                await using NodeConnection node = await ConnectAsync(member, patient.Keys.Signing, cancellation).ConfigureAwait(false);
                IReadOnlyList<ProvenAccess> entries = await new AuditReader(node, patient.Keys.Address).ListAsync(cancellation).ConfigureAwait(false);
                unproven += entries.Count(e => !e.RequestProven);
                HashSet<(PublicKey, string, string, bool)> logged = [.. entries.Select(Key)];
                foreach (AckedRead read in acks.Reads.Where(r => r.Node == member.Index && r.Owner == patient.Keys.Address))
                {
                    if (logged.Contains((read.Requester, read.Method, read.ExpiryMs.ToString(CultureInfo.InvariantCulture), read.Permit))) matched++;
                    else problems.Add($"node{member.Index + 1} {read.Method} {(read.Permit ? "read" : "denial")}");
                }
            }
        }
        int permitted = acks.Reads.Count(r => r.Permit);
        verdict.Add("answered reads and denials in the access log of the node that answered",
            $"{matched} of {acks.Reads.Count} ({permitted} reads, {acks.Reads.Count - permitted} denials){Named(problems)}", problems.Count == 0);
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
        ulong sum = 0;
        foreach (Member member in members.All)
        {
            await using NodeConnection node = await ConnectAsync(member, patients.Hospital.Signing, default).ConfigureAwait(false);
            sum = ulong.Parse((await node.ViewAsync("Token", "escrowed").ConfigureAwait(false)).GetString()!, CultureInfo.InvariantCulture);
            foreach (Address account in members.All.Select(m => m.Node.Organisation)) sum += await ProvenBalanceAsync(node, token, account).ConfigureAwait(false);
            foreach ((Address account, long expected) in transfers.Book)
            {
                ulong balance = await ProvenBalanceAsync(node, token, account).ConfigureAwait(false);
                sum += balance;
                if (balance != (ulong)expected) differ++;
            }
            if (sum != DevnetBuilder.Supply) break;
        }
        verdict.Add("PTOY conserved: proven balances and escrow make the supply", $"{sum} of {DevnetBuilder.Supply} micro-PTOY", sum == DevnetBuilder.Supply);
        bool exact = transfers.Writers.All(w => w.Expired == 0);
        verdict.Add("proven balances are what the acknowledged transfers make",
            exact ? $"{differ} differ" : $"{differ} differ; {transfers.Writers.Sum(w => w.Expired)} expired unanswered", differ == 0 || !exact);
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
        while (complete < MaxNamed && AckLog.Now < deadline)
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
        verdict.Add("equal state roots at equal heights", $"{complete} heights seen on all nodes, {different} differ", complete > 0 && different == 0);
    }

    private Task<NodeConnection> ConnectAsync(Member member, SigningKey key, CancellationToken cancellation) =>
        NodeConnection.ConnectAsync(member.Node.Rpc, members.Chain, key, new RpcClientOptions { CallTimeout = Patience }, cancellation);

    private static string Named(List<string> problems) => problems.Count == 0 ? "" : $": {string.Join("; ", problems.Take(MaxNamed))}";
}
