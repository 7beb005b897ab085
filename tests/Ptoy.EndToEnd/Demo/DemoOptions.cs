using System.Globalization;

namespace Ptoy.EndToEnd.Demo;

/// <summary>What <c>./dev demo</c> was asked for.</summary>
public sealed record DemoOptions(bool Check, string? Data, ulong Seed, int Patients, int Resources, string Directory, int BasePort)
{
    /// <summary>How it is used.</summary>
    public const string Usage = "demo [--check] [--data DIR] [--seed N] [--patients N] [--resources N] [--dir DIR] [--base-port N] | demo --stop";

    /// <summary>Parses arguments. Throws <see cref="FormatException"/> naming the one that is wrong.</summary>
    public static DemoOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new DemoOptions(false, null, 2026, 12, 60, Path.GetFullPath(".devnet/demo"), 28_500);
        for (int i = 0; i < arguments.Count; i++)
        {
            string Value() => i + 1 < arguments.Count ? arguments[++i] : throw new FormatException($"{arguments[i]} needs a value; {Usage}");
            int Number(int min, int max) => int.TryParse(Value(), NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n >= min && n <= max
                ? n
                : throw new FormatException($"{arguments[i - 1]}: '{arguments[i]}' is not a number from {min} to {max}");
            options = arguments[i] switch
            {
                "--check" => options with { Check = true },
                "--data" => options with { Data = Path.GetFullPath(Value()) },
                "--seed" => options with { Seed = (ulong)Number(0, int.MaxValue) },
                "--patients" => options with { Patients = Number(2, 1000) },
                "--resources" => options with { Resources = Number(12, 50_000) },
                "--dir" => options with { Directory = Path.GetFullPath(Value()) },
                "--base-port" => options with { BasePort = Number(1024, 65_000) },
                _ => throw new FormatException($"'{arguments[i]}' is not an option; {Usage}"),
            };
        }
        return options.Data is null || System.IO.Directory.Exists(options.Data)
            ? options
            : throw new FormatException($"--data: there is no folder '{options.Data}'");
    }
}
