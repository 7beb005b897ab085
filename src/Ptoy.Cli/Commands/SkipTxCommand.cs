using System.CommandLine;
using System.Text.Json;
using Ptoy.Cli.Shell;
using Ptoy.Node;
using Ptoy.Node.Config;
using Ptoy.Node.Execution;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy chain skip-tx</c>: the way out when a transaction halts every node. Members sign apart; one combines.</summary>
internal static class SkipTxCommand
{
    public static Command Build(SharedOptions shared)
    {
        var transaction = new Argument<string>("transaction") { Description = "hash of the transaction that halted the nodes" };
        var sign = new Option<string?>("--sign") { Description = "sign with this node key file", HelpName = "NODE-KEY" };
        var combine = new Option<string[]>("--combine") { Description = "files that --sign wrote, of a quorum of members", HelpName = "FILE", AllowMultipleArgumentsPerToken = true };
        var config = new Option<string?>("--config", "-c")
        {
            Description = "configuration of a stopped node, whose store says who the members are now; absent: those of genesis", HelpName = "FILE",
        };
        var output = new Option<string?>("--out", "-o") { Description = "file to write; absent: standard output", HelpName = "FILE" };
        return new PtoyCommand("skip-tx", "Agrees to give a transaction a failed receipt without running it. Put the combined file into DATA-DIR/skip of every node, then start them.",
                "ptoy chain skip-tx 3f…64 digits --sign node1/node.key --genesis genesis.json --out a.json",
                "ptoy chain skip-tx 3f…64 digits --combine a.json b.json c.json --genesis genesis.json --out skip.json",
                "ptoy chain skip-tx 3f…64 digits --combine a.json b.json c.json --config node1/config.json --out skip.json")
            .With(transaction, sign, combine, config, output, shared.Genesis)
            .Does(call =>
            {
                Hash hash = Call.HashOf(transaction, call.Get(transaction));
                string[] files = call.Get(combine) ?? [];
                if (call.Get(sign) is null == (files.Length == 0)) throw CliException.Usage("give either --sign NODE-KEY or --combine FILE…");
                if (call.Get(output) is { } path) Call.NewFile(output.Name, path);
                (Hash chain, ValidatorSet members) = Members(call, shared, call.Get(config));
                string text = call.Get(sign) is { } keyFile ? Sign(hash, keyFile, chain, members) : Combine(hash, files, chain, members);
                if (call.Get(output) is not { } target)
                {
                    call.Terminal.Out.WriteLine(text);
                    return Task.CompletedTask;
                }
                File.WriteAllText(target, text);
                call.Output.Result(new { file = target, transaction = hash.ToString(), complete = files.Length > 0 }, $"written: {target}");
                return Task.CompletedTask;
            });
    }

    /// <summary>Whose signatures count: those of the epoch that the block belongs to which halted the nodes.</summary>
    private static (Hash Chain, ValidatorSet Members) Members(Call call, SharedOptions shared, string? file)
    {
        if (file is null)
        {
            Genesis genesis = call.Genesis(shared);
            return (genesis.ComputeChainId(), genesis.Validators);
        }
        NodeCommands.ForgetOwnVariables();
        NodeConfig config = NodeConfig.Load(Call.ExistingFile("--config", file), []);
        return (StoreChores.ChainId(config), StoreChores.Members(config));
    }

    private static string Sign(Hash transaction, string keyFile, Hash chain, ValidatorSet members)
    {
        using var key = new SigningKey(KeyFile.Read("--sign", keyFile));
        if (members.IndexOf(key.Public) < 0) throw CliException.Usage($"--sign: the key in '{keyFile}' is not a member's in epoch {members.Epoch}");
        return SkipList.Write(transaction, new Dictionary<PublicKey, Signature> { [key.Public] = SkipList.Sign(chain, transaction, key) });
    }

    private static string Combine(Hash transaction, string[] files, Hash chain, ValidatorSet members)
    {
        var signatures = new Dictionary<PublicKey, Signature>();
        foreach (string file in files) Read(transaction, Call.ExistingFile("--combine", file), signatures);
        string text = SkipList.Write(transaction, signatures);
        try
        {
            SkipList.Verify(text, chain, members);
        }
        catch (FormatException e)
        {
            throw CliException.Failed($"--combine: {e.Message}");
        }
        return text;
    }

    private static void Read(Hash transaction, string file, Dictionary<PublicKey, Signature> signatures)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllText(file));
            if (document.RootElement.GetProperty("transaction").GetString() != transaction.ToString()) throw CliException.Usage($"--combine: '{file}' is about another transaction");
            foreach (JsonProperty signature in document.RootElement.GetProperty("signatures").EnumerateObject())
                signatures[PublicKey.Parse(signature.Name)] = new Signature(SuiteId.Ed25519, Convert.FromHexString(signature.Value.GetString()!));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentNullException)
        {
            throw CliException.Usage($"--combine: '{file}' is not a file that skip-tx --sign wrote");
        }
    }
}
