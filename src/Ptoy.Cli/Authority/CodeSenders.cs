using Ptoy.Cli.Shell;
using Ptoy.Services.Codes;

namespace Ptoy.Cli.Authority;

/// <summary>How one-time codes get to phones, as written on the command line.</summary>
internal static class CodeSenders
{
    public const string Help = "how codes are sent: console, file:DIR, webhook:URL, or smtp:HOST:PORT:FROM:GATEWAY-DOMAIN";

    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(20) };

    /// <summary>Parses a way. Wrong text is refused, naming the option.</summary>
    public static ICodeSender Parse(string option, string text, TextWriter console)
    {
        if (text == "console") return new ConsoleCodeSender(console);
        string[] parts = text.Split(':', 2);
        if (parts.Length == 2 && parts[1].Length > 0)
        {
            if (parts[0] == "file") return new FileCodeSender(parts[1]);
            if (parts[0] == "webhook") return new WebhookCodeSender(Http, Call.UrlOf(option, parts[1]));
            if (parts[0] == "smtp" && parts[1].Split(':') is [var host, var port, var from, var domain] && ushort.TryParse(port, out ushort number))
                return new SmtpCodeSender(host, number, from, domain);
        }
        throw CliException.Usage($"{option}: '{text}' is not one of: {Help}");
    }
}
