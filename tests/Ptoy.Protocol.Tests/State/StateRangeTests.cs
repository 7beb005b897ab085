using CsCheck;
using NUnit.Framework;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Wire;
using Hash = Ptoy.Protocol.Hash;

namespace Ptoy.Protocol.Tests.State;

[TestFixture]
public sealed class StateRangeTests
{
    private static StateItem[] Items(int count) => [.. Enumerable.Range(0, count).Select(i => new StateItem($"Token//{i}", $"{i}"))];

    private static Hash RootOf(IEnumerable<StateItem> items) => StateTree.Root(items.Select(i => i.ToEntry()));

    private static StateItem[] Inside(IEnumerable<StateItem> items, Hash from, Hash to) =>
        [.. items.Where(i => i.ToEntry().Key.CompareTo(from) >= 0 && i.ToEntry().Key.CompareTo(to) <= 0).OrderBy(i => i.ToEntry().Key)];

    private static readonly Gen<Hash> AnyHash = Gen.Byte.Array[Hash.Size].Select(b => new Hash(b));

    // A bound at, right below or right above an entry, or anywhere.
    private static Gen<Hash> Bound(StateItem[] items) => items.Length == 0 ? AnyHash : Gen.OneOf(
        AnyHash,
        Gen.Int[0, items.Length - 1].Select(i => items[i].ToEntry().Key),
        Gen.Int[0, items.Length - 1].Select(i => Beside(items[i].ToEntry().Key, 1)),
        Gen.Int[0, items.Length - 1].Select(i => Beside(items[i].ToEntry().Key, -1)),
        Gen.Const(Hash.Zero), Gen.Const(StateRange.LastKey));

    private static Hash Beside(Hash key, int by)
    {
        byte[] bytes = key.ToArray();
        bytes[^1] = (byte)(bytes[^1] + by);
        return new Hash(bytes);
    }

    private static readonly Gen<(StateItem[] All, StateRange Range)> Honest =
        from count in Gen.Int[0, 60]
        let all = Items(count)
        from a in Bound(all)
        from b in Bound(all)
        select (all, StateRangeProver.Of(all, a.CompareTo(b) <= 0 ? a : b, a.CompareTo(b) <= 0 ? b : a));

    [Test]
    public void Every_range_of_every_tree_verifies_with_exactly_its_entries() => Honest.Sample((all, range) =>
    {
        Assert.That(range.Verify(RootOf(all), out StateEntry[] entries), Is.Null);
        Assert.That(entries, Is.EqualTo(Inside(all, range.From, range.To).Select(i => i.ToEntry())));
    }, iter: 300);

    [Test]
    public void Ranges_side_by_side_give_the_whole_tree() => Gen.Select(Gen.Int[0, 200], AnyHash).Sample((count, cut) =>
    {
        StateItem[] all = Items(count);
        StateRange low = StateRangeProver.Of(all, Hash.Zero, cut), high = StateRangeProver.Of(all, Beside(cut, 1), StateRange.LastKey);
        if (cut.ToArray()[^1] == 0xff) return;
        Assert.That(low.Verify(RootOf(all), out StateEntry[] first), Is.Null);
        Assert.That(high.Verify(RootOf(all), out StateEntry[] second), Is.Null);
        Assert.That(StateTree.Root([.. first, .. second]), Is.EqualTo(RootOf(all)));
    }, iter: 100);

    [Test]
    public void The_whole_tree_needs_no_proof()
    {
        StateItem[] all = Items(40);
        StateRange range = StateRangeProver.Of(all, Hash.Zero, StateRange.LastKey);
        Assert.That(range.Proof, Is.Empty);
        Assert.That(range.Verify(RootOf(all), out _), Is.Null);
    }

    [Test]
    public void An_omitted_entry_is_refused() => Lies((range, at) => range with { Items = [.. range.Items[..at], .. range.Items[(at + 1)..]] });

    [Test]
    public void A_changed_value_is_refused() => Lies((range, at) => range with { Items = [.. range.Items[..at], range.Items[at] with { Json = "9999" }, .. range.Items[(at + 1)..]] });

    [Test]
    public void A_changed_path_is_refused() => Lies((range, at) => range with { Items = [.. range.Items[..at], range.Items[at] with { Path = "Token//other" }, .. range.Items[(at + 1)..]] });

    [Test]
    public void An_entry_listed_twice_is_refused() => Lies((range, at) => range with { Items = [.. range.Items[..at], range.Items[at], .. range.Items[at..]] });

