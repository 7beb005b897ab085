using CsCheck;
using NUnit.Framework;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Wire;
using Hash = Ptoy.Protocol.Hash;

namespace Ptoy.Protocol.Tests.State;

[TestFixture]
public sealed class StateProofTests
{
    private static StateEntry Entry(string path, string json) => new(StateHash.Key(path), StateHash.Value(json));

    private static StateEntry[] Entries(int count) => [.. Enumerable.Range(0, count).Select(i => Entry($"Token//{i}", $"{i}"))];

    // Chosen bytes, to put leaves where a test wants them.
    private static Hash Chosen(byte first, byte last)
    {
        var bytes = new byte[Hash.Size];
        bytes[0] = first;
        bytes[^1] = last;
        return new Hash(bytes);
    }

    [Test]
    public void An_empty_tree_has_the_zero_root_and_proves_every_absence()
    {
        Assert.That(StateTree.Root([]), Is.EqualTo(Hash.Zero));
        Assert.That(StateTree.Prove([], StateHash.Key("Token//a")).Verify(Hash.Zero, "Token//a", null), Is.True);
    }

    [Test]
    public void A_tree_of_one_entry_is_its_leaf() =>
        Assert.That(StateTree.Root([Entry("Token//a", "1")]), Is.EqualTo(StateHash.Leaf(StateHash.Key("Token//a"), StateHash.Value("1"))));

    [Test]
    public void Every_value_and_every_absence_is_proved_in_trees_of_every_size() => Gen.Int[0, 70].Sample(count =>
    {
        StateEntry[] entries = Entries(count);
        Hash root = StateTree.Root(entries);
        for (int i = 0; i < 80; i++)
        {
            StateProof proof = StateTree.Prove(entries, StateHash.Key($"Token//{i}"));
            bool there = i < count;
            Assert.That(proof.Verify(root, $"Token//{i}", there ? $"{i}" : null), Is.True);
            Assert.That(proof.Verify(root, $"Token//{i}", there ? null : $"{i}"), Is.False);
            Assert.That(proof.Verify(root, $"Token//{i}", "forged"), Is.False);
        }
    }, iter: 20);

    [Test]
    public void The_root_does_not_depend_on_the_order_of_entries() => Gen.Int[2, 40].Select(Gen.Int).Sample((count, seed) =>
    {
        StateEntry[] entries = Entries(count);
        StateEntry[] shuffled = [.. entries.OrderBy(e => HashCode.Combine(e.Key, seed))];
        return StateTree.Root(entries) == StateTree.Root(shuffled);
    }, iter: 50);

    [Test]
    public void Keys_that_differ_in_the_last_bit_only_are_told_apart()
    {
        StateEntry[] entries = [new(Chosen(0x80, 0), StateHash.Value("0")), new(Chosen(0x80, 1), StateHash.Value("1"))];
        Hash root = StateTree.Root(entries);
        StateProof proof = StateTree.Prove(entries, entries[1].Key);
        Assert.Multiple(() =>
        {
            Assert.That(proof.Siblings, Has.Length.EqualTo(StateProof.MaxDepth));
            Assert.That(proof.Verify(root, entries[1].Key, StateHash.Value("1")), Is.True);
            Assert.That(proof.Verify(root, entries[0].Key, StateHash.Value("1")), Is.False);
            Assert.That(StateTree.Prove(entries, Chosen(0x80, 2)).Verify(root, Chosen(0x80, 2), Hash.Zero), Is.True);
        });
    }

    [Test]
    public void A_leaf_of_another_subtree_does_not_prove_absence()
    {
        StateEntry[] entries = [new(Chosen(0x00, 1), StateHash.Value("left")), new(Chosen(0xc0, 1), StateHash.Value("r")), new(Chosen(0x80, 1), StateHash.Value("l"))];
        Hash root = StateTree.Root(entries);
        StateProof left = StateTree.Prove(entries, entries[0].Key);
        Assert.Multiple(() =>
        {
            Assert.That(left.Verify(root, entries[1].Key, Hash.Zero), Is.False, "it is there, elsewhere");
            Assert.That(left.Verify(root, Chosen(0x01, 0), Hash.Zero), Is.True, "nothing else is in the left half");
        });
    }

