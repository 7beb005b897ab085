using System.Globalization;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Execution;

/// <summary>Where state entries live: <c>{Class}/{ownerHex or nothing}/{key}</c>.</summary>
public static class StatePath
{
    /// <summary>Class of the entries that the executor itself keeps; no contract can have this name.</summary>
    public const string Accounts = "$account";

    /// <summary>Path of one key of a contract instance.</summary>
    public static string Of(ContractId contract, string key) =>
        contract.Owner.IsNone ? $"{contract.Class}//{key}" : $"{contract.Class}/{contract.Owner.Value}/{key}";

    /// <summary>Path of an account's nonce: the nonce that its next transaction carries, as decimal text.</summary>
    public static string Nonce(Address account) => $"{Accounts}/{account.Value}/nonce";

    /// <summary>The number at a nonce path; 0 when there is none.</summary>
    public static ulong ParseNonce(string? text) => text is null ? 0 : ulong.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
