using System.Globalization;
using Ptoy.Cli.Shell;

namespace Ptoy.Cli.Wallet;

/// <summary>PTOY as people write it (six decimals at most), and as the chain counts it (micro-PTOY).</summary>
internal static class Amount
{
    private const int Decimals = 6;
    private const long Micro = 1_000_000, Max = (1L << 53) - 1;

    /// <summary>Micro-PTOY. Anything but digits with at most six decimals, above zero, is refused.</summary>
    public static long Parse(string name, string text)
    {
        string[] parts = text.Split('.');
        bool digits = parts.Length is 1 or 2 && parts.All(p => p.Length > 0 && p.All(char.IsAsciiDigit));
        if (!digits || (parts.Length == 2 && parts[1].Length > Decimals) || parts[0].Length > 10)
            throw CliException.Usage($"{name}: '{text}' is not an amount such as 12 or 12.5, with at most {Decimals} decimals");
        long whole = long.Parse(parts[0], CultureInfo.InvariantCulture);
        long fraction = parts.Length == 2 ? long.Parse(parts[1].PadRight(Decimals, '0'), CultureInfo.InvariantCulture) : 0;
        long micro = (whole * Micro) + fraction;
        return micro is > 0 and <= Max ? micro : throw CliException.Usage($"{name}: '{text}' is not above 0 and at most {Text(Max)}");
    }

    /// <summary>PTOY with as many decimals as are needed.</summary>
    public static string Text(long micro)
    {
        string fraction = (micro % Micro).ToString("D6", CultureInfo.InvariantCulture).TrimEnd('0');
        string whole = (micro / Micro).ToString(CultureInfo.InvariantCulture);
        return fraction.Length == 0 ? whole : $"{whole}.{fraction}";
    }
}
