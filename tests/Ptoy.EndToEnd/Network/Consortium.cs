using System.Security.Cryptography;
using Ptoy.Client.Keys;
using Ptoy.Node.Devnet;

namespace Ptoy.EndToEnd.Network;

/// <summary>Fresh keys of the hospitals and the key authority of a local network.</summary>
public sealed class Consortium : IDisposable
{
    private static readonly string[] Names = ["Hospital A", "Hospital B", "Hospital C", "Hospital D"];

    /// <summary>Makes new keys.</summary>
    public Consortium()
    {
        Hospitals = [.. Names.Select(_ => NewKeys())];
        Authority = NewKeys();
    }

    /// <summary>The organisations' administrator keys, in the order of the nodes.</summary>
    public IReadOnlyList<AccountKeys> Hospitals { get; }

    /// <summary>The key authority's keys.</summary>
    public AccountKeys Authority { get; }

    /// <summary>The options of a network of these hospitals.</summary>
    public DevnetOptions Options(string directory, int basePort) => new()
    {
        Directory = directory,
        BasePort = basePort,
        Hospitals = [.. Hospitals.Select((h, i) => new DevnetAccount(Names[i], h.Signing.Public, h.Sealing.Public))],
        Authority = new DevnetAccount("Key authority", Authority.Signing.Public, Authority.Sealing.Public),
    };

    /// <summary>Keys of a new random account.</summary>
    public static AccountKeys NewKeys() => AccountKeys.FromSeed(RandomNumberGenerator.GetBytes(64));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (AccountKeys keys in Hospitals) keys.Dispose();
        Authority.Dispose();
    }
}
