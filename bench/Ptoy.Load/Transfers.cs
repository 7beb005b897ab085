using System.Globalization;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Load;

/// <summary>PTOY transfers between many accounts, each to the account that stands next.</summary>
internal sealed class Transfers : IWorkload, IDisposable
{
    /// <summary>Micro-PTOY of each account in genesis.</summary>
    private const ulong Funds = 1_000_000_000;

    private static readonly ContractId Token = ContractId.Single("Token");
    private readonly Account[] _accounts;
    private readonly long[] _change;
    private int _next;

    public Transfers(int accounts, int nodes)
    {
        _accounts = [.. Enumerable.Range(0, accounts).Select(i => Account.New(i % nodes))];
        _change = new long[accounts];
    }

    public string Name => "transfers";

    public IReadOnlyDictionary<Address, ulong> Allotments => _accounts.ToDictionary(a => a.Public.Address, _ => Funds);

    public Task PrepareAsync(LoadSession session) => Task.CompletedTask;

    public Prepared[] Make(int count, Hash chainId, ulong expiry)
    {
        var made = new Prepared[count];
        for (int i = 0; i < count; i++)
        {
            int from = _next++ % _accounts.Length, to = (from + 7) % _accounts.Length;
            int amount = 1 + (_next % 9);
            made[i] = _accounts[from].Sign(chainId, expiry, Token, "transfer", _accounts[to].Text, amount.ToString(CultureInfo.InvariantCulture));
            _change[from] -= amount;
            _change[to] += amount;
        }
        return made;
    }

    public async Task<string?> CheckAsync(LoadSession session)
    {
        for (int i = 0; i < _accounts.Length; i++)
        {
            string balance = (await session.ViewAsync("Token", "balanceOf", _accounts[i].Text).ConfigureAwait(false)).GetString()!;
            long wanted = (long)Funds + _change[i];
            if (balance != wanted.ToString(CultureInfo.InvariantCulture)) return $"account {i} has {balance} micro-PTOY, not {wanted}";
        }
        return null;
    }

    public void Dispose()
    {
        foreach (Account account in _accounts) account.Dispose();
    }
}
