using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Records;

/// <summary>A small message sealed to one key: HPKE encapsulation and ciphertext. What it is for is in neither.</summary>
[MessagePackObject]
public sealed record SealedMessage(
    [property: Key(0)] SuiteId Suite,
    [property: Key(1)] Hash KeyId,
    [property: Key(2)] byte[] Enc,
    [property: Key(3)] byte[] Ciphertext) : IWire
{
    /// <summary>Largest encoded message in bytes.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>Longest message in plaintext bytes.</summary>
    public const int MaxPlaintext = MaxBytes - 256;

    /// <inheritdoc/>
    public string? Problem() =>
        (Suite == SuiteId.HpkeX25519 ? null : $"suite {(byte)Suite} is not known")
        ?? (KeyId.IsZero ? "key id is missing" : null)
        ?? Check.Exactly("enc", Enc, Hpke.EncSize)
        ?? Check.Between("ciphertext", Ciphertext, Hpke.TagSize, MaxPlaintext + Hpke.TagSize);
}
