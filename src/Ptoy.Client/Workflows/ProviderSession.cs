using System.Text.Json;
using Ptoy.Client.Keys;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;

namespace Ptoy.Client.Workflows;

/// <summary>What an organisation's administrator does: the organisation, its employees, its team keys.</summary>
/// <param name="keys">The organisation's account.</param>
/// <param name="root">Team keys derive from it.</param>
/// <param name="node">A connection that signs with the account's key.</param>
public sealed class ProviderSession(AccountKeys keys, VaultRoot root, NodeConnection node) : IDisposable
{
    private readonly TransactionSender _sender = new(node);

    /// <summary>The organisation's account.</summary>
    public Address Organisation => keys.Address;

    /// <summary>Sends the organisation's transactions.</summary>
    public TransactionSender Sender => _sender;

    private ContractId Contract => new("Provider", Organisation);

    /// <summary>Sets the organisation up on chain; its account is certified as organisation before. Does nothing when it is set up.</summary>
    public async Task CreateAsync(string name, CancellationToken cancellation = default)
    {
        if ((await node.ViewAsync(Contract, "exists", [], cancellation)).GetBoolean()) return;
        await _sender.SendAsync(Contract, "create", [new { name, sealingKey = keys.Sealing.Public.ToString() }], cancellation);
    }

    /// <summary>Makes a certified account an employee in a role, and gives it the role's team keys in a sealed letter.</summary>
    public async Task HireAsync(Address employee, string role, CancellationToken cancellation = default)
    {
        await _sender.SendAsync(Contract, "hire", [employee.ToString(), role], cancellation);
        int version = await EnsureTeamKeyAsync(role, cancellation);
        await WriteLetterAsync(role, version, [employee], cancellation);
    }

    /// <summary>Ends an employment at once, replaces the role's team key and gives the new one to those who stay.</summary>
    public async Task DismissAsync(Address employee, CancellationToken cancellation = default)
    {
        JsonElement role = await node.ViewAsync(Contract, "roleOf", [employee.ToString()], cancellation);
        if (role.GetString() is not { } name) throw new ArgumentException("this account is not an employee", nameof(employee));
        int version = await VersionAsync(name, cancellation) + 1;
        using SealingKey key = root.TeamKey(name, (uint)version);
        await _sender.SendAsync(Contract, "dismiss", [employee.ToString(), new { publicKey = key.Public.ToString() }], cancellation);
        Address[] staying = await EmployeesAsync(name, cancellation);
        if (staying.Length > 0) await WriteLetterAsync(name, version, staying, cancellation);
    }

    /// <summary>The accounts of patients that let the organisation act.</summary>
    public async Task<IReadOnlyList<Address>> CustomersAsync(CancellationToken cancellation = default)
    {
        JsonElement customers = await node.ViewAsync(Contract, "customers", [0, 200], cancellation);
        return [.. customers.EnumerateArray().Select(c => Address.Parse(c.GetString()!))];
    }

    /// <inheritdoc/>
    public void Dispose() => _sender.Dispose();

    /// <summary>The version of the role's team key; publishes one where there is none, or where it waits for its replacement.</summary>
    public async Task<int> EnsureTeamKeyAsync(string role, CancellationToken cancellation = default)
    {
        JsonElement current = await node.ViewAsync(Contract, "teamKey", [role], cancellation);
        if (current.ValueKind == JsonValueKind.Object && !current.GetProperty("stale").GetBoolean()) return current.GetProperty("version").GetInt32();
        int version = current.ValueKind == JsonValueKind.Object ? current.GetProperty("version").GetInt32() + 1 : 1;
        using SealingKey key = root.TeamKey(role, (uint)version);
        await _sender.SendAsync(Contract, "setTeamKey", [role, new { publicKey = key.Public.ToString() }], cancellation);
        return version;
    }

    private async Task<int> VersionAsync(string role, CancellationToken cancellation)
    {
        JsonElement current = await node.ViewAsync(Contract, "teamKey", [role], cancellation);
        return current.ValueKind == JsonValueKind.Object ? current.GetProperty("version").GetInt32() : 0;
    }

    private async Task<Address[]> EmployeesAsync(string role, CancellationToken cancellation)
    {
        const int Page = 200;
        var found = new List<Address>();
        for (int from = 0; ; from += Page)
        {
            JsonElement page = await node.ViewAsync(Contract, "employees", [from, Page], cancellation);
            found.AddRange(page.EnumerateArray().Where(e => e.GetProperty("active").GetBoolean() && e.GetProperty("role").GetString() == role)
                .Select(e => Address.Parse(e.GetProperty("account").GetString()!)));
            if (page.GetArrayLength() < Page) return [.. found];
        }
    }

    private async Task WriteLetterAsync(string role, int version, IReadOnlyList<Address> employees, CancellationToken cancellation)
    {
        var team = new List<TeamPrivateKey>();
        for (int v = 1; v <= version; v++)
        {
            using SealingKey key = root.TeamKey(role, (uint)v);
            team.Add(new TeamPrivateKey(role, v, key.Export()));
        }
        var recipients = new List<PublicKey>();
        foreach (Address employee in employees)
        {
            JsonElement identity = await node.ViewAsync(ContractId.Single("Identity"), "of", [employee.ToString()], cancellation);
            recipients.Add(PublicKey.Parse(identity.GetProperty("sealingKey").GetString()!));
        }
        byte[] letter = new TeamLetter(Organisation, team).ToJson();
        await new RecordWriter(_sender).WriteToAsync(Organisation, 0, [new RecordToWrite(letter, Compartments.LetterTag)], recipients, null, cancellation);
    }
}
