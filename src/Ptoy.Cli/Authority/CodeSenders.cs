using Ptoy.Services.Codes;

namespace Ptoy.Cli.Authority;

/// <summary>How one-time codes get to phones, as written on the command line.</summary>
internal static class CodeSenders
{
    public const string Help = $"how codes are sent: {CodeWays.Help}";

    /// <summary>Parses a way. Wrong text is refused, naming the option.</summary>
    public static ICodeSender Parse(string option, string text, TextWriter console) => CodeWays.Parse(option, text, console);
}
