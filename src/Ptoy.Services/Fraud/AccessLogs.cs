using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Services.Fraud;

/// <summary>Where a patient's access log is read.</summary>
internal interface IAccessLogs
{
    /// <summary>
    /// Entries of all nodes; null when the patient does not let the service see them. Throws when a node is away or shows entries that do not hold: what was known stays then.
    /// </summary>
    Task<IReadOnlyList<AccessEntry>?> ReadAsync(Address patient, CancellationToken cancellation);
}

/// <summary>Asks nodes: each keeps a log of its own.</summary>
/// <param name="nodes">Connections that sign as the service's account.</param>
/// <param name="account">The service's account, on whose behalf it reads.</param>
internal sealed class NodeAccessLogs(IReadOnlyList<NodeConnection> nodes, Address account) : IAccessLogs
{
    /// <summary>The purpose for which patients permit it.</summary>
    public const string Purpose = "FRAUD";

    public async Task<IReadOnlyList<AccessEntry>?> ReadAsync(Address patient, CancellationToken cancellation)
    {
        var all = new List<AccessEntry>();
        foreach (NodeConnection node in nodes)
        {
            try
            {
                foreach (ProvenAccess access in await new AuditReader(node, patient, Purpose, account).ListAsync(cancellation))
                    if (access.RequestProven) all.Add(access.Entry);
            }
            catch (RpcException e) when (e.Code is RpcErrors.Denied or RpcErrors.NotAuthorised)
            {
                return null;
            }
        }
        return all;
    }
}
