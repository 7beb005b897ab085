using System.Security.Cryptography;
using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Load.Workloads;

/// <summary>One account that sends: its key, the node it is a client of, the nonce of its next transaction.</summary>
internal sealed class Account(SigningKey key, int node, ulong nonce = 0) : IDisposable
{
    private const ulong Gas = 5_000_000;

    public PublicKey Public => key.Public;

    public string Text { get; } = key.Address.ToString();

    public ulong Nonce { get; private set; } = nonce;

    public static Account New(int node) => new(new SigningKey(RandomNumberGenerator.GetBytes(SigningKey.SeedSize)), node);

    /// <summary>Signs the account's next transaction.</summary>
    public Prepared Sign(Hash chainId, ulong expiry, ContractId contract, string method, params object[] arguments)
    {
        var body = new TransactionBody(chainId, key.Public, Nonce, expiry, Gas, null, contract, method, JsonSerializer.Serialize(arguments));
        Transaction transaction = Transaction.Sign(body, key);
        return new Prepared(transaction.Hash, transaction.Bytes, node, this, Nonce++);
    }

    /// <summary>A transaction that was signed is not sent, nor are those after it: their nonces are used again.</summary>
    public void TakeBack(ulong unsent) => Nonce = Math.Min(Nonce, unsent);

    public void Dispose() => key.Dispose();
}

/// <summary>A transaction that is signed and ready to be sent to a node. <paramref name="Undo"/> runs when it is not sent after all.</summary>
internal sealed record Prepared(Hash Hash, byte[] Bytes, int Node, Account Account, ulong Nonce, Action? Undo = null)
{
    public void TakeBack()
    {
        Account.TakeBack(Nonce);
        Undo?.Invoke();
    }
}
