using System.Collections.Concurrent;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Common;
using Ptoy.Services.Grants;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Notifications;

/// <summary>
/// Tells people who looked at their records: asks every member for the access logs of those who let this account see them (see
/// <see cref="PatientSession.GrantAccessLogAsync"/>). A member that is away is asked again; its entries come when it is back.
/// </summary>
internal sealed class AccessWatch(NotificationCentre centre, GranteeSession session, SealedStore store, TimeSpan every, TimeProvider time, ILogger<AccessWatch> log) : IDaemonPart
{
    /// <summary>The purpose for which patients let their access log be seen.</summary>
    public const string Purpose = PatientSession.AccessLogPurpose;

    private readonly ConcurrentDictionary<string, NodeConnection> _members = new();
    private volatile PartHealth _health = new(true, "starting");

    public string Name => "access notices";

    public PartHealth Health() => _health;

    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                await LookAsync(stop);
                await Task.Delay(every, time, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Where each log was read to is on disk.
        }
        finally
        {
            foreach (NodeConnection member in _members.Values) await member.DisposeAsync();
        }
    }

    private async Task LookAsync(CancellationToken stop)
    {
        int away = 0, refused = 0;
        try
        {
            var validators = await session.Node.Rpc.CallAsync<ChainValidatorsResult>("chain_validators", new NoParams(), null, stop);
            HashSet<Address> people = [.. centre.People];
            Address[] watched = [.. (await session.CustomersAsync(stop)).Where(people.Contains)];
            foreach (MemberEndpoint member in watched.Length == 0 ? [] : validators.Endpoints)
            {
                try
                {
                    NodeConnection node = await ConnectAsync(member, stop);
                    foreach (Address person in watched) refused += await ReadAsync(node, person, stop) ? 0 : 1;
                }
                catch (Exception e) when (Passing.Is(e) || e is UriFormatException)
                {
                    away++;
                    if (_members.TryRemove(member.Node, out NodeConnection? lost)) await lost.DisposeAsync();
                }
            }
            _health = new PartHealth(away == 0, away == 0 ? $"{watched.Length} people's access logs" : $"{away} members are away; their entries come later");
        }
        catch (Exception e) when (Passing.Is(e))
        {
            _health = new PartHealth(false, $"{Passing.Describe(e)}; trying again");
            log.LogWarning("access notices: {Problem}; trying again", Passing.Describe(e));
        }
    }

    private async Task<NodeConnection> ConnectAsync(MemberEndpoint member, CancellationToken stop)
    {
        if (_members.TryGetValue(member.Node, out NodeConnection? known)) return known;
        return _members[member.Node] = await NodeConnection.ConnectAsync(new Uri(member.Url), session.Node.Chain, session.Node.Key, null, stop);
    }

    private async Task<bool> ReadAsync(NodeConnection node, Address person, CancellationToken stop)
    {
        // In the store itself: a cursor is a number of that node's log, and tells nothing about the person.
        SealedTable places = store.Table("access");
        string place = $"{person}/{node.Node}";
        string? cursor = places.Get(place) is { } row ? System.Text.Encoding.UTF8.GetString(row) : null;
        bool first = cursor is null;
        while (true)
        {
            AuditListResult page;
            try
            {
                page = await node.CallAsync<AuditListResult>("audit_list", new AuditListParams(person.ToString(), cursor, 500), session.Account, stop);
            }
            catch (RpcException e) when (e.Code is RpcErrors.NotAuthorised or RpcErrors.Denied)
            {
                return false;
            }
            foreach (AuditEntryDto entry in page.Entries)
            {
                // What was there before the person asked to be told is no news.
                if (!first && NoticeOf(node, person, entry) is { } notice) centre.Raise(notice);
                cursor = $"{entry.Sequence}";
            }
            places.Put(place, System.Text.Encoding.UTF8.GetBytes(cursor ?? "0"));
            if (page.Next is null) return true;
        }
    }

    private Notice? NoticeOf(NodeConnection node, Address person, AuditEntryDto entry)
    {
        string by = entry.OnBehalfOf ?? entry.Requester;
        if (entry.Requester == person.ToString() || by == session.Account.ToString() || entry.Method == "record_upload") return null;
        NoticeKind kind = entry.Purpose == "ETREAT" ? NoticeKind.Override : entry.Outcome == "permit" ? NoticeKind.Read : NoticeKind.Denied;
        return new Notice(person, kind, $"access/{node.Node.ToString()[2..18]}/{entry.Sequence}", $"{entry.Sequence}")
        {
            By = Address.TryParse(by, out Address who) ? who : null,
            Urgency = kind == NoticeKind.Override ? NoticeUrgency.Urgent : NoticeUrgency.Normal,
        };
    }
}
