using System.Security.Cryptography;
using System.Text;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Bench;

/// <summary>Values that are the same in every run.</summary>
internal static class Sample
{
    public static byte[] Bytes(string name) => SHA256.HashData(Encoding.UTF8.GetBytes(name));

    public static Address Account(string name) => new(new Hash(Bytes(name)));

    /// <summary>A signed transfer of one account to another.</summary>
    public static Transaction Transfer(SigningKey key, ulong nonce) => Transaction.Sign(
        new TransactionBody(
            new Hash(Bytes("chain")), key.Public, nonce, 1_000, 5_000_000, null, ContractId.Single("Token"), "transfer",
            $"[\"{Account("receiver")}\",\"125\"]"),
        key);
}
