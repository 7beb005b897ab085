using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>
/// Resource ids made of what the source itself calls a thing by, so that a replay gives the same id and a correction a new version of it.
/// </summary>
internal static class StableId
{
    /// <summary>32 hexadecimal digits of SHA-256 over the parts, each with its length, so that no two lists of parts read alike.</summary>
    public static string Of(string type, params ReadOnlySpan<string?> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, "ptoy/hl7/resource/v1");
        Append(hash, type);
        foreach (string? part in parts) Append(hash, part ?? "");
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }

    private static void Append(IncrementalHash hash, string part)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(part);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
        hash.AppendData(length);
        hash.AppendData(bytes);
    }
}
