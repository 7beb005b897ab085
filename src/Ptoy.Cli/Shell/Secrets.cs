namespace Ptoy.Cli.Shell;

/// <summary>Passphrases, phrases and codes: from a file, the environment, or whoever is at the keyboard. Never from an argument, which others on the machine see.</summary>
internal sealed class Secrets(Terminal terminal)
{
    /// <summary>Fewest characters of a new passphrase.</summary>
    public const int MinPassphrase = 12;

    /// <summary>The passphrase of an existing keystore.</summary>
    public string Passphrase(string? file) => Given(file) ?? Ask("Passphrase: ");

    /// <summary>The passphrase of a new keystore, asked twice.</summary>
    public string NewPassphrase(string? file)
    {
        string? given = Given(file);
        string passphrase = given ?? Ask($"New passphrase (at least {MinPassphrase} characters): ");
        if (passphrase.Length < MinPassphrase) throw CliException.Usage($"the passphrase has fewer than {MinPassphrase} characters");
        if (given is null && Ask("The same again: ") != passphrase) throw CliException.Usage("the two passphrases differ");
        return passphrase;
    }

    /// <summary>A line from the keyboard or a pipe.</summary>
    public string Line(string prompt, string missing)
    {
        terminal.Error.Write(prompt);
        return terminal.In.ReadLine() is { } line && line.Trim().Length > 0 ? line.Trim() : throw CliException.Usage(missing);
    }

    private string? Given(string? file)
    {
        if (file is null) return terminal.Environment(SharedOptions.PassphraseVariable) is { Length: > 0 } set ? set : null;
        Call.ExistingFile("--passphrase-file", file);
        return File.ReadLines(file).FirstOrDefault() is { Length: > 0 } line ? line : throw CliException.Usage($"--passphrase-file: the first line of '{file}' is empty");
    }

    private string Ask(string prompt)
    {
        if (terminal.ReadSecret is not { } read)
            throw CliException.Usage($"a passphrase is needed: set {SharedOptions.PassphraseVariable}, give --passphrase-file, or run this at a keyboard");
        terminal.Error.Write(prompt);
        return read();
    }
}
