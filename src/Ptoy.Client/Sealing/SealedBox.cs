using System.Security.Cryptography;
using System.Text;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Records;

namespace Ptoy.Client.Sealing;

/// <summary>Seals one message to one key (HPKE single-shot): mail between accounts, the wrapped vault root.</summary>
public static class SealedBox
{
    /// <summary>
    /// Seals a message for a purpose, an ASCII name such as <c>ptoy/mail/v1</c>; a message made for one purpose does not open for
    /// another. The sender stays unproven: sign inside where it matters.
    /// </summary>
    public static SealedMessage Seal(PublicKey recipient, string purpose, ReadOnlySpan<byte> message)
    {
        if (message.Length > SealedMessage.MaxPlaintext)
            throw new ArgumentException($"a message has at most {SealedMessage.MaxPlaintext} bytes, not {message.Length}", nameof(message));
        using HpkeSender sender = Hpke.SetupSender(recipient, Encoding.ASCII.GetBytes(purpose), RandomNumberGenerator.GetBytes(Hpke.SeedSize));
        return new SealedMessage(SuiteId.HpkeX25519, KeyId.Of(recipient), sender.Enc, sender.Seal(0, default, message));
    }

    /// <summary>Opens a message. Throws <see cref="SealException"/>: other key, other purpose, or changed.</summary>
    public static byte[] Open(SealedMessage message, string purpose, SealingKey recipient)
    {
        if (message.Problem() is { } problem) throw new SealException(SealFault.Header, $"sealed message: {problem}");
        if (message.KeyId != recipient.Id) throw new SealException(SealFault.NoKey, "the sealed message is for another key");
        try
        {
            using HpkeRecipient context = Hpke.SetupRecipient(recipient, message.Enc, Encoding.ASCII.GetBytes(purpose));
            return context.Open(0, default, message.Ciphertext)
                ?? throw new SealException(SealFault.Corrupted, "the sealed message does not open: it was changed, or is for another purpose");
        }
        catch (CryptographicException e)
        {
            throw new SealException(SealFault.Corrupted, $"the sealed message does not open: {e.Message}");
        }
    }
}
