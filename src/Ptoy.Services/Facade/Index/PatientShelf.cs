using Ptoy.Protocol;

namespace Ptoy.Services.Facade.Index;

/// <summary>What is known of one version of a resource without its bytes.</summary>
internal readonly record struct ShelfDocument(
    string Type, string Id, string RecordId, int Compartment, long UpdatedTicks, bool IsCurrent, int Previous);

/// <summary>
/// Everything indexed of one patient: documents in the order of type and arrival, and sorted lines per search parameter. It never changes;
/// a
/// patient's change makes a new one, and when a patient is gone nothing refers to it any more.
/// </summary>
internal sealed class PatientShelf
{
    public required Address Patient { get; init; }

    public required string PatientText { get; init; }

    public required ShelfDocument[] Documents { get; init; }

    /// <summary>First and one past the last document of each type.</summary>
    public required IReadOnlyDictionary<string, Range> Types { get; init; }

    public required TokenEntry[] Tokens { get; init; }

    public required StringEntry[] Strings { get; init; }

    public required DateEntry[] Dates { get; init; }

    public required ReferenceEntry[] References { get; init; }

    public required QuantityEntry[] Quantities { get; init; }

    /// <summary>Texts that belong to this patient alone.</summary>
    public required string[] Texts { get; init; }

    public required TermPool Terms { get; init; }

    /// <summary>Documents sorted by id, then type: how references are found.</summary>
    public required int[] ById { get; init; }

    /// <summary>The distinct compartments that occur.</summary>
    public required int[] Compartments { get; init; }

    /// <summary>Id of the patient's own resource: the newest Patient of the first source; null when there is none.</summary>
    public required string? PatientResourceId { get; init; }

    public string Text(int number) => number >= 0 ? Terms[number] : Texts[~number];

    /// <summary>The current version of a resource; the type may be left open. -1 when it is not here.</summary>
    public int FindCurrent(string? type, string id)
    {
        for (int at = FirstById(id); at < ById.Length; at++)
        {
            ref readonly ShelfDocument document = ref Documents[ById[at]];
            if (document.Id != id) return -1;
            if (document.IsCurrent && (type is null || document.Type == type)) return ById[at];
        }
        return -1;
    }

    /// <summary>The first and one past the last line of a parameter in lines sorted by it.</summary>
    public static (int From, int To) Lines<T>(T[] sorted, int parameter, Func<T, int> of)
    {
        int from = First(sorted, parameter, of);
        return (from, First(sorted, parameter + 1, of));
    }

    private static int First<T>(T[] sorted, int parameter, Func<T, int> of)
    {
        int low = 0, high = sorted.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (of(sorted[middle]) < parameter) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    private int FirstById(string id)
    {
        int low = 0, high = ById.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (string.CompareOrdinal(Documents[ById[middle]].Id, id) < 0) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
