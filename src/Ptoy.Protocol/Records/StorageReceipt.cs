using System.Security.Cryptography;
using System.Text;
using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Records;

/// <summary>What a storage member says it holds, durably: one manifest with all its bytes.</summary>
/// <param name="ChainId">The chain.</param>
/// <param name="ManifestRoot">Root of the manifest.</param>
/// <param name="Owner">Whose records.</param>
/// <param name="ByteCount">Sealed bytes.</param>
/// <param name="EntryCount">Records.</param>
/// <param name="Facts">
/// SHA-256 of <see cref="Registration.FactsText"/>: epoch, tags and recipients as the members saw them in manifest and wraps. So an
/// author cannot register a manifest under other tags or recipients than it has.
/// </param>
public sealed record StorageStatement(Hash ChainId, Hash ManifestRoot, Address Owner, ulong ByteCount, int EntryCount, Hash Facts)
{
    /// <summary>Domain of the signature.</summary>
    public const string Domain = "ptoy/storage-receipt/v1";

    /// <summary>The statement about an upload on a chain. Throws <see cref="ArgumentException"/> when its entries are of several epochs.</summary>
    public static StorageStatement For(Hash chainId, UploadPackage package)
    {
        Registration registration = Registration.Of(package.Manifest, package.Wraps);
        return new StorageStatement(
            chainId, registration.Root, package.Manifest.Owner, registration.Bytes, registration.Count,
            new Hash(SHA256.HashData(Encoding.ASCII.GetBytes(registration.FactsText()))));
    }

    /// <summary>The signed text, which a contract can build too: <c>chain|root|owner|bytes|entries|facts</c>.</summary>
    public override string ToString() => $"{ChainId}|{ManifestRoot}|{Owner}|{ByteCount}|{EntryCount}|{Facts}";
}

/// <summary>A member's signature under a <see cref="StorageStatement"/>.</summary>
[MessagePackObject]
public sealed record StorageReceipt(
    [property: Key(0)] PublicKey Node,
    [property: Key(1)] Signature Signature) : IWire
{
    /// <summary>Largest encoded receipt in bytes.</summary>
    public const int MaxBytes = 160;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Nested("node", Node) ?? (Node.Suite == SuiteId.Ed25519 ? null : "node: not a signing key") ?? Check.Nested("signature", Signature);

    /// <summary>Signs a statement with a node key.</summary>
    public static StorageReceipt Sign(StorageStatement statement, SigningKey node) =>
        new(node.Public, node.Sign(StorageStatement.Domain, Encoding.ASCII.GetBytes(statement.ToString())));

    /// <summary>True when <see cref="Node"/> signed that statement.</summary>
    public bool Verify(StorageStatement statement) =>
        Problem() is null && Signing.Verify(Node, StorageStatement.Domain, Encoding.ASCII.GetBytes(statement.ToString()), Signature);

    /// <summary>The signature as the registering transaction carries it: lower-case hexadecimal.</summary>
    [IgnoreMember]
    public string SignatureHex => Convert.ToHexStringLower(Signature.Bytes);

    /// <summary>Null when different members of the set, at least a quorum, signed the statement; else what is wrong.</summary>
    public static string? VerifyQuorum(ValidatorSet set, StorageStatement statement, IReadOnlyList<StorageReceipt> receipts)
    {
        var nodes = new HashSet<PublicKey>();
        foreach (StorageReceipt receipt in receipts)
        {
            if (set.IndexOf(receipt.Node) < 0) return "a receipt is from a node that is not a member";
            if (!nodes.Add(receipt.Node)) return "a node signed twice";
            if (!receipt.Verify(statement)) return "a receipt's signature is wrong";
        }
        return nodes.Count >= set.Quorum ? null : $"{nodes.Count} receipts, fewer than the quorum of {set.Quorum}";
    }
}
