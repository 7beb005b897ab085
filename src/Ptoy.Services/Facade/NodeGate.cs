using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Facade.Http;

namespace Ptoy.Services.Facade;

/// <summary>The gatekeeper of the hospital's node, asked with the hospital's key on behalf of the app or practitioner.</summary>
internal sealed class NodeGate(NodeConnection node) : IAccessGate
{
    private const int MaxRecords = 1000;
    private const int MaxProbed = 64;

    public async Task<GateAnswer> AccessAsync(
        Asker asker, Address patient, bool isSearch, IReadOnlyCollection<string> records, CancellationToken cancellation)
    {
        var permitted = new HashSet<string>(StringComparer.Ordinal);
        string? reason = null;
        string[] actors = [.. asker.Actors.Select(a => a.ToString())];
        string[][] batches = records.Count == 0 ? [[]] : [.. records.Chunk(MaxRecords)];
        foreach (string[] batch in batches)
        {
            try
            {
                var asked = new RecordAccessParams(patient.ToString(), batch, asker.Purpose, actors, isSearch ? "search" : "read");
                var answer = await CallAsync<RecordAccessResult>("record_access", asked, asker, cancellation);
                permitted.UnionWith(answer.Permitted);
                if (answer.Denied.Length > 0) reason = answer.Denied[0].Reason;
            }
            catch (RpcException e) when (e.Code == RpcErrors.Denied)
            {
                reason = e.Message;
            }
        }
        return new GateAnswer(permitted, reason);
    }

    public async Task<GatePermits> PermitsAsync(
        Asker asker, Address patient, IReadOnlyCollection<string> records, string action, IReadOnlyCollection<string> tags,
            CancellationToken cancellation)
    {
        var asked = new RecordPermitsParams(
            patient.ToString(), [.. records.Take(MaxProbed)], asker.Purpose, [.. asker.Actors.Select(a => a.ToString())], action,
                [.. tags]);
        var answer = await CallAsync<RecordPermitsResult>("record_permits", asked, asker, cancellation);
        return new GatePermits(answer.Any, answer.Permitted.ToHashSet(StringComparer.Ordinal),
            answer.PermittedTags.ToHashSet(StringComparer.Ordinal));
    }

    public async Task<bool> IsEmployeeAsync(Address account, CancellationToken cancellation)
    {
        try
        {
            JsonElement role = await node.ViewAsync(new ContractId("Provider", node.Key.Address), "roleOf", [account.ToString()],
                cancellation);
            return role.ValueKind == JsonValueKind.String;
        }
        catch (Exception e) when (IsAway(e))
        {
            throw Away(e);
        }
    }

    private async Task<T> CallAsync<T>(string method, object parameters, Asker asker, CancellationToken cancellation)
    {
        try
        {
            return await node.CallAsync<T>(method, parameters, asker.Actors[0], cancellation);
        }
        catch (Exception e) when (IsAway(e))
        {
            throw Away(e);
        }
    }

    private static bool IsAway(Exception e) => e is RpcConnectionException or TimeoutException or HttpRequestException
        || e is RpcException { Code: RpcErrors.NodeBehind or RpcErrors.Busy or RpcErrors.TimedOut or RpcErrors.RateLimited };

    private static FhirException Away(Exception e) => new(503, "transient", e is RpcException rpc
        ? $"the gatekeeper does not decide at present ({RpcErrors.NameOf(rpc.Code)}); try again" : "the gatekeeper is away; try again");
}
