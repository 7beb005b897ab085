using System.Security.Cryptography;
using System.Text;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Fraud.Facts;

/// <summary>
/// Relations between people as keyed tokens: HMAC-SHA256 under a key of this service alone, 16 hexadecimal digits. Two people of one address, street,
/// family name or telephone have the same token; the token tells neither, and another service's tokens cannot be compared with it.
/// </summary>
internal sealed class RelationTokens(byte[] key, string region = "US")
{
    public string Household(string line, string town) => Token("household", Plain(line), Plain(town));

    /// <summary>The street without the house number.</summary>
    public string Street(string line, string town) => Token("street", Plain(new string([.. line.Where(c => !char.IsDigit(c))])), Plain(town));

    public string Family(string name) => Token("family", Plain(name));

    /// <summary>Numbers that cannot be read as a telephone number are compared by their digits.</summary>
    public string Phone(string number)
    {
        string digits = PhoneText.TryNormalise(number, region) ?? new string([.. number.Where(char.IsDigit)]);
        return digits.Length < 5 ? "" : Token("phone", digits);
    }

    private string Token(string kind, params ReadOnlySpan<string> parts)
    {
        if (parts[0].Length == 0) return "";
        byte[] text = Encoding.UTF8.GetBytes($"ptoy/fraud-relation/v1\n{kind}\n{string.Join('\n', parts!)}");
        return Convert.ToHexStringLower(HMACSHA256.HashData(key, text).AsSpan(0, 8));
    }

    private static string Plain(string text) => new([.. text.Where(char.IsLetterOrDigit).Select(char.ToLowerInvariant)]);
}
