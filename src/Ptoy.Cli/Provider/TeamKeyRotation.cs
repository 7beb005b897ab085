using System.Text.Json;
using Ptoy.Cli.Shell;
using Ptoy.Client.Keys;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;

namespace Ptoy.Cli.Provider;

/// <summary>Replaces a role's team key while nobody leaves: after a lost device, or as routine.</summary>
internal static class TeamKeyRotation
{
    /// <summary>Returns the new version, and to how many employees it was sealed.</summary>
    public static async Task<(int Version, int Employees)> RunAsync(Session session, string role, CancellationToken cancellation)
    {
        var contract = new ContractId("Provider", session.Account);
        JsonElement current = await session.Node.ViewAsync(contract, "teamKey", [role], cancellation);
        if (current.ValueKind != JsonValueKind.Object) throw CliException.Failed($"role '{role}' has no team key yet: it gets one with its first employee (ptoy provider hire)");
        int version = current.GetProperty("version").GetInt32() + 1;
        VaultRoot root = session.Keystore.VaultRoot;
        using var sender = new TransactionSender(session.Node);
        using (SealingKey key = root.TeamKey(role, (uint)version))
            await sender.SendAsync(contract, "setTeamKey", [role, new { publicKey = key.Public.ToString() }], cancellation);
        PublicKey[] recipients = await SealingKeysAsync(session.Node, contract, role, cancellation);
        if (recipients.Length == 0) return (version, 0);
        var keys = new List<TeamPrivateKey>();
        for (int v = 1; v <= version; v++)
        {
            using SealingKey key = root.TeamKey(role, (uint)v);
            keys.Add(new TeamPrivateKey(role, v, key.Export()));
        }
        byte[] letter = new TeamLetter(session.Account, keys).ToJson();
        await new RecordWriter(sender).WriteToAsync(session.Account, 0, [new RecordToWrite(letter, Compartments.LetterTag)], recipients, null, cancellation);
        return (version, recipients.Length);
    }

    private static async Task<PublicKey[]> SealingKeysAsync(NodeConnection node, ContractId contract, string role, CancellationToken cancellation)
    {
        var keys = new List<PublicKey>();
        foreach (JsonElement employee in await Pages.AllAsync(node, contract, "employees", [], cancellation))
        {
            if (!employee.GetProperty("active").GetBoolean() || employee.GetProperty("role").GetString() != role) continue;
            JsonElement identity = await node.ViewAsync(ContractId.Single("Identity"), "of", [employee.GetProperty("account").GetString()], cancellation);
            if (identity.ValueKind == JsonValueKind.Object && identity.GetProperty("active").GetBoolean())
                keys.Add(PublicKey.Parse(identity.GetProperty("sealingKey").GetString()!));
        }
        return [.. keys];
    }
}
