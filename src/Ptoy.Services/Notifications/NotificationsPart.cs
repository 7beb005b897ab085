using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Authority;
using Ptoy.Services.Common;
using Ptoy.Services.Grants;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Notifications;

/// <summary>Section <c>notifications</c>: people's preferences and inboxes over HTTP, and deliveries by webhook and e-mail.</summary>
public sealed class NotificationsPart : IDaemonPart, IDisposable
{
    private const int MaxBody = 16 * 1024;
    private const int MaxWaitSeconds = 30;
    private const int MaxWaiting = 2_000;
    private static readonly TimeSpan Idle = TimeSpan.FromMinutes(1);

    private readonly NotificationCentre _centre;
    private readonly MailSender? _mail;
    private readonly HookSender _hooks;
    private readonly AuthorityRequests _requests;
    private readonly AuthorityInfo _info;
    private readonly TimeProvider _time;
    private readonly ILogger<NotificationsPart> _log;
    private int _waiting, _failing;

    /// <summary>Puts the part together.</summary>
    internal NotificationsPart(
        NotificationCentre centre, MailSender? mail, HookSender hooks, AuthorityRequests requests, AuthorityInfo info, TimeProvider time, ILogger<NotificationsPart> log)
    {
        (_centre, _mail, _hooks, _requests, _info, _time, _log) = (centre, mail, hooks, requests, info, time, log);
    }

    /// <inheritdoc/>
    public string Name => "notifications";

    /// <summary>Makes the part from its section, with the watchers that turn events and accesses into notices.</summary>
    public static async Task<IDaemonPart> MakeAsync(PartContext context, NotificationOptions options, CancellationToken cancellation)
    {
        DaemonAccount account = await context.AccountAsync(options.Account, cancellation);
        GranteeSession session = context.Own(new GranteeSession(account.Keys, account.Root, account.Node, AccessWatch.Purpose));
        await session.SetUpAsync(options.Name, "service", cancellation);
        SealedStore store = context.Store("notifications");
        NotificationCentre centre = context.Own(new NotificationCentre(options, store, context.Time));
        context.Share<INotifier>(centre);
        string? password = options.Smtp?.PasswordFile is { } file ? PasswordOf(context.Config.PathOf(file)) : null;
        var mail = options.Smtp is { } smtp ? new MailSender(smtp, password, options.AppUrl, options.Name) : null;
        Hash chain = context.Chain.ChainId;
        var info = new AuthorityInfo(account.Keys.Address.ToString(), account.Keys.Signing.Public.ToString(), chain.ToString());
        context.Add(context.Own(new EventWatch(centre, context.Events(), store, account.Node, context.Logs.CreateLogger<EventWatch>())));
        context.Add(new AccessWatch(centre, session, store, TimeSpan.FromSeconds(options.AccessSeconds), context.Time, context.Logs.CreateLogger<AccessWatch>()));
        return context.Own(new NotificationsPart(
            centre, mail, new HookSender(account.Keys.Signing, options.PrivateWebhooks), new AuthorityRequests(chain, account.Keys.Signing.Public, context.Time), info,
            context.Time, context.Logs.CreateLogger<NotificationsPart>()));
    }

