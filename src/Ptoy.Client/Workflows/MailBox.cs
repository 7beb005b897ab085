using Ptoy.Protocol;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Workflows;

/// <summary>An account's inbox at one node, read from where it was left.</summary>
public sealed class MailBox(NodeConnection node, string? cursor = null)
{
    private string? _cursor = cursor;

    /// <summary>Where reading has come to, to begin there again.</summary>
    public string? Cursor => _cursor;

    /// <summary>The mails that came since; waits up to <paramref name="wait"/> for a first one.</summary>
    public async Task<IReadOnlyList<MailDto>> NextAsync(TimeSpan wait, CancellationToken cancellation = default)
    {
        int? waitMs = wait > TimeSpan.Zero ? (int)wait.TotalMilliseconds : null;
        var answer = await node.CallAsync<MailListResult>("mail_list", new MailListParams(_cursor, null, waitMs), null, cancellation);
        _cursor = answer.Next ?? _cursor;
        return answer.Mails;
    }

    /// <summary>Goes back to an earlier place: what was read after it is read again.</summary>
    public void Rewind(string? earlier) => _cursor = earlier;

    /// <summary>Puts a mail into an account's inbox.</summary>
    public Task SendAsync(Address to, string kind, byte[] bytes, CancellationToken cancellation = default) =>
        node.CallAsync<MailSendResult>("mail_send", new MailSendParams(to.ToString(), kind, bytes), null, cancellation);
}
