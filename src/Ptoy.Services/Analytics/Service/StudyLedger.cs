using System.Globalization;
using System.Text.Json;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Services.Analytics.Service;

/// <summary>A question about a cohort is refused; the message says why and may be shown to who asked.</summary>
public sealed class StudyRefusedException(string message, bool isBudget = false) : Exception(message)
{
    /// <summary>The budget does not allow it.</summary>
    public bool IsBudget { get; } = isBudget;
}

/// <summary>The budgets of studies, as the chain has them.</summary>
internal interface IStudyLedger
{
    /// <summary>True when the account may put questions to a study of this service.</summary>
    Task<bool> MayAskAsync(long study, Address account, CancellationToken cancellation);

    /// <summary>True when the account is this service's own, or that of an active employee.</summary>
    Task<bool> IsOursAsync(Address account, CancellationToken cancellation);

    /// <summary>Pays. Returns what is left; throws <see cref="StudyRefusedException"/> when the contract refuses: then nothing was paid.</summary>
    Task<long> SpendAsync(long study, long microEpsilon, Hash query, CancellationToken cancellation);

    /// <summary>True when a query was paid for.</summary>
    Task<bool> IsPaidAsync(long study, Hash query, CancellationToken cancellation);

    /// <summary>What a study may still spend, in millionths.</summary>
    Task<long> LeftAsync(long study, CancellationToken cancellation);
}

/// <summary>The contract <c>Research</c>.</summary>
internal sealed class ChainStudyLedger(TransactionSender sender) : IStudyLedger
{
    private const string Contract = "Research";

    /// <inheritdoc/>
    public async Task<bool> MayAskAsync(long study, Address account, CancellationToken cancellation)
    {
        JsonElement found = await ViewAsync("study", [study], cancellation);
        // Another owner's study must not be paid with, nor answered from, this owner's patients.
        if (found.ValueKind != JsonValueKind.Object || found.GetProperty("owner").GetString() != sender.Node.Key.Address.ToString()) return false;
        return (await ViewAsync("mayAsk", [study, account.ToString()], cancellation)).GetBoolean();
    }

    /// <inheritdoc/>
    public async Task<bool> IsOursAsync(Address account, CancellationToken cancellation)
    {
        if (account == sender.Node.Key.Address) return true;
        JsonElement role = await sender.Node.ViewAsync(new ContractId("Provider", sender.Node.Key.Address), "roleOf", [account.ToString()], cancellation);
        return role.ValueKind == JsonValueKind.String;
    }

    /// <inheritdoc/>
    public async Task<long> SpendAsync(long study, long microEpsilon, Hash query, CancellationToken cancellation)
    {
        try
        {
            Receipt receipt = await sender.SendAsync(ContractId.Single(Contract), "spend", [study, microEpsilon, query.ToString()], cancellation);
            return long.Parse(receipt.Result, CultureInfo.InvariantCulture);
        }
        catch (TransactionFailedException e)
        {
            throw new StudyRefusedException(e.Message, isBudget: true);
        }
    }

    /// <inheritdoc/>
    public async Task<bool> IsPaidAsync(long study, Hash query, CancellationToken cancellation) =>
        (await ViewAsync("paid", [study, query.ToString()], cancellation)).GetBoolean();

    /// <inheritdoc/>
    public async Task<long> LeftAsync(long study, CancellationToken cancellation) => (await ViewAsync("left", [study], cancellation)).GetInt64();

    private Task<JsonElement> ViewAsync(string method, object?[] arguments, CancellationToken cancellation) =>
        sender.Node.ViewAsync(ContractId.Single(Contract), method, arguments, cancellation);
}
