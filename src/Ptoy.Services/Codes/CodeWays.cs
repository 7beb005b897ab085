using Ptoy.Services.Common;

namespace Ptoy.Services.Codes;

/// <summary>How one-time codes get to phones, as one line of text: on the command line and in configurations.</summary>
public static class CodeWays
{
    /// <summary>What there is.</summary>
    public const string Help = "console, file:DIR, webhook:URL, or smtp:HOST:PORT:FROM:GATEWAY-DOMAIN";

    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(20) };

    /// <summary>Parses a way. Throws <see cref="FieldException"/> naming the field for other text.</summary>
    public static ICodeSender Parse(string field, string text, TextWriter console)
    {
        if (text == "console") return new ConsoleCodeSender(console);
        string[] parts = text.Split(':', 2);
        if (parts.Length == 2 && parts[1].Length > 0)
        {
            if (parts[0] == "file") return new FileCodeSender(parts[1]);
            if (parts[0] == "webhook" && Uri.TryCreate(parts[1], UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https") return new WebhookCodeSender(Http, url);
            if (parts[0] == "smtp" && parts[1].Split(':') is [var host, var port, var from, var domain] && ushort.TryParse(port, out ushort number))
                return new SmtpCodeSender(host, number, from, domain);
        }
        throw new FieldException(field, $"'{text}' is not one of: {Help}");
    }
}