    [Test]
    public void An_inner_node_does_not_pass_for_a_leaf()
    {
        StateEntry[] entries = [new(Chosen(0x00, 1), StateHash.Value("left")), new(Chosen(0x80, 1), StateHash.Value("right"))];
        Hash root = StateTree.Root(entries);
        Hash left = StateHash.Leaf(entries[0].Key, entries[0].Value), right = StateHash.Leaf(entries[1].Key, entries[1].Value);
        Assert.That(new StateProof([], left, right).Verify(root, left, right), Is.False);
    }

    [Test]
    public void Every_changed_byte_of_an_encoded_proof_is_noticed()
    {
        StateEntry[] entries = Entries(30);
        Hash root = StateTree.Root(entries);
        byte[] bytes = Codec.Encode(StateTree.Prove(entries, StateHash.Key("Token//7")));
        for (int i = 0; i < bytes.Length; i++)
        {
            byte[] changed = [.. bytes];
            changed[i] ^= 1;
            bool accepted = Codec.TryDecode(changed, StateProof.MaxBytes, out StateProof? proof, out _) && proof!.Verify(root, "Token//7", "7");
            Assert.That(accepted, Is.False, $"byte {i}");
        }
    }

    [Test]
    public void Bounds_are_checked()
    {
        Assert.Multiple(() =>
        {
            Assert.That(new StateProof(new Hash[257], Hash.Zero, Hash.Zero).Problem(), Does.Contain("siblings has 257"));
            Assert.That(new StateProof([], StateHash.Key("x"), Hash.Zero).Problem(), Does.Contain("or neither"));
            Assert.That(new StateProof(null!, Hash.Zero, Hash.Zero).Verify(Hash.Zero, "Token//a", null), Is.False);
            Assert.That(() => StateTree.Root([Entry("a", "1"), Entry("a", "2")]), Throws.ArgumentException);
        });
    }

    // These bytes and hashes are consensus: a change here is a fork.
    [Test]
    public void Hashes_and_bytes_stay_as_they_are()
    {
        StateEntry[] entries = Entries(3);
        Assert.Multiple(() =>
        {
            Assert.That(StateHash.Key("Token//0").ToString(), Is.EqualTo("c5a02d121a5bb47715746fec8653b903e74d2b559d9566ad2bd0381efd39a0cf"));
            Assert.That(StateHash.Value("0").ToString(), Is.EqualTo("f10ac360b534a5d8fc47dba4fa91260e787c972f56a4755e6af7ab29be9c27e9"));
            Assert.That(StateTree.Root(entries).ToString(), Is.EqualTo("53f63d9e607fde4004c7188e6cc8ad6fa84b2f1c9e14c9bb7d793b96a5956ac1"));
            Assert.That(Convert.ToHexStringLower(Codec.Encode(StateTree.Prove(entries, entries[0].Key))), Is.EqualTo(
                "9396c4200000000000000000000000000000000000000000000000000000000000000000c42000000000000000000000000000000000000000000000"
                + "00000000000000000000c42039cf3509bbd293eb137018c2d97e8249b0e867c0250b5ddc873ea33f19161714c4200000000000000000000000000000"
                + "000000000000000000000000000000000000c4200000000000000000000000000000000000000000000000000000000000000000c4201106317c9620"
                + "0d592de84f52d4002ab0828a8f1d103d9a3ca6dd8f01eaed0533c420c5a02d121a5bb47715746fec8653b903e74d2b559d9566ad2bd0381efd39a0cf"
                + "c420f10ac360b534a5d8fc47dba4fa91260e787c972f56a4755e6af7ab29be9c27e9"));
        });
    }
}
