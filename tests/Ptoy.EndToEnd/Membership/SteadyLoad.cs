using System.Collections.Concurrent;
using Ptoy.Client.Keys;
using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Chaos;
using Ptoy.EndToEnd.Network;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.EndToEnd.Membership;

/// <summary>Accounts that transfer all the time through two members that stay; each receipt is verified from genesis, whatever its epoch.</summary>
internal sealed class SteadyLoad : IDisposable
{
    private const int Accounts = 12;
    private const ulong Opening = 1_000_000;

    private readonly AccountKeys[] _keys = [.. Enumerable.Range(0, Accounts).Select(_ => Consortium.NewKeys())];
    private readonly ConcurrentQueue<(Hash Transaction, ulong Height)> _done = new();
    private readonly ConcurrentQueue<string> _lost = new();
    private readonly ConcurrentQueue<string> _retried = new();

    /// <summary>What genesis allots.</summary>
    public IReadOnlyDictionary<Address, ulong> Allotments => _keys.ToDictionary(k => k.Address, _ => Opening);

    /// <summary>Transactions with verified receipts.</summary>
    public IReadOnlyCollection<(Hash Transaction, ulong Height)> Done => _done;

    /// <summary>Transactions that expired unexecuted.</summary>
    public IReadOnlyCollection<string> Lost => _lost;

    /// <summary>Calls that a node did not answer in time or was too busy for.</summary>
    public IReadOnlyCollection<string> Retried => _retried;

    /// <summary>What all of them hold together, always.</summary>
    public const ulong Total = Opening * Accounts;

    public IEnumerable<Address> Owners => _keys.Select(k => k.Address);

    public Task RunAsync(IReadOnlyList<Hospital> members, TrustedChain chain, CancellationToken stopping) =>
        Task.WhenAll(Enumerable.Range(0, Accounts).Select(i => Task.Run(() => SendAsync(i, members[i % members.Count], chain, stopping), CancellationToken.None)));

    private async Task SendAsync(int from, Hospital member, TrustedChain chain, CancellationToken stopping)
    {
        await using NodeConnection node = await member.ConnectAsync(chain, _keys[from].Signing).ConfigureAwait(false);
        using var sender = new TransactionSender(node);
        string to = _keys[(from + 1) % Accounts].Address.ToString();
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                Receipt receipt = await sender.SendAsync("Token", "transfer", to, "1").ConfigureAwait(false);
                _done.Enqueue((receipt.Transaction, receipt.Height));
            }
            catch (TransactionLostException e)
            {
                _lost.Enqueue(e.Message);
            }
            catch (Exception e) when (Failure.IsExpected(e))
            {
                // The node was slow or busy: whether the transfer came through is seen in the balances.
                _retried.Enqueue(e.Message);
                await Pace.PauseAsync(TimeSpan.FromMilliseconds(200), stopping).ConfigureAwait(false);
            }
        }
    }

    public void Dispose()
    {
        foreach (AccountKeys keys in _keys) keys.Dispose();
    }
}
