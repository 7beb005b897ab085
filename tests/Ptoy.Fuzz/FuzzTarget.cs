namespace Ptoy.Fuzz;

/// <summary>
/// One reader of untrusted bytes. <see cref="Run"/> returns true when the bytes were accepted, false when they were refused in the
/// documented way, and throws for everything else: that is a finding.
/// </summary>
internal sealed record FuzzTarget(string Name, IReadOnlyList<byte[]> Seeds, Func<byte[], bool> Run)
{
    private const int MaxReason = 60;

    [ThreadStatic]
    private static string? s_reason;

    /// <summary>Done once before the first input, without a limit of time.</summary>
    public Action Prepare { get; init; } = static () => { };

    /// <summary>Why the input was refused, without its own numbers: an input that is refused in a new way is worth changing further.</summary>
    public static void Note(string reason) => s_reason = string.Concat(reason.Where(c => char.IsAsciiLetter(c) || c == ' ').Take(MaxReason));

    /// <summary>What was noted since the last call, on this thread.</summary>
    public static string? TakeReason()
    {
        string? reason = s_reason;
        s_reason = null;
        return reason;
    }

    /// <summary>A target whose documented refusal is an exception of type <typeparamref name="T"/>.</summary>
    public static FuzzTarget Of<T>(string name, IReadOnlyList<byte[]> seeds, Action<byte[]> read) where T : Exception => new(name, seeds, bytes =>
    {
        try
        {
            read(bytes);
            return true;
        }
        catch (T e)
        {
            Note(e.Message);
            return e.Message.Length > 0 ? false : throw new FindingException("refused without a message");
        }
    });
}

/// <summary>Something that must not be, found by a target's own check.</summary>
internal sealed class FindingException(string message) : Exception(message);

/// <summary>An input that broke a target's promise.</summary>
internal sealed record Finding(string Target, byte[] Input, string Problem);
