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

        await ReceiptsAsync(client, light, load).ConfigureAwait(false);
        await ConservedAsync(client, load).ConfigureAwait(false);
        await LiarAsync(rpc).ConfigureAwait(false);
    }

    /// <summary>Receipts of every epoch prove themselves, also at the node that was not there then.</summary>
    private async Task ReceiptsAsync(VerifiedClient client, LightClient light, SteadyLoad load)
    {
        var proven = new SortedDictionary<ulong, int>();
        foreach (IGrouping<ulong, (Hash Transaction, ulong Height)> epoch in load.Done.GroupBy(d => light.Epochs.At(d.Height).Epoch))
        {
            foreach ((Hash transaction, ulong height) in epoch.Take(20))
            {
                if (await client.WaitAsync(transaction).ConfigureAwait(false) is { Status: ReceiptStatus.Ok } receipt && receipt.Height == height)
                    proven[epoch.Key] = proven.GetValueOrDefault(epoch.Key) + 1;
            }
        }
        string found = string.Join(", ", proven.Select(p => $"epoch {p.Key}: {p.Value}"));
        play.Verdict.Add("it verifies receipts of every epoch", found, proven.Count >= 4);
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
