using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Ledger;

/// <summary>One contract instance: a class and its owner. Classes that exist once have <see cref="Address.None"/> as owner.</summary>
[MessagePackObject]
public sealed record ContractId([property: Key(0)] string Class, [property: Key(1)] Address Owner) : IWire
{
    /// <summary>Longest class name in characters.</summary>
    public const int MaxClass = 32;

    /// <summary>A contract that exists once on the chain.</summary>
    public static ContractId Single(string name) => new(name, Address.None);

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Text("contract class", Class, 1, MaxClass)
        ?? (Class.All(char.IsAsciiLetterOrDigit) ? null : "contract class has a character that is not a letter or digit");

    /// <summary><c>Token</c> or <c>Patient/ptoy1…</c>.</summary>
    public override string ToString() => Owner.IsNone ? Class : $"{Class}/{Owner}";

    /// <summary>Parses <see cref="ToString"/>; false for anything else.</summary>
    public static bool TryParse(string? text, out ContractId? id)
    {
        id = null;
        if (text is null) return false;
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        Address owner = Address.None;
        if (slash >= 0 && !Address.TryParse(text[(slash + 1)..], out owner)) return false;
        id = new ContractId(slash < 0 ? text : text[..slash], owner);
        if (id.Problem() is null) return true;
        id = null;
        return false;
    }
}

/// <summary>
/// What a sender signs: one contract call. Times are block heights, gas is the VM's unit of work. Its exact bytes are what
/// is hashed and signed.
/// </summary>
[MessagePackObject]
public sealed record TransactionBody(
    [property: Key(0)] Hash ChainId,
    [property: Key(1)] PublicKey Sender,
    [property: Key(2)] ulong Nonce,
    [property: Key(3)] ulong ExpiryHeight,
    [property: Key(4)] ulong GasLimit,
    [property: Key(5)] PublicKey? Sponsor,
    [property: Key(6)] ContractId Contract,
    [property: Key(7)] string Method,
    [property: Key(8)] string Arguments) : IWire
{
    /// <summary>Longest arguments text, in UTF-16 units.</summary>
    public const int MaxArguments = 192 * 1024;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Nested("sender", Sender)
        ?? (Sender.Suite == SuiteId.Ed25519 ? null : "sender: not a signing key")
        ?? (Sponsor is null ? null : Check.Nested("sponsor", Sponsor))
        ?? (Sponsor is null || Sponsor.Suite == SuiteId.Ed25519 ? null : "sponsor: not a signing key")
        ?? Check.Nested("contract", Contract)
        ?? Check.Text("method", Method, 1, 64)
        ?? (Method.All(char.IsAsciiLetterOrDigit) ? null : "method has a character that is not a letter or digit")
        ?? Check.Text("arguments", Arguments, 2, MaxArguments);
}

/// <summary>
/// A transaction as it travels: the body's exact bytes, the sender's signature, and the sponsor's when the body names one.
/// </summary>
[MessagePackObject]
public sealed record SignedTransaction(
    [property: Key(0)] byte[] BodyBytes,
    [property: Key(1)] Signature Signature,
    [property: Key(2)] Signature? SponsorSignature) : IWire
{
    /// <summary>Largest encoded transaction in bytes.</summary>
    public const int MaxBytes = 256 * 1024;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Between("body", BodyBytes, 1, MaxBytes - 256)
        ?? Check.Nested("signature", Signature)
        ?? (SponsorSignature is null ? null : Check.Nested("sponsor signature", SponsorSignature));
}

/// <summary>A decoded transaction with its identity. Made by <see cref="Decode"/> or <see cref="Sign"/>.</summary>
public sealed class Transaction
{
    private Transaction(SignedTransaction envelope, TransactionBody body, byte[] bytes)
    {
        Envelope = envelope;
        Body = body;
        Bytes = bytes;
        Hash = Digest.Of(Domains.Transaction, envelope.BodyBytes);
        Sender = body.Sender.Address;
    }

    /// <summary>Body bytes and signatures.</summary>
    public SignedTransaction Envelope { get; }

    /// <summary>The decoded body.</summary>
    public TransactionBody Body { get; }

    /// <summary>The encoded envelope.</summary>
    public byte[] Bytes { get; }

    /// <summary>Identity: the hash of the body bytes.</summary>
    public Hash Hash { get; }

    /// <summary>The sending account.</summary>
    public Address Sender { get; }

    /// <summary>Decodes strictly; signatures are not verified. Throws <see cref="WireException"/>.</summary>
    public static Transaction Decode(ReadOnlyMemory<byte> bytes)
    {
        var envelope = Codec.Decode<SignedTransaction>(bytes, SignedTransaction.MaxBytes);
        var body = Codec.Decode<TransactionBody>(envelope.BodyBytes, SignedTransaction.MaxBytes);
        if (body.Sponsor is null != envelope.SponsorSignature is null)
            throw new WireException("SignedTransaction: a sponsor and a sponsor signature go together");
        return new Transaction(envelope, body, bytes.ToArray());
    }

    /// <summary>Signs a body, with the sponsor's key too when the body names a sponsor.</summary>
    public static Transaction Sign(TransactionBody body, SigningKey sender, SigningKey? sponsor = null)
    {
        if (body.Problem() is { } problem) throw new WireException(problem);
        byte[] bytes = Codec.Encode(body);
        var envelope = new SignedTransaction(bytes, sender.Sign(Domains.Transaction, bytes), sponsor?.Sign(Domains.Transaction, bytes));
        return new Transaction(envelope, body, Codec.Encode(envelope));
    }

    /// <summary>True when the sender (and the sponsor, where named) signed these bytes.</summary>
    public bool VerifySignatures() =>
        Signing.Verify(Body.Sender, Domains.Transaction, Envelope.BodyBytes, Envelope.Signature)
        && (Body.Sponsor is null || Signing.Verify(Body.Sponsor, Domains.Transaction, Envelope.BodyBytes, Envelope.SponsorSignature!));
}
