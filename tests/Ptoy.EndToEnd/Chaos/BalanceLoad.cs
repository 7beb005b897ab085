using System.Globalization;
using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Rpc;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>
/// Clients that go from node to node and ask what an account holds, each time for a state no older than the newest that they or a
/// writer saw certified. What they are told is judged at the end: the height, and the balance at that height, to the last micro-PTOY.
/// </summary>
internal sealed class BalanceLoad(Members members, AckLog acks, IReadOnlyList<Address> accounts, int seed)
{
    private const int Readers = 4;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    public Task RunAsync(CancellationToken stopping) =>
        Task.WhenAll(Enumerable.Range(0, Readers)
            .Select(i => Task.Run(() => RunAsync(i, new Random(seed + (97 * i)), stopping), CancellationToken.None)));

    private async Task RunAsync(int reader, Random random, CancellationToken stopping)
    {
        ulong seen = 0;
        while (!stopping.IsCancellationRequested)
        {
            Member member = members.All[random.Next(members.All.Count)];
            Address account = accounts[random.Next(accounts.Count)];
            ulong least = Math.Max(seen, members.SeenHeight);
            if (members.IsUp(member.Index)) seen = await AskAsync(reader, member, account, least, stopping).ConfigureAwait(false);
            await Pace.PauseAsync(Pause, stopping).ConfigureAwait(false);
        }
    }

    private async Task<ulong> AskAsync(int reader, Member member, Address account, ulong minHeight, CancellationToken cancellation)
    {
        JsonElement whose = JsonSerializer.SerializeToElement(new[] { account.ToString() });
        var question = new ContractViewParams("Token", "balanceOf", whose, minHeight);
        try
        {
            var answer = await member.Rpc
                .CallAsync<ContractViewResult>("contract_view", question, null, cancellation).ConfigureAwait(false);
            ulong balance = ulong.Parse(answer.Value.GetString()!, CultureInfo.InvariantCulture);
            acks.Add(new BalanceRead(reader, member.Index, account, minHeight, answer.Height, balance));
            return Math.Max(minHeight, answer.Height);
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            return minHeight;
        }
    }
}
