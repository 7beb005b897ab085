using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;
using Ptoy.Client.Workflows;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Services.Notifications;

/// <summary>A message did not arrive. The message names the way and what it answered, not whom it was for.</summary>
internal sealed class SendFailedException(string message, bool forGood, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>True when trying again is of no use: the address does not exist.</summary>
    public bool ForGood { get; } = forGood;
}

/// <summary>Sends notices by e-mail: that there is something, never what.</summary>
internal sealed class MailSender(SmtpOptions options, string? password, string? appUrl, string name)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public Task SendAsync(string to, IReadOnlyList<NoticeItem> notices, CancellationToken cancellation)
    {
        var text = new StringBuilder("There is something new for you:\n\n");
        foreach (IGrouping<string, NoticeItem> kind in notices.GroupBy(n => n.Kind)) text.Append($"- {Sentence(kind.Key)}{(kind.Count() > 1 ? $" ({kind.Count()} times)" : "")}\n");
        text.Append($"\nFor your privacy this mail does not say more. Open your app{(appUrl is null ? "" : $" ({appUrl})")} to see it.\n");
        return SendAsync(to, $"{name}: something new for you", text.ToString(), notices[0].Id, cancellation);
    }

    public Task SendCodeAsync(string to, string code, CancellationToken cancellation) => SendAsync(
        to, $"{name}: please confirm this address", $"Your code: {code}\n\nType it in only if you asked to be notified here. If you did not, ignore this mail.\n", Guid.NewGuid().ToString("N"), cancellation);

    private static string Sentence(string kind) => kind switch
    {
        "grantAsked" => "somebody asks for access",
        "granted" => "you gave access to somebody",
        "revoked" => "access of somebody was ended",
        "read" => "somebody looked at your records",
        "denied" => "somebody was refused access",
        "override" => "somebody used emergency access",
        "written" => "something was written into your record",
        "payment" => "PTOY moved in your wallet",
        "account" => "something about your account changed",
        "finding" => "a service has something for you to look at",
        "plan" => "a plan or goal is there to see",
        "reminder" => "a reminder that was asked for",
        _ => "there is a task for you",
    };

    private async Task SendAsync(string to, string subject, string text, string id, CancellationToken cancellation)
    {
        using var message = new MimeMessage();
        message.From.Add(MailboxAddress.Parse(options.From));
        message.To.Add(MailboxAddress.Parse(to));
        message.Subject = subject;
        // The same id each time it is tried: a mail server that saw it before may drop it.
        message.MessageId = $"{id}@{options.From.Split('@')[1]}";
        message.Body = new TextPart("plain") { Text = text };
        using var client = new SmtpClient { Timeout = (int)Limit.TotalMilliseconds };
        try
        {
            SecureSocketOptions security = options.Plain ? SecureSocketOptions.None : options.Port == 465 ? SecureSocketOptions.SslOnConnect : SecureSocketOptions.StartTls;
            await client.ConnectAsync(options.Host, options.Port, security, cancellation);
            if (options.User is not null) await client.AuthenticateAsync(options.User, password ?? "", cancellation);
            await client.SendAsync(message, cancellation);
            await client.DisconnectAsync(quit: true, cancellation);
        }
        catch (SmtpCommandException e)
        {
            bool forGood = e.ErrorCode == SmtpErrorCode.RecipientNotAccepted && (int)e.StatusCode is >= 550 and <= 559;
            throw new SendFailedException($"the mail server answered {(int)e.StatusCode}", forGood, e);
        }
        catch (Exception e) when (e is ProtocolException or ServiceNotConnectedException or ServiceNotAuthenticatedException or AuthenticationException
            or SslHandshakeException or IOException or SocketException or TimeoutException or NotSupportedException)
        {
            throw new SendFailedException($"the mail server cannot be used ({e.GetType().Name})", forGood: false, e);
        }
    }
}

/// <summary>Posts notices to addresses that people named. Addresses of private networks are refused unless allowed: nobody reaches into the hospital by naming one.</summary>
internal sealed class HookSender : IDisposable
{
    private readonly HttpClient _http;
    private readonly SigningKey _key;
    private readonly bool _private;

    public HookSender(SigningKey key, bool allowPrivate)
    {
        (_key, _private) = (key, allowPrivate);
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false, UseProxy = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(10), ConnectCallback = ConnectAsync,
        }) { Timeout = TimeSpan.FromSeconds(30), MaxResponseContentBufferSize = 64 * 1024 };
    }

    /// <summary>The domain of the signature over a webhook's body.</summary>
    public const string Domain = "ptoy/webhook/v1";

    public async Task SendAsync(string to, IReadOnlyList<NoticeItem> notices, CancellationToken cancellation)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(new NoticeList([.. notices]), RpcJson.Options);
        using var message = new HttpRequestMessage(HttpMethod.Post, to) { Content = new ByteArrayContent(body) };
        message.Content.Headers.ContentType = new("application/json");
        message.Headers.Add("Ptoy-Key", _key.Public.ToString());
        message.Headers.Add("Ptoy-Signature", Convert.ToHexStringLower(_key.Sign(Domain, body).Bytes));
        try
        {
            using HttpResponseMessage answer = await _http.SendAsync(message, cancellation);
            if (!answer.IsSuccessStatusCode) throw new SendFailedException($"the webhook answered {(int)answer.StatusCode}", answer.StatusCode == HttpStatusCode.Gone);
        }
        catch (HttpRequestException e)
        {
            throw new SendFailedException("the webhook cannot be reached", forGood: false, e);
        }
        catch (TaskCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new SendFailedException("the webhook did not answer in time", forGood: false, e);
        }
    }

    public void Dispose() => _http.Dispose();

    // Here, not when the address is set: a name may come to mean another address later.
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        IPAddress[] found = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, cancellation);
        IPAddress address = found.FirstOrDefault(a => _private || IsPublic(a)) ?? throw new HttpRequestException("the address is of a private network");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(address, context.DnsEndPoint.Port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    internal static bool IsPublic(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (IPAddress.IsLoopback(address) || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)) return false;
        if (address.AddressFamily == AddressFamily.InterNetworkV6) return !address.IsIPv6LinkLocal && !address.IsIPv6SiteLocal && !address.IsIPv6UniqueLocal && !address.IsIPv6Multicast;
        byte[] b = address.GetAddressBytes();
        return !(b[0] is 0 or 10 or 127 || b[0] >= 224 || (b[0] == 100 && b[1] is >= 64 and <= 127) || (b[0] == 169 && b[1] == 254)
            || (b[0] == 172 && b[1] is >= 16 and <= 31) || (b[0] == 192 && b[1] == 168) || (b[0] == 198 && b[1] is 18 or 19));
    }
}
