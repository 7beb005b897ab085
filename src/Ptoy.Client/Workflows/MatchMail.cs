using System.Text.Json;
using Ptoy.Client.Sealing;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Workflows;

/// <summary>A patient's proof, sealed to an organisation.</summary>
/// <param name="Code">From the phone, or handed out by the hospital.</param>
/// <param name="BirthDate">yyyy-MM-dd.</param>
public sealed record MatchConfirm(string Code, string BirthDate);

/// <summary>How far a binding is.</summary>
public enum MatchState
{
    /// <summary>Proven: the organisation waits for a grant to write.</summary>
    Proven,
    /// <summary>The records are in the patient's vault, and the custody keys are destroyed.</summary>
    Bound,
}

/// <summary>An organisation's answer after proof, sealed to the patient.</summary>
/// <param name="Organisation">Its account.</param>
/// <param name="Name">Its name.</param>
/// <param name="State">How far it is.</param>
/// <param name="Records">How many records it holds, or has bound.</param>
public sealed record MatchAnswer(string Organisation, string Name, MatchState State, int Records);

/// <summary>Seals and opens the mails of matching. Each kind has its own purpose, so none can be passed off as another.</summary>
public static class MatchMail
{
    /// <summary>Purpose of a confirm mail.</summary>
    public const string ConfirmPurpose = "ptoy/mail/match-confirm/v1";

    /// <summary>Purpose of an answer.</summary>
    public const string AnswerPurpose = "ptoy/mail/match-answer/v1";

    /// <summary>Purpose of a writer's letter.</summary>
    public const string WriterPurpose = "ptoy/mail/writer-letter/v1";

    /// <summary>Seals a value as a mail's bytes.</summary>
    public static byte[] Seal<T>(PublicKey recipient, string purpose, T value) =>
        Seal(recipient, purpose, JsonSerializer.SerializeToUtf8Bytes(value, RpcJson.Options));

    /// <summary>Seals content as a mail's bytes.</summary>
    public static byte[] Seal(PublicKey recipient, string purpose, byte[] content) => Codec.Encode(SealedBox.Seal(recipient, purpose, content));

    /// <summary>Opens content; null when it is not for this key and purpose, or damaged: mail comes from anybody.</summary>
    public static byte[]? Open(byte[] mail, string purpose, SealingKey key)
    {
        if (!Codec.TryDecode(mail, SealedMessage.MaxBytes, out SealedMessage? message, out _)) return null;
        try { return SealedBox.Open(message!, purpose, key); }
        catch (SealException) { return null; }
    }

    /// <summary>Opens a value; null as <see cref="Open(byte[], string, SealingKey)"/>.</summary>
    public static T? Open<T>(byte[] mail, string purpose, SealingKey key) where T : class
    {
        if (Open(mail, purpose, key) is not { } content) return null;
        try { return JsonSerializer.Deserialize<T>(content, RpcJson.Options); }
        catch (JsonException) { return null; }
    }
}
