using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Connector;

/// <summary>The key that genesis certifies for the key authority.</summary>
public static class AuthorityKey
{
    /// <summary>The key. Throws <see cref="DaemonConfigException"/> when genesis names none.</summary>
    public static PublicKey Of(Genesis genesis)
    {
        string? authority = Arguments(genesis, "init").Select(a => a[0].GetString()).FirstOrDefault();
        foreach (System.Text.Json.JsonElement call in Arguments(genesis, "certify"))
        {
            if (call[0].GetString() == authority && call[1].TryGetProperty("signingKey", out System.Text.Json.JsonElement key)) return PublicKey.Parse(key.GetString()!);
        }
        throw new DaemonConfigException("genesis: it does not certify a signing key for its key authority");
    }

    private static IEnumerable<System.Text.Json.JsonElement> Arguments(Genesis genesis, string method)
    {
        foreach (GenesisCall call in genesis.Calls.Where(c => c.Contract.Class == "Identity" && c.Method == method))
        {
            using var document = System.Text.Json.JsonDocument.Parse(call.Arguments);
            yield return document.RootElement.Clone();
        }
    }
}