    /// <inheritdoc/>
    public PartHealth Health() => _failing > 0
        ? new PartHealth(false, $"the last {_failing} deliveries failed; they are tried again")
        : new PartHealth(true, $"{_centre.People.Count} people");

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/notifications/info", http => http.Response.WriteAsJsonAsync(_info, RpcJson.Options, http.RequestAborted));
        Route<object>(routes, "preferences", NotificationsClient.GetMethod, (who, _, _) => Task.FromResult<object>(_centre.State(who)));
        Route<SetPreferences>(routes, "preferences/set", NotificationsClient.SetMethod, SetAsync);
        Route<ConfirmEmail>(routes, "confirm", NotificationsClient.ConfirmMethod, (who, asked, _) => Task.FromResult<object>(_centre.Confirm(who, asked.Code ?? "")));
        Route<AskNotices>(routes, "list", NotificationsClient.ListMethod, ListAsync);
        Route<object>(routes, "dead-letters", NotificationsClient.DeadMethod, (who, _, _) => who.ToString() == _info.Account
            ? Task.FromResult<object>(new DeadLetters([.. _centre.DeadLetters()]))
            : throw new AuthorityException(AuthorityRefusal.NotEntitled, "only the service's own account may see dead letters"));
    }

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            Task change = _centre.Change;
            while (!stop.IsCancellationRequested && _centre.TakeDue() is { } due) await SendAsync(due, stop);
            DateTimeOffset now = _time.GetUtcNow(), next = _centre.NextDue ?? now + Idle;
            TimeSpan wait = next - now > Idle ? Idle : next - now;
            if (wait <= TimeSpan.Zero) continue;
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
            await Task.WhenAny(change, Task.Delay(wait, _time, ended.Token));
            await ended.CancelAsync();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _hooks.Dispose();

    private async Task SendAsync(DueDeliveries due, CancellationToken stop)
    {
        try
        {
            if (due.Channel == NotificationCentre.Webhook) await _hooks.SendAsync(due.Target, due.Notices, stop);
            else if (_mail is { } mail) await mail.SendAsync(due.Target, due.Notices, stop);
            else throw new SendFailedException("this service sends no e-mail", forGood: true);
            _centre.Delivered(due);
            _failing = 0;
        }
        catch (SendFailedException e)
        {
            // One person's dead address says nothing about the service.
            if (!e.ForGood) _failing++;
            _log.LogWarning("{Count} notices by {Channel}: {Problem}", due.Deliveries.Count, due.Channel, e.Message);
            _centre.Failed(due, e.Message, e.ForGood);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // They are on disk, and due at the next start.
        }
    }

    private async Task<object> SetAsync(Address who, SetPreferences asked, CancellationToken cancellation)
    {
        string? code = _centre.Set(who, asked.Preferences);
        if (code is null) return _centre.State(who);
        try
        {
            await _mail!.SendCodeAsync(asked.Preferences!.Email!, code, cancellation);
        }
        catch (SendFailedException e)
        {
            throw new AuthorityException(AuthorityRefusal.Unavailable, $"the preferences are kept, but the code could not be sent ({e.Message}); set them again later", e);
        }
        return _centre.State(who);
    }

    private async Task<object> ListAsync(Address who, AskNotices asked, CancellationToken cancellation)
    {
        if (asked.WaitSeconds is < 0 or > MaxWaitSeconds) throw new FieldException("waitSeconds", $"not 0 to {MaxWaitSeconds}");
        DateTimeOffset until = _time.GetUtcNow() + TimeSpan.FromSeconds(asked.WaitSeconds);
        if (Interlocked.Increment(ref _waiting) > MaxWaiting)
        {
            Interlocked.Decrement(ref _waiting);
            throw new RateLimitException("requests that wait for notices");
        }
        try
        {
            while (true)
            {
                Task change = _centre.Change;
                IReadOnlyList<NoticeItem> found = _centre.Inbox(who, asked.After);
                TimeSpan left = until - _time.GetUtcNow();
                if (found.Count > 0 || left <= TimeSpan.Zero) return new NoticeList([.. found]);
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                await Task.WhenAny(change, Task.Delay(left, _time, ended.Token));
                await ended.CancelAsync();
                cancellation.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private void Route<T>(IEndpointRouteBuilder routes, string path, string method, Func<Address, T, CancellationToken, Task<object>> handle) where T : class =>
        routes.MapPost($"/v1/notifications/{path}", async http =>
        {
            try
            {
                byte[] body = await BodyAsync(http);
                (Address? account, string problem) = _requests.Check(http.Request.Headers[RpcJson.AuthHeader], method, body);
                if (account is not { } who) throw new AuthorityException(AuthorityRefusal.NotEntitled, problem);
                T asked = JsonSerializer.Deserialize<T>(body, RpcJson.Options) ?? throw new FieldException("request", "empty");
                object answer = await handle(who, asked, http.RequestAborted);
                await http.Response.WriteAsJsonAsync(answer, answer.GetType(), RpcJson.Options, null, http.RequestAborted);
            }
            catch (Exception e) when (e is FieldException or JsonException or RateLimitException or AuthorityException or BadHttpRequestException)
            {
                http.Response.StatusCode = StatusOf(e);
                string message = e is JsonException ? "the request is not the JSON that is expected here" : e.Message;
                await http.Response.WriteAsJsonAsync(new AuthorityError(message), RpcJson.Options, http.RequestAborted);
            }
        });

    private static int StatusOf(Exception e) => e switch
    {
        RateLimitException => StatusCodes.Status429TooManyRequests,
        AuthorityException { Refusal: AuthorityRefusal.Unavailable } => StatusCodes.Status503ServiceUnavailable,
        AuthorityException => StatusCodes.Status403Forbidden,
        BadHttpRequestException bad => bad.StatusCode,
        _ => StatusCodes.Status400BadRequest,
    };

    private static async Task<byte[]> BodyAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        var part = new byte[4096];
        int read;
        while ((read = await http.Request.Body.ReadAsync(part, http.RequestAborted)) > 0)
        {
            if (body.Length + read > MaxBody) throw new BadHttpRequestException($"the request is larger than {MaxBody} bytes", StatusCodes.Status413PayloadTooLarge);
            body.Write(part, 0, read);
        }
        return body.ToArray();
    }

    private static string PasswordOf(string path)
    {
        if (!File.Exists(path)) throw new DaemonConfigException($"notifications.smtp.passwordFile: there is no file '{path}'");
        return File.ReadLines(path).FirstOrDefault() is { Length: > 0 } line ? line : throw new DaemonConfigException($"notifications.smtp.passwordFile: the first line of '{path}' is empty");
    }
}
