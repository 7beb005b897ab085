using System.Buffers.Binary;
using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Ledger;

/// <summary>One replica: its node signing key and the organisation (account) that runs it.</summary>
[MessagePackObject]
public sealed record Validator(
    [property: Key(0)] PublicKey NodeKey,
    [property: Key(1)] Address Organisation) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => Check.Nested("node key", NodeKey) ?? (NodeKey.Suite == SuiteId.Ed25519 ? null : "node key: not a signing key");
}

/// <summary>
/// The replicas of one epoch, in order: a replica's index is its place here. <see cref="Order"/> holds the indices that take turns
/// as primary, ascending: the primary of view v is the v-th of them, round and round. Replicas that did not answer in the epoch
/// before are left out of it; they vote like the others.
/// </summary>
[MessagePackObject]
public sealed record ValidatorSet(
    [property: Key(0)] ulong Epoch,
    [property: Key(1)] Validator[] Members,
    [property: Key(2)] byte[] Order) : IWire
{
    /// <summary>Fewest members: f = 1 needs four.</summary>
    public const int MinMembers = 4;

    /// <summary>Most members.</summary>
    public const int MaxMembers = 64;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Each("members", Members, MaxMembers)
        ?? (Members.Length >= MinMembers ? null : $"{Members.Length} members, fewer than {MinMembers}")
        ?? (Members.Select(m => m.NodeKey).Distinct().Count() == Members.Length ? null : "a node key is listed twice")
        ?? OrderProblem();

    /// <summary>A set in which every member takes its turn as primary.</summary>
    public static ValidatorSet Of(ulong epoch, Validator[] members) => new(epoch, members, [.. Enumerable.Range(0, members.Length).Select(i => (byte)i)]);

    /// <summary>n.</summary>
    [IgnoreMember]
    public int Count => Members.Length;

    /// <summary>f = ⌊(n−1)/3⌋: how many may be faulty.</summary>
    [IgnoreMember]
    public int Faulty => (Count - 1) / 3;

    /// <summary>⌈(n+f+1)/2⌉: any two quorums share a correct replica. (2f+1 is too few for n = 5.)</summary>
    [IgnoreMember]
    public int Quorum => (Count + Faulty + 2) / 2;

    /// <summary>The index of the replica whose turn a view is.</summary>
    public int PrimaryOf(ulong view) => Order[(int)(view % (ulong)Order.Length)];

    /// <summary>The index of a node key, or −1.</summary>
    public int IndexOf(PublicKey nodeKey) => Array.FindIndex(Members, m => m.NodeKey == nodeKey);

    /// <summary>Identity of the set.</summary>
    public Hash ComputeHash() => Digest.Of(Domains.Validators, Codec.Encode(this));

    /// <summary>With f+1 in the order at least one of them is correct, so that leaderless views come to an end.</summary>
    private string? OrderProblem()
    {
        if (Order is null) return "order is missing";
        if (Order.Length <= Faulty) return $"order has {Order.Length} replicas, fewer than {Faulty + 1}";
        for (int i = 0; i < Order.Length; i++)
        {
            if (Order[i] >= Members.Length) return $"order names replica {Order[i]}, but there are {Members.Length}";
            if (i > 0 && Order[i] <= Order[i - 1]) return "order is not ascending";
        }
        return null;
    }
}

/// <summary>A replica's signature inside a certificate; the replica is named by its index in the validator set.</summary>
[MessagePackObject]
public sealed record ReplicaSignature([property: Key(0)] byte Replica, [property: Key(1)] Signature Signature) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => Check.Nested("signature", Signature);
}

/// <summary>What a replica votes on in one phase of one height. The signed bytes are the encoding of this.</summary>
[MessagePackObject]
public sealed record VoteStatement(
    [property: Key(0)] Hash ChainId,
    [property: Key(1)] ulong Epoch,
    [property: Key(2)] ulong View,
    [property: Key(3)] ulong Height,
    [property: Key(4)] Hash BlockHash) : IWire
{
    /// <summary>Domain of a prepare vote.</summary>
    public const string PrepareDomain = "ptoy/prepare/v1";

    /// <summary>Domain of a commit vote.</summary>
    public const string CommitDomain = "ptoy/commit/v1";

    /// <inheritdoc/>
    public string? Problem() => Height == 0 ? "height is 0" : null;
}

