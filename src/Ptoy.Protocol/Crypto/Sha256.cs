using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Ptoy.Protocol.Crypto;

/// <summary>
/// SHA-256 of short inputs, which a node computes some fifty times a transaction. The platform's one-shot call goes through
/// algorithm lookup, error queue and context allocation of OpenSSL each time, which costs several times the hash itself; where
/// OpenSSL 3 is there, its block functions are called directly, on a context on the stack. Else, and for long inputs, the platform's.
/// </summary>
internal static unsafe partial class Sha256
{
    /// <summary>Longest input of the direct way: its calls do not let the garbage collector in.</summary>
    public const int Short = 4096;

    private const string Library = "libcrypto.so.3";

    // SHA256_CTX has 112 bytes on every platform with 32-bit int.
    private const int ContextSize = 128;

    private static readonly bool Direct = Exists();

    /// <summary>Hashes the concatenation of three parts into 32 bytes.</summary>
    public static void Hash(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third, Span<byte> digest)
    {
        if (Direct && first.Length + second.Length + third.Length <= Short) HashDirectly(first, second, third, digest);
        else HashByPlatform(first, second, third, digest);
    }

    /// <summary>The platform's way, whatever the length.</summary>
    internal static void HashByPlatform(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third, Span<byte> digest)
    {
        using var incremental = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        incremental.AppendData(first);
        incremental.AppendData(second);
        incremental.AppendData(third);
        incremental.GetHashAndReset(digest);
    }

    private static void HashDirectly(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third, Span<byte> digest)
    {
        if (digest.Length < SHA256.HashSizeInBytes) throw new ArgumentException("a digest has 32 bytes", nameof(digest));
        byte* context = stackalloc byte[ContextSize];
        fixed (byte* a = first, b = second, c = third, result = digest)
        {
            if (SHA256_Init(context) != 1 || SHA256_Update(context, a, (nuint)first.Length) != 1 || SHA256_Update(context, b, (nuint)second.Length) != 1
                || SHA256_Update(context, c, (nuint)third.Length) != 1 || SHA256_Final(result, context) != 1)
            {
                throw new CryptographicException("SHA-256 failed");
            }
        }
    }

    private static bool Exists() =>
        NativeLibrary.TryLoad(Library, out nint handle)
        && NativeLibrary.TryGetExport(handle, nameof(SHA256_Init), out _)
        && NativeLibrary.TryGetExport(handle, nameof(SHA256_Update), out _)
        && NativeLibrary.TryGetExport(handle, nameof(SHA256_Final), out _);

    [LibraryImport(Library)]
    [SuppressGCTransition]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SHA256_Init(byte* context);

    [LibraryImport(Library)]
    [SuppressGCTransition]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SHA256_Update(byte* context, byte* data, nuint length);

    [LibraryImport(Library)]
    [SuppressGCTransition]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SHA256_Final(byte* digest, byte* context);
}
