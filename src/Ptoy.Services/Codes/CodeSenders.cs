using System.Globalization;
using System.Net.Mail;
using System.Text;
using System.Text.Json;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Codes;

/// <summary>Writes to a text writer, usually the console, with only the number's ending: for demonstrations at a desk.</summary>
public sealed class ConsoleCodeSender(TextWriter writer) : ICodeSender
{
    /// <inheritdoc/>
    public async Task SendAsync(string e164, string text, CancellationToken cancellation) =>
        await writer.WriteLineAsync($"[message to the phone {PhoneText.Ending(e164)}] {text}".AsMemory(), cancellation);
}

/// <summary>
/// Puts each message into a folder, one file a message, readable by its user only: a stand-in for phones in demonstrations and tests, or a
/// hand-over to a gateway that watches a folder. Files are JSON <c>{"to","text"}</c>; a file appears whole or not at all.
/// </summary>
public sealed class FileCodeSender(string folder) : ICodeSender
{
    private long _count;

    /// <inheritdoc/>
    public async Task SendAsync(string e164, string text, CancellationToken cancellation)
    {
        try
        {
            Directory.CreateDirectory(folder);
            string name = string.Create(CultureInfo.InvariantCulture, $"{Guid.NewGuid():N}-{Interlocked.Increment(ref _count):D6}");
            string half = Path.Combine(folder, name + ".part");
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            await using (var writer = new StreamWriter(half, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), options))
                await writer.WriteAsync(JsonSerializer.Serialize(new { to = e164, text }).AsMemory(), cancellation);
            File.Move(half, Path.Combine(folder, name + ".json"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CodeSendException("file", "the folder cannot be written", e);
        }
    }
}

/// <summary>Posts JSON <c>{"to","text"}</c> to an address, as most message gateways take it.</summary>
public sealed class WebhookCodeSender(HttpClient http, Uri address) : ICodeSender
{
    /// <inheritdoc/>
    public async Task SendAsync(string e164, string text, CancellationToken cancellation)
    {
        try
        {
            using HttpResponseMessage answer = await http.PostAsJsonAsync(address, new { to = e164, text }, cancellation);
            if (!answer.IsSuccessStatusCode)
                throw new CodeSendException("webhook", $"the gateway answered {(int)answer.StatusCode}");
        }
        catch (HttpRequestException e)
        {
            throw new CodeSendException("webhook", "the gateway cannot be reached", e);
        }
    }
}

/// <summary>Mails the message to a mail-to-text gateway: the number's digits are the mailbox.</summary>
/// <param name="host">Mail server.</param>
/// <param name="port">Its port.</param>
/// <param name="from">Sender address.</param>
/// <param name="gatewayDomain">Domain of the gateway.</param>
public sealed class SmtpCodeSender(string host, int port, string from, string gatewayDomain) : ICodeSender
{
    /// <inheritdoc/>
    public async Task SendAsync(string e164, string text, CancellationToken cancellation)
    {
        using var mail = new MailMessage(from, $"{e164.TrimStart('+')}@{gatewayDomain}", "Your code", text);
        using var client = new SmtpClient(host, port) { EnableSsl = port != 25 };
        try
        {
            await client.SendMailAsync(mail, cancellation);
        }
        catch (SmtpException e)
        {
            throw new CodeSendException("mail", $"the mail server answered {e.StatusCode}", e);
        }
    }
}
