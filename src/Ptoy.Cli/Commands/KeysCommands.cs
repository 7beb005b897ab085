using System.CommandLine;
using System.Security.Cryptography;
using Ptoy.Cli.Shell;
using Ptoy.Client.Keys;
using Ptoy.Protocol.Crypto;
using KeyFile = Ptoy.Node.Config.KeyFile;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy keys</c>: phrases, keystores and node keys.</summary>
internal static class KeysCommands
{
    private static Option<string> OutOption(string what) => new("--out", "-o") { Description = what, HelpName = "FILE", Required = true };

    public static Command Build(SharedOptions shared) => new PtoyCommand("keys", "Make, show and recover keys.")
        .With(New(shared), Show(shared), Recover(shared), Node());

    private static PtoyCommand New(SharedOptions shared)
    {
        Option<string> file = OutOption("keystore to write, readable by you only");
        var words = new Option<int>("--words") { Description = "12 or 24", DefaultValueFactory = _ => 24 };
        words.Validators.Add(r =>
        {
            if (r.GetValueOrDefault<int>() is not (12 or 24)) r.AddError("--words: a phrase has 12 or 24 words");
        });
        var hide = new Option<bool>("--no-phrase") { Description = "do not show the phrase (ptoy keys show --phrase does later)" };
        return new PtoyCommand("new", "Makes a phrase and keeps it in an encrypted keystore.",
                "ptoy keys new --out me.keystore", "ptoy keys new --out me.keystore --words 12 --no-phrase --json")
            .With(file, words, hide, shared.PassphraseFile)
            .Does(call =>
            {
                string path = Call.NewFile(file.Name, call.Get(file)!);
                string passphrase = call.Secrets.NewPassphrase(call.Get(shared.PassphraseFile));
                using Keystore keystore = Keystore.FromPhrase(Mnemonic.Create(call.Get(words)));
                keystore.Save(path, passphrase, call.Terminal.KeystoreCost);
                Describe(call, keystore, 0, path, withPhrase: !call.Get(hide));
                return Task.CompletedTask;
            });
    }

    private static PtoyCommand Show(SharedOptions shared)
    {
        var phrase = new Option<bool>("--phrase") { Description = "also show the phrase: whoever reads it owns the account" };
        return new PtoyCommand("show", "Shows the account, public keys and Ether address of a keystore.",
                "ptoy keys show --keystore me.keystore", "ptoy keys show -k me.keystore --account 1 --json")
            .With([.. shared.Keys, phrase])
            .Does(call =>
            {
                using Keystore keystore = call.OpenKeystore(shared);
                Describe(call, keystore, call.Get(shared.Account), call.Required(shared.Keystore, SharedOptions.KeystoreVariable), call.Get(phrase));
                return Task.CompletedTask;
            });
    }

    private static PtoyCommand Recover(SharedOptions shared)
    {
        Option<string> file = OutOption("keystore to write, readable by you only");
        var phraseFile = new Option<string?>("--phrase-file") { Description = "file that holds the words; else they are read from standard input", HelpName = "FILE" };
        return new PtoyCommand("recover", "Makes a keystore from a phrase written down. The account is the same; the vault root is new.",
                "ptoy keys recover --out me.keystore", "ptoy keys recover --out me.keystore --phrase-file words.txt --json")
            .With(file, phraseFile, shared.PassphraseFile)
            .Does(call =>
            {
                string path = Call.NewFile(file.Name, call.Get(file)!);
                string text = call.Get(phraseFile) is { } from
                    ? File.ReadAllText(Call.ExistingFile(phraseFile.Name, from))
                    : call.Secrets.Line("Your words, in order: ", "no phrase was given: type it, pipe it in, or use --phrase-file");
                using Keystore keystore = Keystore.FromPhrase(Parse(text));
                keystore.Save(path, call.Secrets.NewPassphrase(call.Get(shared.PassphraseFile)), call.Terminal.KeystoreCost);
                Describe(call, keystore, 0, path, withPhrase: false);
                call.Output.Say("The vault root is not in the phrase: records sealed to the old one need the old keystore or its shares.");
                return Task.CompletedTask;
            });
    }

    private static PtoyCommand Node()
    {
        Option<string> file = OutOption("key file to write, readable by you only");
        return new PtoyCommand("node", "Makes a node's signing key, or its storage key.", "ptoy keys node --out node.key")
            .With(file)
            .Does(call =>
            {
                string path = Call.NewFile(file.Name, call.Get(file)!);
                byte[] seed = RandomNumberGenerator.GetBytes(SigningKey.SeedSize);
                using var key = new SigningKey(seed);
                KeyFile.Write(path, seed);
                CryptographicOperations.ZeroMemory(seed);
                call.Output.Result(
                    new { file = path, nodeKey = key.Public.ToString(), account = key.Address.ToString() },
                    $"key file   {path}", $"node key   {key.Public}", $"account    {key.Address}");
                call.Output.Say("Never copy it to a second machine nor into a backup: two nodes with one key contradict each other.");
                return Task.CompletedTask;
            });
    }

    private static Mnemonic Parse(string text)
    {
        try
        {
            return Mnemonic.Parse(text);
        }
        catch (FormatException e)
        {
            throw CliException.Usage($"phrase: {e.Message}");
        }
    }

    private static void Describe(Call call, Keystore keystore, uint index, string path, bool withPhrase)
    {
        using AccountKeys keys = keystore.Account(index);
        string? phrase = withPhrase ? keystore.Phrase?.Phrase : null;
        List<string> lines =
        [
            $"account      {keys.Address}", $"signing key  {keys.Signing.Public}", $"sealing key  {keys.Sealing.Public}",
            $"Ether        {keys.Ether.Address}", $"keystore     {path}",
        ];
        if (phrase is not null) lines.Add($"phrase       {phrase}");
        call.Output.Result(
            new
            {
                account = keys.Address.ToString(), signingKey = keys.Signing.Public.ToString(), sealingKey = keys.Sealing.Public.ToString(),
                ether = keys.Ether.Address, vaultRootVersion = keystore.VaultRoot.Version, keystore = path, phrase,
            },
            [.. lines]);
        if (phrase is not null) call.Output.Say("Write the phrase on paper and keep it apart from this machine. Nobody can give it to you again.");
    }
}
