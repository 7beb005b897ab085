using NUnit.Framework;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Tests.Audit;

[TestFixture]
public sealed class AccessEntryTests
{
    private static Hash Filled(byte value) => new(Enumerable.Repeat(value, Hash.Size).ToArray());

    private static PublicKey Key(byte value) => new(SuiteId.Ed25519, Filled(value).ToArray());

    private static AccessEntry Sample => new(1_700_000_000_000, Key(1), 42, Key(2), new Address(Filled(3)), new Address(Filled(4)), AccessAction.Read,
        "TREAT", [Filled(5)], [Filled(6)], AccessOutcome.Deny, "no provision permits it", "request", new Signature(SuiteId.Ed25519, new byte[64]),
        new byte[AccessEntry.SaltSize], Filled(7));

    [Test]
    public void Bytes_and_hashes_stay_as_they_are() => Assert.Multiple(() =>
    {
        Assert.That(Convert.ToHexStringLower(Codec.Encode(Sample)), Is.EqualTo(
                "dc0010cf0000018bcfe568009201c42001010101010101010101010101010101010101010101010101010101010101012a9201c42002020202020202"
                + "02020202020202020202020202020202020202020202020202c4200303030303030303030303030303030303030303030303030303030303030303c4"
                + "20040404040404040404040404040404040404040404040404040404040404040401a5545245415491c4200505050505050505050505050505050505"
                + "05050505050505050505050505050591c420060606060606060606060606060606060606060606060606060606060606060602b76e6f2070726f7669"
                + "73696f6e207065726d697473206974a7726571756573749201c440000000000000000000000000000000000000000000000000000000000000000000"
                + "00000000000000000000000000000000000000000000000000000000000000c41000000000000000000000000000000000c420070707070707070707"
                + "0707070707070707070707070707070707070707070707"));
        Assert.That(Sample.ComputeHash().ToString(), Is.EqualTo("9e86ed55492308152f687238eabc56ba68b4ec7e3473bda327c0a84dc8391d2f"));
        Assert.That(Convert.ToHexStringLower(Codec.Encode(new AccessSegment(1, 2, 3, Filled(1), Filled(2), Filled(3)))), Is.EqualTo(
                "96010203c4200101010101010101010101010101010101010101010101010101010101010101c4200202020202020202020202020202020202020202"
                + "020202020202020202020202c4200303030303030303030303030303030303030303030303030303030303030303"));
    });

    [Test]
    public void An_entry_comes_back_from_its_bytes()
    {
        AccessEntry back = Codec.Decode<AccessEntry>(Codec.Encode(Sample), AccessEntry.MaxBytes);
        Assert.That(back.ComputeHash(), Is.EqualTo(Sample.ComputeHash()));
    }

    [Test]
    public void The_largest_entry_fits_its_bound()
    {
        AccessEntry large = Sample with
        {
            Records = [.. Enumerable.Repeat(Filled(1), AccessEntry.MaxRecords)],
            Tags = [.. Enumerable.Repeat(Filled(2), AccessEntry.MaxTags)],
            Request = new string('\u20ac', AccessEntry.MaxRequest),
            Reason = new string('r', AccessEntry.MaxReason),
            Purpose = new string('P', 64),
        };
        Assert.That(Codec.TryDecode(Codec.Encode(large), AccessEntry.MaxBytes, out AccessEntry? _, out string error), Is.True, error);
    }

    [Test]
    public void Wrong_fields_are_named() => Assert.Multiple(() =>
    {
        Assert.That(Sample.Problem(), Is.Null);
        Assert.That((Sample with { Action = 0 }).Problem(), Does.StartWith("action"));
        Assert.That((Sample with { Outcome = (AccessOutcome)9 }).Problem(), Does.StartWith("outcome"));
        Assert.That((Sample with { Purpose = "because I say so" }).Problem(), Does.StartWith("purpose"));
        Assert.That((Sample with { Reason = "line\nbreak" }).Problem(), Does.StartWith("reason"));
        Assert.That((Sample with { Reason = new string('x', 129) }).Problem(), Does.StartWith("reason has 129"));
        Assert.That((Sample with { Salt = [1] }).Problem(), Does.StartWith("salt"));
        Assert.That((Sample with { Records = new Hash[1001] }).Problem(), Does.StartWith("records"));
        Assert.That((Sample with { Tags = new Hash[257] }).Problem(), Does.StartWith("tags"));
        Assert.That((Sample with { Node = null! }).Problem(), Does.StartWith("node"));
        Assert.That(new AccessSegment(0, 0, 0, Hash.Zero, Hash.Zero, Hash.Zero).Problem(), Does.StartWith("count"));
    });

    [Test]
    public void A_proof_fails_for_any_other_entry_or_root()
    {
        AccessEntry[] entries = [.. Enumerable.Range(0, 5).Select(i => Sample with { TimeMs = (ulong)i })];
        Hash[] leaves = [.. entries.Select(e => e.ComputeHash())];
        Hash root = MerkleTree.Root(leaves);
        var proof = new AccessProof(entries[3], 0, MerkleTree.Prove(leaves, 3));
        AccessProof back = Codec.Decode<AccessProof>(Codec.Encode(proof), AccessProof.MaxBytes);
        Assert.Multiple(() =>
        {
            Assert.That(back.Verify(root), Is.True);
            Assert.That((back with { Entry = entries[2] }).Verify(root), Is.False);
            Assert.That(back.Verify(Filled(9)), Is.False);
        });
    }
}
