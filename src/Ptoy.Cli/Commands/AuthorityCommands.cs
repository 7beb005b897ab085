using System.CommandLine;
using Ptoy.Cli.Authority;
using Ptoy.Cli.Shell;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy authority</c>: the key authority's service, and what its operator does by hand.</summary>
internal static class AuthorityCommands
{
    private static readonly string[] Roles = ["patient", "practitioner", "organisation", "service", "researcher", "guardian"];

    public static Command Build(SharedOptions shared) => new PtoyCommand("authority", "The key authority: certifies who a key belongs to.")
        .With(Run(shared), Certify(shared), Revoke(shared));

    private static Option<string> DataOption() => new("--data") { Description = "directory of the sealed directory and its keys", HelpName = "DIR", Required = true };

    private static PtoyCommand Run(SharedOptions shared)
    {
        Option<string> data = DataOption();
        var url = new Option<string>("--url") { Description = "where to listen; plain http on this machine only", DefaultValueFactory = _ => "http://127.0.0.1:28600", HelpName = "URL" };
        var codes = new Option<string>("--codes") { Description = CodeSenders.Help, DefaultValueFactory = _ => "console", HelpName = "WAY" };
        var region = new Option<string>("--region") { Description = "region of phone numbers without country code", DefaultValueFactory = _ => "US", HelpName = "CC" };
        return new PtoyCommand("run", "Runs the key authority until Ctrl-C. The keystore is the account that genesis names as authority.",
                "ptoy authority run --keystore net/keys/authority.keystore --genesis net/genesis.json --data ./authority",
                "ptoy authority run -k authority.keystore --data /var/lib/ptoy-authority --codes webhook:https://sms.example/send")
            .With([.. shared.Signed, data, url, codes, region])
            .Does(async call =>
            {
                Uri listen = Call.UrlOf(url.Name, call.Get(url)!);
                var sender = CodeSenders.Parse(codes.Name, call.Get(codes)!, call.Terminal.Out);
                await using Session session = await call.ConnectAsync(shared);
                await using var service = new AuthorityService(session, call.Get(data)!, call.Get(region)!, sender);
                await service.RunAsync(listen, ready => call.Output.Result(
                    new { ready = true, url = ready.ToString(), account = session.Account.ToString() }, $"ready {ready}"), call.Cancellation);
            });
    }

    private static PtoyCommand Certify(SharedOptions shared)
    {
        var signing = new Option<string>("--signing-key") { Description = "the account's signing key, 1:hex", HelpName = "KEY", Required = true };
        var sealing = new Option<string>("--sealing-key") { Description = "the account's sealing key, 2:hex", HelpName = "KEY", Required = true };
        var role = new Option<string[]>("--role") { Description = string.Join(", ", Roles), HelpName = "ROLE", Required = true, AllowMultipleArgumentsPerToken = true };
        role.AcceptOnlyFromAmong(Roles);
        return new PtoyCommand("certify", "Certifies an account whose identity the operator has checked, such as a clinician's.",
                "ptoy authority certify -k authority.keystore --role practitioner --signing-key 1:ab… --sealing-key 2:cd…")
            .With([.. shared.Signed, signing, sealing, role])
            .Does(async call =>
            {
                PublicKey key = KeyOf(signing, call.Get(signing)!, SuiteId.Ed25519), seal = KeyOf(sealing, call.Get(sealing)!, SuiteId.HpkeX25519);
                await using Session session = await call.ConnectAsync(shared);
                using var sender = new TransactionSender(session.Node);
                Receipt receipt = await sender.SendAsync(
                    ContractId.Single("Identity"), "certify",
                    [key.Address.ToString(), new { sealingKey = seal.ToString(), signingKey = key.ToString(), roles = call.Get(role) }], call.Cancellation);
                call.Output.Result(
                    new { account = key.Address.ToString(), roles = call.Get(role), height = receipt.Height }, $"certified {key.Address} at height {receipt.Height}");
            });
    }

    private static PtoyCommand Revoke(SharedOptions shared)
    {
        var account = new Argument<string>("account") { Description = "whose key counts no more" };
        Option<string> data = DataOption();
        return new PtoyCommand("revoke", "Ends a certification, so that the person can sign up again. Stop the service first: the directory has one user.",
                "ptoy authority revoke ptoy1… -k authority.keystore --data ./authority")
            .With([account, .. shared.Signed, data])
            .Does(async call =>
            {
                Address who = call.AddressOf(account);
                await using Session session = await call.ConnectAsync(shared);
                await using var service = new AuthorityService(session, call.Get(data)!, "US", CodeSenders.Parse("--codes", "console", TextWriter.Null));
                bool listed = await service.RevokeAsync(who, call.Cancellation);
                call.Output.Result(new { account = who.ToString(), revoked = true, wasInDirectory = listed }, $"revoked {who}");
            });
    }

    private static PublicKey KeyOf(Symbol option, string text, SuiteId suite)
    {
        try
        {
            PublicKey key = PublicKey.Parse(text);
            return key.Suite == suite ? key : throw CliException.Usage($"{option.Name}: a key that begins with {(byte)suite}: is needed here");
        }
        catch (FormatException e)
        {
            throw CliException.Usage($"{option.Name}: {e.Message}");
        }
    }
}
