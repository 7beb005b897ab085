using Ptoy.Protocol.Crypto;

namespace Ptoy.Client.Workflows;

/// <summary>A person's side of the notification service: preferences, and the notices themselves.</summary>
public sealed class NotificationsClient(HttpClient http, Uri address)
{
    /// <summary>Name of the call for preferences, as it is signed.</summary>
    public const string GetMethod = "notifications_preferences";

    /// <summary>Name of the call that sets them.</summary>
    public const string SetMethod = "notifications_setPreferences";

    /// <summary>Name of the call that confirms an e-mail address.</summary>
    public const string ConfirmMethod = "notifications_confirmEmail";

    /// <summary>Name of the call for notices.</summary>
    public const string ListMethod = "notifications_list";

    /// <summary>Name of the operator's call for dead letters.</summary>
    public const string DeadMethod = "notifications_deadLetters";

    private readonly SignedHttp _http = new(http, address, "/v1/notifications/info", "the notification service");

    /// <summary>Who the service is: patients let this account see their access log, to be told of reads.</summary>
    public Task<AuthorityInfo> InfoAsync(CancellationToken cancellation = default) => _http.InfoAsync(cancellation);

    /// <summary>What is set.</summary>
    public Task<NotificationState> PreferencesAsync(SigningKey account, CancellationToken cancellation = default) =>
        _http.CallAsync<NotificationState>("/v1/notifications/preferences", GetMethod, account, new { }, cancellation);

    /// <summary>Sets preferences. A new e-mail address gets a code. Throws <see cref="AuthorityRefusedException"/> naming the field that is wrong.</summary>
    public Task<NotificationState> SetAsync(SigningKey account, NotificationPreferences? preferences, CancellationToken cancellation = default) =>
        _http.CallAsync<NotificationState>("/v1/notifications/preferences/set", SetMethod, account, new SetPreferences(preferences), cancellation);

    /// <summary>Confirms the e-mail address.</summary>
    public Task<NotificationState> ConfirmAsync(SigningKey account, string code, CancellationToken cancellation = default) =>
        _http.CallAsync<NotificationState>("/v1/notifications/confirm", ConfirmMethod, account, new ConfirmEmail(code), cancellation);

    /// <summary>Notices after a sequence number; waits up to 30 s for a first one.</summary>
    public async Task<IReadOnlyList<NoticeItem>> ListAsync(SigningKey account, long after, int waitSeconds = 0, CancellationToken cancellation = default) =>
        (await _http.CallAsync<NoticeList>("/v1/notifications/list", ListMethod, account, new AskNotices(after, waitSeconds), cancellation)).Notices;

    /// <summary>Operator (signed by the service's own account): what could not be delivered.</summary>
    public async Task<IReadOnlyList<DeadLetter>> DeadLettersAsync(SigningKey service, CancellationToken cancellation = default) =>
        (await _http.CallAsync<DeadLetters>("/v1/notifications/dead-letters", DeadMethod, service, new { }, cancellation)).Letters;
}