    [Test]
    public void Another_order_is_refused() => Honest.Where(h => h.Range.Items.Length > 1).Sample((all, range) =>
        Assert.That((range with { Items = [.. range.Items.Reverse()] }).Verify(RootOf(all), out _), Does.Contain("order of keys")), iter: 50);

    [Test]
    public void An_added_entry_is_refused() => Honest.Sample((all, range) =>
    {
        StateItem extra = new("Token//extra", "1");
        StateItem[] more = [.. range.Items.Append(extra).OrderBy(i => i.ToEntry().Key)];
        Assert.That((range with { Items = more }).Verify(RootOf(all), out _), Is.Not.Null);
    }, iter: 100);

    [Test]
    public void Another_root_is_refused() => Honest.Where(h => h.All.Length > 0).Sample((all, range) =>
        Assert.That(range.Verify(RootOf(all[1..]), out _), Is.Not.Null), iter: 50);

    // An omitted lone entry could be passed off as one beside the range, were its key not shown.
    [Test]
    public void An_entry_inside_does_not_pass_for_one_outside()
    {
        StateItem[] all = Items(1);
        StateEntry only = all[0].ToEntry();
        Hash from = Hash.Zero, to = StateRange.LastKey;
        Assert.That(new StateRange(from, Beside(to, -1), [], [new StateStep(StateStepKind.Lone, only.Key, only.Value)]).Verify(RootOf(all), out _), Does.Contain("not outside"));
        Assert.That(new StateRange(only.Key, only.Key, [], [new StateStep(StateStepKind.Outside, Hash.Zero, RootOf(all))]).Verify(RootOf(all), out _), Is.Not.Null);
    }

    /// <summary>Whatever is changed: what still verifies is the truth about the range that it names.</summary>
    [Test]
    public void Whatever_verifies_is_true() => Gen.Select(Honest, Mutation).Sample((honest, mutate) =>
    {
        StateRange changed = mutate(honest.Range);
        if (changed.Verify(RootOf(honest.All), out StateEntry[] entries) is not null) return;
        Assert.That(entries, Is.EqualTo(Inside(honest.All, changed.From, changed.To).Select(i => i.ToEntry())));
    }, iter: 3_000);

    [Test]
    public void Every_changed_byte_of_an_encoded_range_is_noticed()
    {
        StateItem[] all = Items(30);
        Hash[] keys = [.. all.Select(i => i.ToEntry().Key).Order()];
        byte[] bytes = Codec.Encode(StateRangeProver.Of(all, keys[9], keys[14]));
        for (int i = 0; i < bytes.Length; i++)
        {
            byte[] changed = [.. bytes];
            changed[i] ^= 1;
            if (!Codec.TryDecode(changed, StateRange.MaxBytes, out StateRange? range, out _) || range!.Verify(RootOf(all), out StateEntry[] entries) is not null) continue;
            Assert.That(entries, Is.EqualTo(Inside(all, range!.From, range.To).Select(e => e.ToEntry())), $"byte {i}");
        }
    }

    private static void Lies(Func<StateRange, int, StateRange> lie) => Gen.Select(Honest.Where(h => h.Range.Items.Length > 0), Gen.Int[0, 1_000]).Sample((honest, at) =>
        Assert.That(lie(honest.Range, at % honest.Range.Items.Length).Verify(RootOf(honest.All), out _), Is.Not.Null), iter: 100);

    private static readonly Gen<Func<StateRange, StateRange>> Mutation = Gen.Select(Gen.Int[0, 7], Gen.Int[0, 1_000], AnyHash).Select((kind, at, hash) => (Func<StateRange, StateRange>)(range =>
    {
        StateStep[] proof = range.Proof;
        int i = proof.Length == 0 ? 0 : at % proof.Length;
        return kind switch
        {
            0 => range with { From = hash },
            1 => range with { To = hash },
            2 => range with { From = Beside(range.From, 1) },
            3 => range with { To = Beside(range.To, -1) },
            4 when proof.Length > 0 => range with { Proof = [.. proof[..i], .. proof[(i + 1)..]] },
            5 when proof.Length > 0 => range with { Proof = [.. proof[..i], new StateStep(StateStepKind.Nothing, Hash.Zero, Hash.Zero), .. proof[(i + 1)..]] },
            6 when proof.Length > 0 => range with { Proof = [.. proof[..i], proof[i] with { Key = hash }, .. proof[(i + 1)..]] },
            7 when range.Items.Length > 0 => range with { Items = range.Items[1..], From = Beside(range.Items[0].ToEntry().Key, 1) },
            _ => range with { Items = [.. range.Items.Take(at % 3)] },
        };
    }));
}
