using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Services.Authority;

/// <summary>Certifies by transactions of the authority's own account, through a node.</summary>
public sealed class ChainRegistrar(TransactionSender sender) : IIdentityRegistrar
{
    private static readonly ContractId Identity = ContractId.Single("Identity");

    /// <inheritdoc/>
    public async Task CertifyAsync(Address account, IdentityFacts facts, CancellationToken cancellation)
    {
        object arguments = facts.PersonCommitment is { } person
            ? new
            {
                sealingKey = facts.SealingKey.ToString(), signingKey = facts.SigningKey.ToString(), roles = facts.Roles,
                personCommitment = person.ToString(),
            }
            : new { sealingKey = facts.SealingKey.ToString(), signingKey = facts.SigningKey.ToString(), roles = facts.Roles };
        await SendAsync("certify", [account.ToString(), arguments], cancellation);
    }

    /// <inheritdoc/>
    public Task RevokeAsync(Address account, CancellationToken cancellation) => SendAsync("revoke", [account.ToString()], cancellation);

    /// <inheritdoc/>
    public async Task<bool> IsActiveAsync(Address account, CancellationToken cancellation)
    {
        JsonElement active = await sender.Node.ViewAsync(Identity, "isActive", [account.ToString()], cancellation);
        return active.GetBoolean();
    }

    /// <summary>True for an account that is a member organisation.</summary>
    public async Task<bool> IsMemberAsync(Address organisation, CancellationToken cancellation)
    {
        JsonElement member = await sender.Node.ViewAsync(ContractId.Single("Governance"), "isMember", [organisation.ToString()], cancellation);
        return member.GetBoolean();
    }

    private async Task SendAsync(string method, object?[] arguments, CancellationToken cancellation)
    {
        try
        {
            await sender.SendAsync(Identity, method, arguments, cancellation);
        }
        catch (Exception e) when (e is TransactionFailedException or TransactionLostException or RpcException or RpcConnectionException or TimeoutException)
        {
            throw new AuthorityException(AuthorityRefusal.Unavailable, "the chain did not take it; try again", e);
        }
    }
}
