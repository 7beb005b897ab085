using System.Collections.Concurrent;
using Ptoy.Protocol;

namespace Ptoy.Node.Execution;

/// <summary>The next nonce of accounts as of the newest executed block, read through from the state. Thread-safe.</summary>
public sealed class NonceBook(Func<string, string?> stateGet)
{
    private const int MaxCached = 200_000;

    private readonly ConcurrentDictionary<Address, ulong> _known = new();

    /// <summary>The nonce that the account's next transaction must carry.</summary>
    public ulong Of(Address account)
    {
        if (_known.TryGetValue(account, out ulong nonce)) return nonce;
        nonce = StatePath.ParseNonce(stateGet(StatePath.Nonce(account)));
        if (_known.Count >= MaxCached) _known.Clear();
        // A block may have been applied meanwhile: never overwrite what it set.
        return _known.GetOrAdd(account, nonce);
    }

    /// <summary>Takes over what a block changed, after the block is stored.</summary>
    public void Apply(IReadOnlyDictionary<Address, ulong> changed)
    {
        foreach ((Address account, ulong nonce) in changed) _known[account] = nonce;
    }
}
