using System.CommandLine;

namespace Ptoy.Cli.Shell;

/// <summary>Options that several commands have, defined once.</summary>
internal sealed class SharedOptions
{
    /// <summary>Environment variable of <see cref="Node"/>.</summary>
    public const string NodeVariable = "PTOY_NODE";

    /// <summary>Environment variable of <see cref="Genesis"/>.</summary>
    public const string GenesisVariable = "PTOY_GENESIS_FILE";

    /// <summary>Environment variable of <see cref="Keystore"/>.</summary>
    public const string KeystoreVariable = "PTOY_KEYSTORE";

    /// <summary>Environment variable of <see cref="Authority"/>.</summary>
    public const string AuthorityVariable = "PTOY_AUTHORITY";

    /// <summary>Environment variable of the passphrase.</summary>
    public const string PassphraseVariable = "PTOY_PASSPHRASE";

    /// <summary>First node of a local network with its default ports.</summary>
    public const string DefaultNode = "http://127.0.0.1:28502";

    /// <summary>Variables of this program which are not settings of the daemon.</summary>
    public static readonly string[] OwnVariables =
        [NodeVariable, GenesisVariable, KeystoreVariable, AuthorityVariable, PassphraseVariable, "PTOY_DEBUG", "PTOY_CONFIG"];

    /// <summary>Machine output.</summary>
    public Option<bool> Json { get; } = new("--json") { Description = "machine-readable result on standard output", Recursive = true };

    /// <summary>JSON-RPC address.</summary>
    public Option<string?> Node { get; } = new("--node") { Description = $"JSON-RPC address of a node [{NodeVariable}, else {DefaultNode}]", HelpName = "URL" };

    /// <summary>What is trusted.</summary>
    public Option<string?> Genesis { get; } = new("--genesis") { Description = $"genesis file: what every answer is checked against [{GenesisVariable}]", HelpName = "FILE" };

    /// <summary>Whose keys.</summary>
    public Option<string?> Keystore { get; } = new("--keystore", "-k") { Description = $"encrypted keystore of the account [{KeystoreVariable}]", HelpName = "FILE" };

    /// <summary>Which account of the keystore.</summary>
    public Option<uint> Account { get; } = new("--account") { Description = "which account of the keystore, counted from 0", HelpName = "N", DefaultValueFactory = _ => 0 };

    /// <summary>Passphrase from a file.</summary>
    public Option<string?> PassphraseFile { get; } = new("--passphrase-file") { Description = $"file whose first line is the passphrase [{PassphraseVariable} holds it; else you are asked]", HelpName = "FILE" };

    /// <summary>Key authority.</summary>
    public Option<string?> Authority { get; } = new("--authority") { Description = $"address of the key authority [{AuthorityVariable}]", HelpName = "URL" };

    /// <summary>Organisation that the account acts for.</summary>
    public Option<string?> As { get; } = new("--as") { Description = "organisation that the account works for", HelpName = "ORGANISATION" };

    /// <summary>Purpose of use.</summary>
    public Option<string> Purpose { get; } = new("--purpose") { Description = "HL7 purpose of use: TREAT, ETREAT, CAREMGT, HRESCH…", HelpName = "CODE", DefaultValueFactory = _ => "TREAT" };

    /// <summary>Options of a command that opens a keystore.</summary>
    public Symbol[] Keys => [Keystore, PassphraseFile, Account];

    /// <summary>Options of a command that asks a node something public and checks it.</summary>
    public Symbol[] Chain => [Node, Genesis];

    /// <summary>Options of a command that signs for an account at a node.</summary>
    public Symbol[] Signed => [Node, Genesis, Keystore, PassphraseFile, Account];
}
