using System.Text.Json;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Client.Workflows;

/// <summary>Begins a sign-up.</summary>
/// <param name="FullName">Given and family names.</param>
/// <param name="Phone">With country code, or of the authority's region.</param>
/// <param name="BirthDate">yyyy-MM-dd; optional, but it finds more records.</param>
public sealed record SignUpStart(string FullName, string Phone, string? BirthDate = null);

/// <summary>The same answer whoever asks: a code is on its way to the phone.</summary>
/// <param name="SignUpId">Names the sign-up.</param>
/// <param name="ExpiresAt">When the code ends.</param>
public sealed record SignUpStarted(string SignUpId, DateTimeOffset ExpiresAt);

/// <summary>Ends a sign-up with keys made on the device.</summary>
/// <param name="SignUpId">Names the sign-up.</param>
/// <param name="Code">From the phone.</param>
/// <param name="SigningKey"><c>1:hex</c>.</param>
/// <param name="SealingKey"><c>2:hex</c>.</param>
/// <param name="Proof">Signature (hexadecimal) by the signing key over <see cref="SignUpProof.Text"/>.</param>
public sealed record SignUpConfirm(string SignUpId, string Code, string SigningKey, string SealingKey, string Proof);

/// <summary>Ends a sign-up with keys made by the authority, for people whose device cannot.</summary>
/// <param name="SignUpId">Names the sign-up.</param>
/// <param name="Code">From the phone.</param>
/// <param name="Passphrase">Encrypts the keystore; the authority forgets it and the keys.</param>
public sealed record SignUpIssue(string SignUpId, string Code, string Passphrase);

/// <summary>A certified account.</summary>
/// <param name="Account"><c>ptoy1…</c>.</param>
public sealed record SignUpDone(string Account);

/// <summary>A certified account with its encrypted keystore.</summary>
/// <param name="Account"><c>ptoy1…</c>.</param>
/// <param name="Keystore">JSON text of the keystore.</param>
public sealed record SignUpIssued(string Account, string Keystore);

/// <summary>One person of a hospital, for tokens.</summary>
/// <param name="Reference">The hospital's own name for the line; it comes back with the tokens.</param>
/// <param name="FullNames">Full names.</param>
/// <param name="Phones">Phone numbers.</param>
/// <param name="BirthDate">yyyy-MM-dd.</param>
public sealed record TokenPerson(string Reference, string[] FullNames, string[] Phones, string? BirthDate = null);

/// <summary>Asks for tokens of people (signed by the organisation).</summary>
/// <param name="People">At most 500.</param>
public sealed record TokenRequest(TokenPerson[] People);

/// <summary>One rule's token.</summary>
/// <param name="Rule">Which view of the person.</param>
/// <param name="Value">64 hexadecimal digits.</param>
public sealed record TokenText(string Rule, string Value);

/// <summary>One person's tokens.</summary>
/// <param name="Reference">As asked.</param>
/// <param name="Tokens">Possibly none, when name and numbers are unusable.</param>
public sealed record PersonTokens(string Reference, TokenText[] Tokens);

/// <summary>Tokens, in the order asked.</summary>
/// <param name="People">One each.</param>
public sealed record TokenAnswer(PersonTokens[] People);

/// <summary>A match statement about the asking account.</summary>
/// <param name="Statement">Wire bytes of the <see cref="Ptoy.Protocol.Matching.MatchStatement"/>.</param>
public sealed record StatementAnswer(byte[] Statement);

/// <summary>Who the authority is.</summary>
/// <param name="Account">Its account.</param>
/// <param name="Key">Its signing key: what signed requests name as their node.</param>
/// <param name="ChainId">The chain it certifies on.</param>
public sealed record AuthorityInfo(string Account, string Key, string ChainId);

/// <summary>An error of the authority.</summary>
/// <param name="Error">For the person: names the field where one is wrong.</param>
public sealed record AuthorityError(string Error);

/// <summary>How a device proves that it holds the key it signs up with.</summary>
public static class SignUpProof
{
    /// <summary>Domain of the signature.</summary>
    public const string Domain = "ptoy/sign-up/v1";

    /// <summary>The signed text.</summary>
    public static string Text(string signUpId, PublicKey signingKey, PublicKey sealingKey) => $"{signUpId}|{signingKey}|{sealingKey}";
}
