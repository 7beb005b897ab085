namespace Ptoy.Services.Facade.Index;

// One line of a patient's index each. A text is a number: from the pool of terms when it is not negative, else the complement of a place in
// the shelf's own texts. Element tells apart the repetitions that a composite parameter is about.

internal readonly record struct TokenEntry(int Parameter, int Code, int System, int Doc, int Element);

internal readonly record struct StringEntry(int Parameter, int Folded, int Exact, int Doc, int Element);

internal readonly record struct DateEntry(int Parameter, int Doc, int Element, long Low, long High);

/// <summary>A reference: target type (0 when it does not say, as in <c>urn:uuid:…</c>) and id, or an absolute URL as id with type
/// -1.</summary>
internal readonly record struct ReferenceEntry(int Parameter, int Doc, int Element, int TargetType, int TargetId);

/// <summary>A quantity, number or money: value, unit as coded and as written, and the value in base units where the unit is one of
/// UCUM's.</summary>
internal readonly record struct QuantityEntry(
    int Parameter, int Doc, int Element, decimal Low, decimal High, int System, int Code, int Unit, int Base, double BaseLow,
        double BaseHigh);
