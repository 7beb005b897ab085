using MessagePack;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.State;

/// <summary>One entry of the state as it is: path (<c>Class/ownerHex/key</c>) and JSON text.</summary>
[MessagePackObject]
public sealed record StateItem([property: Key(0)] string Path, [property: Key(1)] string Json) : IWire
{
    /// <summary>Longest JSON text in UTF-16 units: above what a contract can write.</summary>
    public const int MaxJson = 96 * 1024;

    /// <inheritdoc/>
    public string? Problem() => Check.Text("path", Path, 1, StateHash.MaxPath) ?? Check.Text("json", Json, 1, MaxJson);

    /// <summary>The entry as hashes.</summary>
    public StateEntry ToEntry() => new(StateHash.Key(Path), StateHash.Value(Json));
}

/// <summary>What a step of a range proof says about one subtree.</summary>
public enum StateStepKind : byte
{
    /// <summary>Nothing lies in the subtree, or nothing but what the range lists of it.</summary>
    Nothing = 0,
    /// <summary>The subtree lies outside the range: its hash.</summary>
    Outside = 1,
    /// <summary>The only entry of the subtree, and it lies outside the range: key and value hash.</summary>
    Lone = 2,
    /// <summary>The subtree has two or more entries and the end of the range goes through it: its halves follow, left one first.</summary>
    Halves = 3,
}

/// <summary>One step of a range proof. <see cref="Key"/> is set for a lone entry only, <see cref="Hash"/> for that and for a subtree outside.</summary>
[MessagePackObject]
public sealed record StateStep([property: Key(0)] StateStepKind Kind, [property: Key(1)] Hash Key, [property: Key(2)] Hash Hash) : IWire
{
    internal static StateStep Nothing { get; } = new(StateStepKind.Nothing, Hash.Zero, Hash.Zero);

    internal static StateStep Halves { get; } = new(StateStepKind.Halves, Hash.Zero, Hash.Zero);

    /// <inheritdoc/>
    public string? Problem() => Kind switch
    {
        StateStepKind.Nothing or StateStepKind.Halves when Key.IsZero && Hash.IsZero => null,
        StateStepKind.Outside when Key.IsZero && !Hash.IsZero => null,
        StateStepKind.Lone when !Hash.IsZero => null,
        _ => "kind and hashes of a proof step do not go together",
    };
}

/// <summary>
/// All entries of the state whose keys lie in [<see cref="From"/>, <see cref="To"/>], in the order of their keys, with a proof against the
/// state root: what a state snapshot travels in. It verifies only if it lists exactly what the tree has in the range: nothing left out,
/// added, changed or moved. Each range verifies by itself, so ranges may come from different nodes in any order.
/// <para>
/// The proof is the walk from the root along both ends of the range: a step for each subtree that an end goes through or that lies
/// outside beside one; subtrees inside follow from the items. A lone entry outside is shown with its key, since its hash alone would not
/// say on which side of the end it lies.
/// </para>
/// </summary>
[MessagePackObject]
public sealed record StateRange(
    [property: Key(0)] Hash From,
    [property: Key(1)] Hash To,
    [property: Key(2)] StateItem[] Items,
    [property: Key(3)] StateStep[] Proof) : IWire
{
    /// <summary>Most entries in a range.</summary>
    public const int MaxItems = 32_768;

    /// <summary>Most steps: two ends, at each level of the tree the subtree that the end goes through and the one beside it.</summary>
    public const int MaxSteps = 4 * (StateProof.MaxDepth + 1);

    /// <summary>Largest encoded range in bytes.</summary>
    public const int MaxBytes = 1024 * 1024;

    /// <summary>The greatest key there can be.</summary>
    public static Hash LastKey { get; } = new([.. Enumerable.Repeat((byte)0xff, Hash.Size)]);

    /// <inheritdoc/>
    public string? Problem() =>
        (From.CompareTo(To) <= 0 ? null : "from is above to")
        ?? Check.Each("items", Items, MaxItems)
        ?? Check.Each("proof", Proof, MaxSteps);

    /// <summary>
    /// Null when the tree with that root has exactly these items in the range, else what is wrong; never throws. <paramref name="entries"/>
    /// are the items as hashes, in order.
    /// </summary>
    public string? Verify(Hash root, out StateEntry[] entries)
    {
        entries = [];
        if (Problem() is { } problem) return problem;
        StateEntry[] hashed = [.. Items.Select(i => i.ToEntry())];
        for (int i = 0; i < hashed.Length; i++)
        {
            if (hashed[i].Key.CompareTo(From) < 0 || hashed[i].Key.CompareTo(To) > 0) return $"item {i} is outside the range";
            if (i > 0 && hashed[i].Key.CompareTo(hashed[i - 1].Key) <= 0) return $"item {i} is not in the order of keys";
        }
        var walk = new StateRangeWalk(this, hashed);
        if (walk.Root() is not { } computed) return walk.Error;
        if (computed != root) return "the items and the proof do not lead to the state root";
        entries = hashed;
        return null;
    }
}