/// <summary>A quorum's commit votes: the block is decided.</summary>
[MessagePackObject]
public sealed record CommitCertificate(
    [property: Key(0)] VoteStatement Statement,
    [property: Key(1)] ReplicaSignature[] Signatures) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => Check.Nested("statement", Statement) ?? Check.Each("signatures", Signatures, ValidatorSet.MaxMembers);

    /// <summary>Null when a quorum of the set signed, else what is wrong.</summary>
    public string? Verify(ValidatorSet set) =>
        Problem()
        ?? (Statement.Epoch == set.Epoch ? null : $"certificate of epoch {Statement.Epoch}, not {set.Epoch}")
        ?? Certificates.VerifyQuorum(set, VoteStatement.CommitDomain, Codec.Encode(Statement), Signatures);
}

/// <summary>
/// What a replica found after executing a height. The signed bytes are the encoding of this. <see cref="NextValidators"/> is zero, or
/// at the last height of an epoch the hash of the set that starts above it; <see cref="TimeMs"/> is the effective time of the block in
/// milliseconds since 1970 UTC.
/// </summary>
[MessagePackObject]
public sealed record ExecutionStatement(
    [property: Key(0)] Hash ChainId,
    [property: Key(1)] ulong Epoch,
    [property: Key(2)] ulong Height,
    [property: Key(3)] Hash ChainHash,
    [property: Key(4)] Hash StateRoot,
    [property: Key(5)] Hash ReceiptsRoot,
    [property: Key(6)] Hash NextValidators,
    [property: Key(7)] ulong TimeMs) : IWire
{
    /// <summary>Domain of an execution vote.</summary>
    public const string Domain = "ptoy/execution/v1";

    /// <inheritdoc/>
    public string? Problem() => null;

    /// <summary>The running hash after a block: H(chain hash before, height, block hash).</summary>
    public static Hash NextChainHash(Hash previous, ulong height, Hash blockHash)
    {
        Span<byte> head = stackalloc byte[Hash.Size + 8], tail = stackalloc byte[Hash.Size];
        previous.CopyTo(head);
        BinaryPrimitives.WriteUInt64BigEndian(head[Hash.Size..], height);
        blockHash.CopyTo(tail);
        return Digest.Of(Domains.Chain, head, tail);
    }
}

/// <summary>A quorum's execution votes: what receipts, state proofs and light clients rest on.</summary>
[MessagePackObject]
public sealed record ExecutionCertificate(
    [property: Key(0)] ExecutionStatement Statement,
    [property: Key(1)] ReplicaSignature[] Signatures) : IWire
{
    /// <summary>Largest encoded certificate in bytes.</summary>
    public const int MaxBytes = 16 * 1024;

    /// <inheritdoc/>
    public string? Problem() => Check.Nested("statement", Statement) ?? Check.Each("signatures", Signatures, ValidatorSet.MaxMembers);

    /// <summary>Null when a quorum of the set signed, else what is wrong.</summary>
    public string? Verify(ValidatorSet set) =>
        Problem()
        ?? (Statement.Epoch == set.Epoch ? null : $"certificate of epoch {Statement.Epoch}, not {set.Epoch}")
        ?? Certificates.VerifyQuorum(set, ExecutionStatement.Domain, Codec.Encode(Statement), Signatures);
}

/// <summary>Checks shared by certificates.</summary>
public static class Certificates
{
    /// <summary>Null when at least a quorum of different members signed the message and every signature is right.</summary>
    public static string? VerifyQuorum(ValidatorSet set, string domain, byte[] message, IReadOnlyList<ReplicaSignature> signatures)
    {
        int previous = -1;
        foreach (ReplicaSignature signature in signatures)
        {
            if (signature.Replica <= previous) return "signatures are not in the order of replicas, or one is repeated";
            previous = signature.Replica;
            if (previous >= set.Count) return $"replica {previous} is not in the set";
            if (!Signing.Verify(set.Members[previous].NodeKey, domain, message, signature.Signature))
                return $"the signature of replica {previous} is wrong";
        }
        return signatures.Count >= set.Quorum ? null : $"{signatures.Count} signatures, fewer than the quorum of {set.Quorum}";
    }
}
