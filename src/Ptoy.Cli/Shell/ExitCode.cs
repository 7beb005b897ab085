namespace Ptoy.Cli.Shell;

/// <summary>What the process ends with. Every help page lists them.</summary>
internal static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Ok = 0;

    /// <summary>Refused or failed: a denial, a wrong passphrase, a proof that does not hold.</summary>
    public const int Failed = 1;

    /// <summary>Wrong usage or configuration: nothing was tried.</summary>
    public const int Usage = 2;

    /// <summary>No answer from the network.</summary>
    public const int Unreachable = 3;

    /// <summary>Ended by Ctrl-C.</summary>
    public const int Interrupted = 130;

    /// <summary>The table as help shows it.</summary>
    public const string Help = "0 done · 1 refused or failed · 2 wrong usage or configuration · 3 network unreachable · 130 interrupted";
}

/// <summary>A problem that a person can act on; the message says how.</summary>
internal sealed class CliException(int exitCode, string message) : Exception(message)
{
    /// <summary>One of <see cref="Shell.ExitCode"/>.</summary>
    public int ExitCode { get; } = exitCode;

    /// <summary>Wrong usage.</summary>
    public static CliException Usage(string message) => new(Shell.ExitCode.Usage, message);

    /// <summary>Refused or failed.</summary>
    public static CliException Failed(string message) => new(Shell.ExitCode.Failed, message);
}
