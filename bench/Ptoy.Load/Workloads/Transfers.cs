using System.Globalization;
using Ptoy.Load.Engine;
using Ptoy.Load.Network;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Load.Workloads;

/// <summary>PTOY transfers between many accounts, each to the account that stands next; done when the execution certificate exists.</summary>
internal sealed class Transfers : IWorkload
{
    /// <summary>Micro-PTOY of each account in genesis.</summary>
    private const ulong Funds = 1_000_000_000;

    private static readonly ContractId Token = ContractId.Single("Token");
    private readonly Account[] _accounts;
    private readonly long[] _change;
    private NodeClient? _client;
    private int _next;

    public Transfers(int accounts, int nodes)
    {
        _accounts = [.. Enumerable.Range(0, accounts).Select(i => Account.New(i % nodes))];
        _change = new long[accounts];
    }

    public string Name => "transfers";

    public int Weight => 1;

    /// <summary>What genesis gives to the accounts.</summary>
    public IReadOnlyDictionary<Address, ulong> Allotments => _accounts.ToDictionary(a => a.Public.Address, _ => Funds);

    private NodeClient Client => _client ?? throw new InvalidOperationException("the workload has no network yet");

    public Transfers On(NodeClient client)
    {
        _client = client;
        return this;
    }

    public Task PrepareAsync() => Task.CompletedTask;

    public async Task<IReadOnlyList<Message>> MakeAsync(int items, int first, int perMessage)
    {
        (Hash chain, ulong expiry) = await Client.ChainAsync().ConfigureAwait(false);
        var made = new Prepared[items];
        for (int i = 0; i < items; i++)
        {
            int from = _next++ % _accounts.Length, to = (from + 7) % _accounts.Length;
            int amount = 1 + (_next % 9);
            Move(from, to, amount);
            made[i] = _accounts[from].Sign(chain, expiry, Token, "transfer", _accounts[to].Text, amount.ToString(CultureInfo.InvariantCulture)) with
            {
                Undo = () => Move(to, from, amount),
            };
        }
        return Client.Pack(made, first, perMessage);
    }

    public void Begin(Recorder recorder) => Client.Begin(recorder);

    public void Send(Message message) => Client.Send(message);

    public void TakeBack(IEnumerable<Message> unsent) => NodeClient.TakeBack(unsent);

    public async Task<string?> CheckAsync()
    {
        for (int i = 0; i < _accounts.Length; i++)
        {
            string balance = (await Client.ViewAsync("Token", "balanceOf", _accounts[i].Text).ConfigureAwait(false)).GetString()!;
            long wanted = (long)Funds + _change[i];
            if (balance != wanted.ToString(CultureInfo.InvariantCulture)) return $"account {i} has {balance} micro-PTOY, not {wanted}";
        }
        return null;
    }

    private void Move(int from, int to, int amount)
    {
        _change[from] -= amount;
        _change[to] += amount;
    }

    public ValueTask DisposeAsync()
    {
        foreach (Account account in _accounts) account.Dispose();
        return ValueTask.CompletedTask;
    }
}
