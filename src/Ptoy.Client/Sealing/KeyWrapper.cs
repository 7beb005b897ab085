using System.Security.Cryptography;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Records;

namespace Ptoy.Client.Sealing;

/// <summary>One record whose data key is wrapped: its place in the manifest, its entry and its key.</summary>
public sealed record KeyToWrap(int Index, ManifestEntry Entry, byte[] DataKey);

/// <summary>
/// Wraps data keys to a recipient: one HPKE encapsulation for all records of a manifest. Used by the author at upload, and
/// later by a patient's device that lets somebody read single old records.
/// </summary>
public static class KeyWrapper
{
    /// <summary>Wraps the keys of records of one manifest. Each index may occur once.</summary>
    public static RecipientWraps Wrap(Address owner, IEnumerable<KeyToWrap> keys, PublicKey recipient)
    {
        using HpkeSender sender = Hpke.SetupSender(recipient, WrapContext.Info(owner), RandomNumberGenerator.GetBytes(Hpke.SeedSize));
        WrappedKey[] wrapped =
        [
            .. keys.OrderBy(k => k.Index).Select(k => new WrappedKey(
                (ushort)k.Index,
                sender.Seal((ulong)k.Index, WrapContext.Aad(k.Entry.RecordId, k.Entry.Tag, k.Entry.Epoch), k.DataKey))),
        ];
        return new RecipientWraps(KeyId.Of(recipient), SuiteId.HpkeX25519, sender.Enc, wrapped);
    }
}
