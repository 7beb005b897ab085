using System.Diagnostics;
using System.Text.Json;
using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Chaos;
using Ptoy.EndToEnd.Network;
using Ptoy.Node.Devnet;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.EndToEnd.Membership;

/// <summary>The acts, one after another; each says what it saw.</summary>
internal sealed class Play : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly ContractId Governance = ContractId.Single("Governance");

    private readonly Consortium _consortium;
    private readonly object _endpoint;
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    public Play(DevnetLayout layout, Consortium consortium, Genesis genesis, int joiningPort)
    {
        _consortium = consortium;
        Chain = TrustedChain.From(genesis);
        (Hospital fifth, _endpoint) = Hospital.Make("Hospital E", Consortium.NewKeys(), layout, joiningPort);
        Hospitals = [.. layout.Nodes.Select((n, i) => Hospital.Of(n, consortium.Hospitals[i])), fifth];
        // One archive: the others prune while the play goes on.
        foreach (Hospital hospital in Hospitals) hospital.Keep(archive: hospital == Hospitals[0]);
    }

    /// <summary>A to D, and E, which joins.</summary>
    public IReadOnlyList<Hospital> Hospitals { get; }

    public TrustedChain Chain { get; }

    public Verdict Verdict { get; } = new();

    public async Task StartAsync()
    {
        foreach (Hospital hospital in Hospitals.Take(4)) hospital.Process.Start();
        foreach (Hospital hospital in Hospitals.Take(4)) await hospital.UntilAsync("a first certified block", h => h.GetProperty("certified").GetUInt64() > 0, Patience).ConfigureAwait(false);
        Say("four hospitals are up");
    }

    /// <summary>
    /// The fifth hospital starts from nothing when the members have pruned the first blocks already: the state comes by snapshot, the rest by
    /// blocks, all under load. It is proposed, which lets it in, follows, is seen, and votes.
    /// </summary>
    public async Task FifthJoinsAsync()
    {
        Hospital fifth = Hospitals[4];
        await CertifyAsync(fifth).ConfigureAwait(false);
        JsonElement pruned = await Hospitals[1].UntilAsync("first blocks pruned", h => h.FirstBlock() > 1, Patience).ConfigureAwait(false);
        Say($"{Hospitals[1].Name} keeps blocks {pruned.FirstBlock()} to {pruned.Height()}");
        fifth.Process.Start();
        string outcome = await PassAsync(
            new { add = new { nodeKey = fifth.NodeKey.ToString(), organisation = fifth.Admin.Address.ToString(), name = fifth.Name, endpoint = _endpoint } }, 0, 1, 2).ConfigureAwait(false);
        Verdict.Add("a quorum of four admits a fifth", outcome, outcome == "passed");
        await BySnapshotAsync(fifth, pruned.Height()).ConfigureAwait(false);
        JsonElement health = await fifth.UntilAsync("a validator of epoch 1", h => h.Epoch() >= 1 && h.Signs(), Patience).ConfigureAwait(false);
        Say($"{fifth.Name} votes in epoch {health.Epoch()} at height {health.Height()}");
        await SignsAsync("the fifth's signature is in certificates", fifth, 4).ConfigureAwait(false);
    }

    /// <summary>The state of a height that the network certified is there, blocks above it follow, and nothing is signed.</summary>
    private async Task BySnapshotAsync(Hospital joins, ulong goal)
    {
        JsonElement first = await joins.UntilAsync("a state by snapshot", h => h.FirstBlock() > 1, Patience).ConfigureAwait(false);
        Verdict.Add($"{joins.Name} is a learner first", $"height {first.Height()}, signs: {first.Signs()}", !first.Signs());
        JsonElement health = await joins.UntilAsync("caught up by blocks", h => h.Height() >= goal && h.Height() > first.FirstBlock(), Patience).ConfigureAwait(false);
        ulong snapshot = first.FirstBlock() - 1;
        bool imported = joins.HasLogged("the state of height {Height} is here", $"\"Height\":{snapshot},");
        Verdict.Add($"{joins.Name} has the far past by snapshot, the near past by blocks", $"state of height {snapshot}, then {health.Height() - snapshot} blocks", imported);
        Say($"{joins.Name} took the state of height {snapshot} and has come to height {health.Height()}");
    }

    /// <summary>A node loses its disk: it follows and signs nothing. With a new key, admitted by the others, it votes again.</summary>
    public async Task WipedComesBackAsync()
    {
        Hospital wiped = Hospitals[2];
        ulong height = (await Hospitals[0].UntilAsync("an answer", _ => true, Patience).ConfigureAwait(false)).Height();
        wiped.Wipe();
        wiped.Process.Start();
        await BySnapshotAsync(wiped, height + 1).ConfigureAwait(false);
        PublicKey old = wiped.NodeKey, fresh = await wiped.NewKeyAsync().ConfigureAwait(false);
        string outcome = await PassAsync(new { rotate = new { nodeKey = old.ToString(), newKey = fresh.ToString() } }, 0, 1, 3, 4).ConfigureAwait(false);
        Verdict.Add("a quorum of five gives it a new key", outcome, outcome == "passed");
        wiped.Process.Start();
        JsonElement health = await wiped.UntilAsync("a validator of epoch 2", h => h.Epoch() >= 2 && h.Signs(), Patience).ConfigureAwait(false);
        Say($"{wiped.Name} votes again, in epoch {health.Epoch()} at height {health.Height()}");
        await SignsAsync("its new key's signature is in certificates", wiped, 2).ConfigureAwait(false);
    }

    /// <summary>A removed node is shut out; what it says is refused.</summary>
    public async Task RemovedIsRefusedAsync()
    {
        // Of two nodes the one with the smaller key dials: that one is removed, so that it is the other which has to refuse it.
        bool second = Hospitals[1].NodeKey.Bytes.AsSpan().SequenceCompareTo(Hospitals[2].NodeKey.Bytes) < 0;
        (int leaves, int stays) = second ? (1, 2) : (2, 1);
        Hospital removed = Hospitals[leaves], other = Hospitals[stays];
        string outcome = await PassAsync(new { remove = removed.NodeKey.ToString() }, 0, stays, 3, 4).ConfigureAwait(false);
        Verdict.Add("a quorum of five removes one", outcome, outcome == "passed");
        JsonElement health = await other.UntilAsync("epoch 3", h => h.Epoch() >= 3, Patience).ConfigureAwait(false);
        long refusedBefore = Refused(health);
        ulong height = health.Height();
        health = await other.UntilAsync(
            "further heights, and strangers refused", h => h.Height() > height + 20 && Refused(h) > refusedBefore, Patience).ConfigureAwait(false);
        bool peer = health.GetProperty("transport").GetProperty("peers").EnumerateArray().Any(p => Text(p, "node") == removed.NodeKey.ToString());
        Verdict.Add("the removed node is nobody's peer; its connections are refused", $"{removed.Name} left, {other.Name} refused it {Refused(health) - refusedBefore} times", !peer);
        JsonElement its = await removed.UntilAsync("an answer", _ => true, Patience).ConfigureAwait(false);
        // Shut out at the barrier, it may not have seen that its epoch ended: then it would sign in an epoch that is over, and nobody listens.
        bool harmless = !its.Signs() || its.Epoch() < health.Epoch();
        Verdict.Add("the removed node stands still, and signs at most for an epoch that is over",
            $"height {its.Height()} of {health.Height()}, epoch {its.Epoch()} of {health.Epoch()}, signs: {its.Signs()}", harmless && its.Height() < health.Height());
    }

    public async Task<bool> StopAsync()
    {
        bool[] clean = await Task.WhenAll(Hospitals.Select(h => h.Process.StopAsync(TimeSpan.FromSeconds(30)))).ConfigureAwait(false);
        return clean.All(c => c);
    }

    /// <summary>The members' connection to one another, as counted by a node.</summary>
    private static long Refused(JsonElement health) => health.GetProperty("transport").GetProperty("strangersRefused").GetInt64();

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).ToString();

    private async Task CertifyAsync(Hospital hospital)
    {
        await using NodeConnection node = await Hospitals[0].ConnectAsync(Chain, _consortium.Authority.Signing).ConfigureAwait(false);
        using var sender = new TransactionSender(node);
        var facts = new { sealingKey = hospital.Admin.Sealing.Public.ToString(), signingKey = hospital.Admin.Signing.Public.ToString(), roles = new[] { "organisation" } };
        await sender.SendAsync("Identity", "certify", hospital.Admin.Address.ToString(), facts).ConfigureAwait(false);
    }

    /// <summary>The first proposes, the others vote until it is decided. Each sends through a node that surely is up.</summary>
    private async Task<string> PassAsync(object proposal, params int[] voters)
    {
        string outcome = "open";
        long id = 0;
        foreach (int voter in voters)
        {
            await using NodeConnection node = await Hospitals[0].ConnectAsync(Chain, Hospitals[voter].Admin.Signing).ConfigureAwait(false);
            using var sender = new TransactionSender(node);
            if (voter == voters[0]) id = long.Parse((await sender.SendAsync(Governance, "propose", [proposal]).ConfigureAwait(false)).Result);
            else if (outcome == "open") outcome = JsonSerializer.Deserialize<string>((await sender.SendAsync(Governance, "vote", [id, true]).ConfigureAwait(false)).Result)!;
        }
        Say($"proposal {id}: {outcome}");
        return outcome;
    }

    /// <summary>Looks into the certificates of new heights for the signature of a replica.</summary>
    private async Task SignsAsync(string what, Hospital hospital, int replica)
    {
        await using NodeConnection node = await Hospitals[0].ConnectAsync(Chain).ConfigureAwait(false);
        using var deadline = new CancellationTokenSource(Patience);
        ulong height = (await Hospitals[0].UntilAsync("an answer", _ => true, Patience).ConfigureAwait(false)).Height();
        int looked = 0, signed = 0;
        while (signed < 3 && await Pace.PauseAsync(TimeSpan.FromMilliseconds(20), deadline.Token).ConfigureAwait(false))
        {
            if (await CertificateAsync(node, height).ConfigureAwait(false) is not { } certificate) continue;
            height++;
            looked++;
            ValidatorSet? set = Chain.Epochs.Of(certificate.Statement.Epoch);
            bool there = set?.IndexOf(hospital.NodeKey) == replica && certificate.Signatures.Any(s => s.Replica == replica);
            if (there && Chain.Epochs.Verify(certificate) is null) signed++;
        }
        Verdict.Add(what, $"in {signed} of {looked} certificates up to height {height}", signed >= 3);
    }

    private static async Task<ExecutionCertificate?> CertificateAsync(NodeConnection node, ulong height)
    {
        try
        {
            JsonElement block = await node.Rpc.CallAsync("chain_block", new { height }).ConfigureAwait(false);
            return block.TryGetProperty("executionCertificate", out JsonElement bytes) && bytes.ValueKind == JsonValueKind.String
                ? Codec.Decode<ExecutionCertificate>(bytes.GetBytesFromBase64(), ExecutionCertificate.MaxBytes)
                : null;
        }
        catch (RpcException e) when (e.Code == RpcErrors.NotFound)
        {
            return null;
        }
    }

    private void Say(string line) => Console.WriteLine($"[{_clock.Elapsed.TotalSeconds,6:0.0} s] {line}");

    public void Dispose()
    {
        foreach (Hospital hospital in Hospitals) hospital.Dispose();
    }
}
