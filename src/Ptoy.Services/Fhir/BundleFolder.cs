using System.Security.Cryptography;
using Ptoy.Protocol;

namespace Ptoy.Services.Fhir;

/// <summary>Bundles put together again from opened records, in any order and of any mixture.</summary>
public static class BundleFolder
{
    /// <summary>
    /// Every bundle whose skeleton is among the records, byte for byte as it was imported. Throws <see cref="FormatException"/> when a
    /// resource of one is missing.
    /// </summary>
    public static IReadOnlyList<byte[]> Rebuild(IReadOnlyCollection<byte[]> records)
    {
        var resources = new Dictionary<Hash, ReadOnlyMemory<byte>>();
        foreach (byte[] record in records)
        {
            if (!BundleSkeleton.IsSkeleton(record)) resources[new Hash(SHA256.HashData(record))] = record;
        }
        return [.. records.Where(r => BundleSkeleton.IsSkeleton(r))
            .Select(skeleton => BundleSkeleton.Join(skeleton, digest => resources.TryGetValue(digest, out ReadOnlyMemory<byte> found) ? found : null))];
    }
}
