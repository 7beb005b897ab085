using System.Security.Cryptography;

namespace Ptoy.Services.Tests;

/// <summary>Repeatable "randomness" for tests: SHA-256 of a counter.</summary>
internal sealed class SeededBytes(int seed) : RandomNumberGenerator
{
    private int _count;

    public override void GetBytes(byte[] data) => GetBytes(data.AsSpan());

    public override void GetBytes(Span<byte> data)
    {
        for (int at = 0; at < data.Length; at += 32)
        {
            byte[] block = SHA256.HashData([.. BitConverter.GetBytes(seed), .. BitConverter.GetBytes(_count++)]);
            block.AsSpan(0, Math.Min(32, data.Length - at)).CopyTo(data[at..]);
        }
    }
}
