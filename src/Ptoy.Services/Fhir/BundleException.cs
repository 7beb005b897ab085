namespace Ptoy.Services.Fhir;

/// <summary>
/// A FHIR bundle that cannot be taken. The message names the place and what is wrong and never quotes content, so it may be logged;
/// <see cref="Source"/> (a file name, which may hold a person's name) is kept apart.
/// </summary>
public sealed class BundleException(string? source, long position, string problem) : Exception($"byte {position}: {problem}")
{
    /// <summary>Where the bytes came from: for the operator's screen, not for logs.</summary>
    public override string? Source { get; set; } = source;

    /// <summary>Offset of the trouble in the file, in bytes.</summary>
    public long Position { get; } = position;

    /// <summary>File, place and problem: for the operator's screen.</summary>
    public string Describe() => Source is null ? Message : $"{Source}: {Message}";
}
