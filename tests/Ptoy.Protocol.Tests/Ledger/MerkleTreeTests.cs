using NUnit.Framework;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Protocol.Tests.Ledger;

public sealed class MerkleTreeTests
{
    private const int MaxSize = 33;

    [Test]
    public void EveryIndexOfEverySizeIsProvable()
    {
        for (int size = 1; size <= MaxSize; size++)
        {
            Hash[] leaves = Leaves(size);
            Hash root = MerkleTree.Root(leaves);
            for (int index = 0; index < size; index++)
            {
                MerkleProof proof = MerkleTree.Prove(leaves, index);
                Assert.That(proof.Verify(leaves[index], root), Is.True, $"{index} of {size}");
                Assert.That(proof.Problem(), Is.Null);
            }
        }
    }

    [Test]
    public void AProofHoldsForItsLeafIndexCountAndSiblingsOnly()
    {
        for (int size = 1; size <= MaxSize; size++)
        {
            Hash[] leaves = Leaves(size);
            Hash root = MerkleTree.Root(leaves);
            for (int index = 0; index < size; index++)
            {
                MerkleProof proof = MerkleTree.Prove(leaves, index);
                string at = $"{index} of {size}";
                Assert.That(proof.Verify(H(9999), root), Is.False, at);
                Assert.That(proof.Verify(leaves[index], H(9999)), Is.False, at);
                for (int other = 0; other < size; other++)
                {
                    if (other == index) continue;
                    Assert.That(proof.Verify(leaves[other], root), Is.False, at);
                    Assert.That((proof with { Index = (uint)other }).Verify(leaves[index], root), Is.False, at);
                }
                Assert.That((proof with { Count = proof.Count + 1 }).Verify(leaves[index], root), Is.False, at);
                Assert.That((proof with { Index = (uint)size }).Verify(leaves[index], root), Is.False, at);
                Assert.That((proof with { Siblings = [.. proof.Siblings, H(1)] }).Verify(leaves[index], root), Is.False, at);
                for (int s = 0; s < proof.Siblings.Length; s++)
                {
                    Hash[] changed = [.. proof.Siblings];
                    changed[s] = H(9999);
                    Assert.That((proof with { Siblings = changed }).Verify(leaves[index], root), Is.False, at);
                    Assert.That((proof with { Siblings = [.. proof.Siblings[..s], .. proof.Siblings[(s + 1)..]] }).Verify(leaves[index], root), Is.False, at);
                }
            }
        }
    }

    [Test]
    public void TheProverGivesTheSameRootsAndProofs()
    {
        for (int size = 0; size <= MaxSize; size++)
        {
            Hash[] leaves = Leaves(size);
            var prover = new MerkleProver(leaves);
            Assert.That(prover.Root, Is.EqualTo(MerkleTree.Root(leaves)), $"size {size}");
            for (int index = 0; index < size; index++)
            {
                MerkleProof expected = MerkleTree.Prove(leaves, index), proof = prover.Prove(index);
                Assert.That((proof.Count, proof.Index), Is.EqualTo((expected.Count, expected.Index)));
                Assert.That(proof.Siblings, Is.EqualTo(expected.Siblings), $"{index} of {size}");
            }
            Assert.That(() => prover.Prove(size), Throws.InstanceOf<ArgumentOutOfRangeException>());
        }
    }

    [Test]
    public void RootsOfDifferentListsDiffer()
    {
        HashSet<Hash> roots = [];
        for (int size = 0; size <= MaxSize; size++)
        {
            Hash[] leaves = Leaves(size);
            Assert.That(roots.Add(MerkleTree.Root(leaves)), Is.True, $"size {size}");
            for (int i = 0; i < size; i++)
            {
                Hash[] changed = [.. leaves];
                changed[i] = H(5000 + i);
                Assert.That(roots.Add(MerkleTree.Root(changed)), Is.True, $"{i} of {size} changed");
            }
        }
    }

    [Test]
    public void OrderAndRepetitionMatter()
    {
        Assert.That(MerkleTree.Root([H(1), H(2)]), Is.Not.EqualTo(MerkleTree.Root([H(2), H(1)])));
        // The flaw of Bitcoin's tree (CVE-2012-2459): an odd list and the same list with its last leaf doubled.
        Assert.That(MerkleTree.Root([H(1), H(2), H(3)]), Is.Not.EqualTo(MerkleTree.Root([H(1), H(2), H(3), H(3)])));
    }

    [Test]
    public void AnInnerNodeIsNotALeaf()
    {
        Hash[] leaves = Leaves(4);
        MerkleProof proof = MerkleTree.Prove(leaves, 0);
        Hash inner = Digest.Of(Domains.MerkleNode, MerkleTree.Root([leaves[0]]), MerkleTree.Root([leaves[1]]));
        Assert.That(new MerkleProof(2, 0, [proof.Siblings[1]]).Verify(inner, MerkleTree.Root(leaves)), Is.False);
    }

    [TestCase(-1)]
    [TestCase(3)]
    public void AnIndexOutsideTheListIsRefused(int index) =>
        Assert.That(() => MerkleTree.Prove(Leaves(3), index), Throws.InstanceOf<ArgumentOutOfRangeException>());

    private static Hash[] Leaves(int count) => [.. Enumerable.Range(0, count).Select(H)];

    private static Hash H(int value) => Digest.Of("ptoy/test/v1", BitConverter.GetBytes(value));
}
