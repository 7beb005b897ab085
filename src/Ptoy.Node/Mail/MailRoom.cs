using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Mail;

namespace Ptoy.Node.Mail;

/// <summary>Accounts' inboxes on this member: stored, copied to the other members, listed in the order in which they came here.</summary>
public sealed class MailRoom(MailStore store, ITransport transport, Func<ValidatorSet> validators, TimeProvider clock)
{
    /// <summary>How long a mail is kept.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(10);

    /// <summary>Bytes of copies taken from one member in an hour, so that none can fill this one's disk.</summary>
    public const long PeerBytesPerHour = 64L * 1024 * 1024;

    private readonly Dictionary<PublicKey, (long Hour, long Bytes)> _fromPeers = [];
    private readonly ConcurrentDictionary<(Address, Hash), long> _arrived = new();
    private readonly Lock _arriving = new();
    private long _lastArrival;
    private TaskCompletionSource _somethingCame = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Puts a mail into an account's inbox here and at the other members. Throws <see cref="RpcException"/> when it does not fit.</summary>
    public Hash Send(Address from, Address to, string kind, byte[] content) =>
        TrySend(from, to, kind, content) ?? throw new RpcException(RpcErrors.Busy, "the inbox is full; its owner has to read it first");

    /// <summary>As <see cref="Send"/>, but null when the inbox is full.</summary>
    public Hash? TrySend(Address from, Address to, string kind, byte[] content)
    {
        ulong now = (ulong)clock.GetUtcNow().ToUnixTimeMilliseconds();
        Hash id = new(RandomNumberGenerator.GetBytes(Hash.Size));
        var item = new MailItem(id, from, to, kind, content, now + (ulong)Lifetime.TotalMilliseconds);
        if (item.Problem() is { } problem) throw new RpcException(RpcErrors.InvalidParams, problem);
        if (Keep(item) == MailResult.Full) return null;
        byte[] encoded = Codec.Encode(item);
        foreach (PublicKey peer in validators().Members.Select(m => m.NodeKey).Where(k => k != transport.Self))
            transport.SendBulk(peer, (ushort)BulkKind.Mail, encoded);
        return id;
    }

    /// <summary>Takes a copy from another member, unless it would stay longer than any mail may: a member cannot fill inboxes for good.</summary>
    public void Accept(PublicKey peer, ReadOnlyMemory<byte> encoded)
    {
        if (!Fits(peer, encoded.Length)) return;
        if (!Codec.TryDecode(encoded, MailItem.MaxContent + 1024, out MailItem? item, out _)) return;
        ulong now = (ulong)clock.GetUtcNow().ToUnixTimeMilliseconds();
        if (item!.ExpiryMs > now && item.ExpiryMs <= now + (ulong)(Lifetime + ClockTolerance).TotalMilliseconds) Keep(item);
    }

    /// <summary>Counts what a member sends: copies of mail beyond <see cref="PeerBytesPerHour"/> are dropped.</summary>
    private bool Fits(PublicKey peer, int bytes)
    {
        long hour = clock.GetUtcNow().ToUnixTimeSeconds() / 3600;
        lock (_fromPeers)
        {
            (long since, long taken) = _fromPeers.GetValueOrDefault(peer);
            if (since != hour) taken = 0;
            if (taken + bytes > PeerBytesPerHour) return false;
            _fromPeers[peer] = (hour, taken + bytes);
            return true;
        }
    }

    /// <summary>The inbox after a cursor; waits for a first mail up to <paramref name="wait"/>.</summary>
    public async Task<MailListResult> ListAsync(Address account, string? after, int limit, TimeSpan wait, CancellationToken cancellation)
    {
        long from = after is null ? 0 : long.TryParse(after, NumberStyles.None, CultureInfo.InvariantCulture, out long parsed) ? parsed : throw RpcException.Parameter("after", "not a cursor of this method");
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(wait);
        while (true)
        {
            Task came = Volatile.Read(ref _somethingCame).Task;
            List<(long Arrival, MailItem Item)> mails = List(account, from, limit);
            if (mails.Count > 0 || wait <= TimeSpan.Zero) return Result(mails, after);
            try
            {
                await came.WaitAsync(deadline.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                cancellation.ThrowIfCancellationRequested();
                return Result([], after);
            }
        }
    }

    /// <summary>Drops what has expired.</summary>
    public void Expire()
    {
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        store.Expire((ulong)now);
        // Nothing that arrived so long ago is listed any more.
        long oldest = now - (long)(Lifetime + ClockTolerance).TotalMilliseconds;
        foreach (((Address, Hash) mail, long arrival) in _arrived)
        {
            if (arrival < oldest) _arrived.TryRemove(mail, out _);
        }
    }

    /// <summary>Mails whose arrival is remembered.</summary>
    internal int Remembered => _arrived.Count;

    private static MailListResult Result(List<(long Arrival, MailItem Item)> mails, string? after) => new(
        [.. mails.Select(m => new MailDto(m.Item.Id.ToString(), m.Item.From.ToString(), m.Item.Kind, (long)m.Item.ExpiryMs - (long)Lifetime.TotalMilliseconds, m.Item.Content))],
        mails.Count > 0 ? mails[^1].Arrival.ToString(CultureInfo.InvariantCulture) : after);

    private List<(long Arrival, MailItem Item)> List(Address account, long after, int limit)
    {
        ulong now = (ulong)clock.GetUtcNow().ToUnixTimeMilliseconds();
        IEnumerable<MailItem> items = store.List(account, now).Select(m => Codec.Decode<MailItem>(m.Bytes, MailStore.MaxBytes));
        return [.. items.OrderBy(i => i.ExpiryMs).Select(i => (Arrival: Arrival(account, i.Id), Item: i)).Where(m => m.Arrival > after).OrderBy(m => m.Arrival).Take(limit)];
    }

    private MailResult Keep(MailItem item)
    {
        MailResult result = store.Put(item.To, new StoredMail(item.Id, item.ExpiryMs, Codec.Encode(item)));
        if (result != MailResult.Stored) return result;
        Arrival(item.To, item.Id);
        Interlocked.Exchange(ref _somethingCame, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        return result;
    }

    /// <summary>
    /// When a mail came, as a strictly rising number. After a restart mails count as just come: a cursor of before then shows them again
    /// rather than never.
    /// </summary>
    private long Arrival(Address account, Hash id)
    {
        lock (_arriving)
        {
            if (_arrived.TryGetValue((account, id), out long known)) return known;
            _lastArrival = Math.Max(_lastArrival + 1, clock.GetUtcNow().ToUnixTimeMilliseconds());
            return _arrived[(account, id)] = _lastArrival;
        }
    }
}
