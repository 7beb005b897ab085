using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Execution;

/// <summary>What the <c>Records</c> contract announces, as the node acts on it.</summary>
public static class RecordEvents
{
    private const string Class = "Records";

    /// <summary>Roots of the manifests that these receipts registered.</summary>
    public static IReadOnlyList<Hash> Registered(IReadOnlyList<Receipt> receipts) => [.. Of(receipts, "registered").Select(e => e.Root)];

    /// <summary>Manifests that these receipts retired: their bytes and wraps are to be erased.</summary>
    public static IReadOnlyList<(Hash Root, Address Owner)> Retired(IReadOnlyList<Receipt> receipts) => [.. Of(receipts, "retired")];

    private static IEnumerable<(Hash Root, Address Owner)> Of(IReadOnlyList<Receipt> receipts, string name)
    {
        foreach (Receipt receipt in receipts)
        {
            foreach (ContractEvent raised in receipt.Events)
            {
                if (raised.Contract.Class != Class || raised.Name != name) continue;
                using JsonDocument data = JsonDocument.Parse(raised.Data);
                yield return (Hash.Parse(data.RootElement.GetProperty("root").GetString()!), Address.Parse(data.RootElement.GetProperty("owner").GetString()!));
            }
        }
    }
}
