namespace Ptoy.Protocol.Tests.Crypto;

/// <summary>Short for hexadecimal in test vectors.</summary>
internal static class Hex
{
    internal static byte[] Bytes(string hex) => Convert.FromHexString(hex);

    internal static string Text(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);
}
