using System.Text;
using Ptoy.Client.Keys;

namespace Ptoy.Cli.Shell;

/// <summary>What a command sees of the process: its streams, environment and keyboard. Tests give their own.</summary>
internal sealed record Terminal
{
    /// <summary>Results only: what another program may read.</summary>
    public required TextWriter Out { get; init; }

    /// <summary>Prose, progress, prompts and errors.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Lines typed or piped in.</summary>
    public required TextReader In { get; init; }

    /// <summary>Looks up an environment variable.</summary>
    public required Func<string, string?> Environment { get; init; }

    /// <summary>Reads a line without echo; null when nobody is at a keyboard.</summary>
    public Func<string>? ReadSecret { get; init; }

    /// <summary>True when progress bars and colours make sense.</summary>
    public bool IsInteractive { get; init; }

    /// <summary>Cost of new keystores.</summary>
    public Argon2Cost KeystoreCost { get; init; } = Argon2Cost.Default;

    /// <summary>The process's own.</summary>
    public static Terminal OfProcess() => new()
    {
        Out = Console.Out,
        Error = Console.Error,
        In = Console.In,
        Environment = System.Environment.GetEnvironmentVariable,
        ReadSecret = Console.IsInputRedirected ? null : ReadHidden,
        IsInteractive = !Console.IsErrorRedirected && !Console.IsInputRedirected,
    };

    private static string ReadHidden()
    {
        var text = new StringBuilder();
        while (true)
        {
            ConsoleKeyInfo key = Console.ReadKey(intercept: true);
            if (key.Key == ConsoleKey.Enter) break;
            if (key.Key == ConsoleKey.Backspace) text.Length = Math.Max(0, text.Length - 1);
            else if (!char.IsControl(key.KeyChar)) text.Append(key.KeyChar);
        }
        Console.Error.WriteLine();
        return text.ToString();
    }
}
