using System.Text.Json;
using Ptoy.Client.Workflows;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Cli.Provider;

/// <summary>Reads a view that answers in pages.</summary>
internal static class Pages
{
    private const int Size = 200;

    public static async Task<JsonElement[]> AllAsync(NodeConnection node, ContractId contract, string view, object?[] arguments, CancellationToken cancellation)
    {
        var all = new List<JsonElement>();
        while (true)
        {
            JsonElement page = await node.ViewAsync(contract, view, [.. arguments, all.Count, Size], cancellation);
            all.AddRange(page.EnumerateArray());
            if (page.GetArrayLength() < Size) return [.. all];
        }
    }
}
