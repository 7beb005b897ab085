using System.Text.Json;
using Ptoy.Client.Light;
using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.EndToEnd.Membership;

/// <summary>A client that knows the genesis and nothing else asks the node that joined last, and believes what follows from genesis.</summary>
internal sealed class LightCheck(Genesis genesis, Play play)
{
    public async Task RunAsync(SteadyLoad load)
    {
        await using RpcClient rpc = RpcClient.Http(play.Hospitals[4].Rpc);
        var light = new LightClient(genesis);
        var client = new VerifiedClient(rpc, light);
        int epochs = await client.FollowAsync().ConfigureAwait(false);
        play.Verdict.Add("a light client follows the validators from genesis", $"{epochs} epochs, now {light.Epochs.Newest.Count} validators of epoch {light.Epochs.Newest.Epoch}", epochs >= 3);

        VerifiedValue members = await client.StateAsync(ContractId.Single("Governance"), "members").ConfigureAwait(false);
        string[] keys = [.. JsonDocument.Parse(members.Value!).RootElement.EnumerateArray().Select(m => m.GetProperty("nodeKey").GetString()!)];
        bool same = keys.SequenceEqual(light.Epochs.Newest.Members.Select(m => m.NodeKey.ToString()));
        play.Verdict.Add("the members in proven state are those validators", $"{keys.Length} members at height {members.Height}", same);

        await using RpcClient archive = RpcClient.Http(play.Hospitals[0].Rpc);
        await ReceiptsAsync(client, new VerifiedClient(archive, light), light, load).ConfigureAwait(false);
        await PrunedAsync(rpc).ConfigureAwait(false);
        await ConservedAsync(client, load).ConfigureAwait(false);
        await LiarAsync(rpc).ConfigureAwait(false);
    }

    /// <summary>Receipts of every epoch prove themselves: at the node that joined, and of heights whose blocks it does not keep, at the archive.</summary>
    private async Task ReceiptsAsync(VerifiedClient client, VerifiedClient archive, LightClient light, SteadyLoad load)
    {
        // A little above: it prunes while it is asked.
        const ulong Margin = 256;
        ulong kept = (await play.Hospitals[4].UntilAsync("an answer", _ => true, TimeSpan.FromSeconds(30)).ConfigureAwait(false)).FirstBlock() + Margin;
        int atJoined = 0;
        var proven = new SortedDictionary<ulong, int>();
        foreach (IGrouping<ulong, (Hash Transaction, ulong Height)> epoch in load.Done.GroupBy(d => light.Epochs.At(d.Height).Epoch))
        {
            foreach ((Hash transaction, ulong height) in epoch.TakeLast(20))
            {
                VerifiedClient at = height >= kept ? client : archive;
                if (await at.WaitAsync(transaction).ConfigureAwait(false) is not { Status: ReceiptStatus.Ok } receipt || receipt.Height != height) continue;
                proven[epoch.Key] = proven.GetValueOrDefault(epoch.Key) + 1;
                if (at == client) atJoined++;
            }
        }
        string found = string.Join(", ", proven.Select(p => $"epoch {p.Key}: {p.Value}")) + $"; {atJoined} at the node that joined";
        play.Verdict.Add("it verifies receipts of every epoch", found, proven.Count >= 4 && atJoined > 0);
    }

    /// <summary>Who joined by snapshot says what it does not have.</summary>
    private async Task PrunedAsync(RpcClient rpc)
    {
        string answer = "block 1";
        try
        {
            await rpc.CallAsync("chain_block", new { height = 1 }).ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Code == RpcErrors.NotFound)
        {
            answer = e.Message;
        }
        play.Verdict.Add("asked for a block below its snapshot it says so", answer, answer.Contains("height 1 is pruned", StringComparison.Ordinal));
    }

    private async Task ConservedAsync(VerifiedClient client, SteadyLoad load)
    {
        ulong sum = 0;
        foreach (Address owner in load.Owners)
        {
            VerifiedValue balance = await client.StateAsync(ContractId.Single("Token"), $"b/{owner}").ConfigureAwait(false);
            sum += JsonSerializer.Deserialize<ulong>(balance.Value ?? "0");
        }
        play.Verdict.Add("proven balances add up", $"{sum} of {SteadyLoad.Total}", sum == SteadyLoad.Total);
    }

    /// <summary>A node that names other validators, or shows one epoch's certificate for another, is caught.</summary>
    private async Task LiarAsync(RpcClient rpc)
    {
        var answer = await rpc.CallAsync<ChainEpochsResult>("chain_epochs", new ChainEpochsParams(1)).ConfigureAwait(false);
        EpochStart honest = Codec.Decode<EpochStart>(answer.Epochs[0], EpochStart.MaxBytes);
        Validator stranger = new(new Ptoy.Protocol.Crypto.SigningKey(new byte[32]).Public, play.Hospitals[0].Admin.Address);
        var forged = honest with { Validators = honest.Validators with { Members = [stranger, .. honest.Validators.Members[1..]] } };
        var light = new LightClient(genesis);
        int caught = 0;
        foreach (byte[] lie in (byte[][])[Codec.Encode(forged), answer.Epochs[^1]])
        {
            try
            {
                EpochFollower.Take(light.Epochs, lie);
            }
            catch (ProofException e) when (e.Part == ProofPart.Epoch)
            {
                caught++;
            }
        }
        play.Verdict.Add("forged and skipped epochs are refused", $"{caught} of 2", caught == 2);
    }
}
