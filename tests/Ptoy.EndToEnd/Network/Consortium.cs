using System.Security.Cryptography;
using Ptoy.Client.Keys;
using Ptoy.Node.Devnet;

namespace Ptoy.EndToEnd.Network;

/// <summary>Fresh keys of the hospitals and the key authority of a local network.</summary>
public sealed class Consortium : IDisposable
{
    /// <summary>Makes new keys of so many hospitals, one node each.</summary>
    public Consortium(int hospitals = 4)
    {
        Hospitals = [.. Enumerable.Range(0, hospitals).Select(_ => NewKeys())];
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
        Hospitals = [.. Hospitals.Select((h, i) => new DevnetAccount(Name(i), h.Signing.Public, h.Sealing.Public))],
        Authority = new DevnetAccount("Key authority", Authority.Signing.Public, Authority.Sealing.Public),
    };

    private static string Name(int index) => index < 26 ? $"Hospital {(char)('A' + index)}" : $"Hospital {index + 1}";

    /// <summary>Keys of a new random account.</summary>
    public static AccountKeys NewKeys() => AccountKeys.FromSeed(RandomNumberGenerator.GetBytes(64));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (AccountKeys keys in Hospitals) keys.Dispose();
        Authority.Dispose();
    }
}
