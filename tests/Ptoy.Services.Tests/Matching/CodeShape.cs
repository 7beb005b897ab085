using Ptoy.Services.Matching;

namespace Ptoy.Services.Tests.Matching;

internal static class CodeShape
{
    public static bool IsCode(string word) => word.Length == 11 && word[4] == '-' && OneTimeCode.Parse(word) is not null;

    /// <summary>The same code with another secret.</summary>
    public static string Wrong(string code) => code[..5] + (code[5..] == "000000" ? "000001" : "000000");
}
