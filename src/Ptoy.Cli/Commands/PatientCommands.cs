using System.CommandLine;
using System.Text.Json;
using Ptoy.Cli.Shell;
using Ptoy.Client.Keys;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy patient</c>: what a patient does, with keys that never leave this machine.</summary>
internal static class PatientCommands
{
    public static Command Build(SharedOptions shared) => new PtoyCommand("patient", "A patient's account, from sign-up to records.")
        .With([
            SignUp(shared), Confirm(shared), Create(shared), Match(shared), Answers(shared), Accept(shared), AppCommands.Approve(shared), .. PatientAccountCommands.All(shared),
            new PtoyCommand("records", "The patient's own records.").With(RecordCommands.List(shared, ownOnly: true), RecordCommands.Get(shared, "open", ownOnly: true)),
        ]);

    private static PtoyCommand SignUp(SharedOptions shared)
    {
        var name = new Option<string>("--name") { Description = "given and family names", HelpName = "NAME", Required = true };
        var phone = new Option<string>("--phone") { Description = "with country code", HelpName = "NUMBER", Required = true };
        var birth = new Option<string?>("--birth-date") { Description = "yyyy-MM-dd; finds more records", HelpName = "DATE" };
        return new PtoyCommand("sign-up", "Asks the key authority for an account: it sends a code to the phone.",
                "ptoy patient sign-up --authority http://127.0.0.1:28600 --name 'Ana Example' --phone +16175550123 --birth-date 1980-02-29")
            .With(shared.Authority, name, phone, birth)
            .Does(async call =>
            {
                using var http = new HttpClient();
                SignUpStarted started = await call.Authority(shared, http).StartAsync(new SignUpStart(call.Get(name)!, call.Get(phone)!, call.Get(birth)), call.Cancellation);
                call.Output.Result(started, $"sign-up  {started.SignUpId}", $"expires  {started.ExpiresAt:u}");
                call.Output.Say($"A code is on its way to the phone. Then: ptoy patient confirm --sign-up {started.SignUpId} --code CODE --keystore FILE");
            });
    }

    private static PtoyCommand Confirm(SharedOptions shared)
    {
        var id = new Option<string>("--sign-up") { Description = "what sign-up answered", HelpName = "ID", Required = true };
        var code = new Option<string?>("--code") { Description = "from the phone; asked for when absent", HelpName = "CODE" };
        return new PtoyCommand("confirm", "Ends the sign-up: certifies this keystore's keys and publishes the vault's.",
                "ptoy patient confirm --sign-up 5f… --code 5VKS-229404 --keystore me.keystore --genesis genesis.json")
            .With([shared.Authority, .. shared.Signed, id, code])
            .Does(async call =>
            {
                using var http = new HttpClient();
                AuthorityClient authority = call.Authority(shared, http);
                await using Session session = await call.ConnectAsync(shared);
                string typed = call.Get(code) ?? call.Secrets.Line("Code: ", "no code was given: use --code");
                SignUpDone done = await authority.ConfirmAsync(call.Get(id)!, typed, session.Keys, call.Cancellation);
                await CreateVaultAsync(call, session);
                call.Output.Result(done, $"account  {done.Account} is certified, and its vault is published");
            });
    }

    private static PtoyCommand Create(SharedOptions shared) =>
        new PtoyCommand("create", "Publishes the vault of a certified account; confirm does it by itself.", "ptoy patient create --keystore me.keystore")
            .With(shared.Signed)
            .Does(async call =>
            {
                await using Session session = await call.ConnectAsync(shared);
                bool made = await CreateVaultAsync(call, session);
                call.Output.Result(new { account = session.Account.ToString(), created = made }, made ? "the vault is published" : "the vault was published already");
            });

    private static PtoyCommand Match(SharedOptions shared)
    {
        var code = new Option<string?>("--code") { Description = "the code that a hospital sent to the phone it has on file", HelpName = "CODE" };
        var birth = new Option<string?>("--birth-date") { Description = "yyyy-MM-dd, with --code", HelpName = "DATE" };
        return new PtoyCommand("match", "Asks all hospitals for records of yours; with --code, proves that they are yours.",
                "ptoy patient match --keystore me.keystore --authority http://127.0.0.1:28600",
                "ptoy patient match --keystore me.keystore --code 5VKS-229404 --birth-date 1980-02-29")
            .With([shared.Authority, .. shared.Signed, code, birth])
            .Does(async call =>
            {
                if (call.Get(code) is null != call.Get(birth) is null) throw CliException.Usage("--code and --birth-date go together");
                using var http = new HttpClient();
                AuthorityClient? authority = call.Get(code) is null ? call.Authority(shared, http) : null;
                await using Session session = await call.ConnectAsync(shared);
                using PatientSession patient = session.Patient();
                if (authority is not null)
                {
                    await patient.RequestMatchAsync(authority, call.Cancellation);
                    call.Output.Result(new { asked = true }, "the hospitals have been asked");
                    call.Output.Say("If one holds records of yours, it sends a code to the phone it has on file. Then: ptoy patient match --code CODE --birth-date DATE");
                    return;
                }
                int sent = await patient.ConfirmMatchAsync(call.Get(code)!, call.Get(birth)!, call.Cancellation);
                call.Output.Result(new { sentTo = sent }, $"sent, sealed, to {sent} organisations");
                call.Output.Say("Only the one that sent the code can answer: ptoy patient answers --wait 30");
            });
    }

    private static PtoyCommand Answers(SharedOptions shared)
    {
        var wait = new Option<int>("--wait") { Description = "seconds to wait for a first mail, 0 to 30", DefaultValueFactory = _ => 0, HelpName = "SECONDS" };
        return new PtoyCommand("answers", "Lists what hospitals have answered in the last 24 hours.", "ptoy patient answers --keystore me.keystore --wait 30")
            .With([.. shared.Signed, wait])
            .Does(async call =>
            {
                if (call.Get(wait) is < 0 or > 30) throw CliException.Usage("--wait: not 0 to 30 seconds");
                await using Session session = await call.ConnectAsync(shared);
                using PatientSession patient = session.Patient();
                IReadOnlyList<MatchAnswer> answers = await patient.AnswersAsync(TimeSpan.FromSeconds(call.Get(wait)), call.Cancellation);
                call.Output.Table(
                    answers.Select(a => new { organisation = a.Organisation, name = a.Name, state = a.State.ToString(), records = a.Records }),
                    ["organisation", "name", "state", "records"], answers.Select(a => new[] { a.Organisation, a.Name, a.State.ToString(), $"{a.Records}" }), "no answers");
            });
    }

    private static PtoyCommand Accept(SharedOptions shared)
    {
        var organisation = new Argument<string>("organisation") { Description = "the hospital's account" };
        return new PtoyCommand("accept", "Lets a hospital write into the vault, so that it hands over what it holds.", "ptoy patient accept ptoy1… --keystore me.keystore")
            .With([organisation, .. shared.Signed])
            .Does(async call =>
            {
                Address to = call.AddressOf(organisation);
                await using Session session = await call.ConnectAsync(shared);
                using PatientSession patient = session.Patient();
                int provision = await patient.AcceptBindingAsync(to, call.Cancellation);
                call.Output.Result(new { organisation = to.ToString(), provision }, $"provision {provision}: {to} may write");
            });
    }

    private static async Task<bool> CreateVaultAsync(Call call, Session session)
    {
        JsonElement exists = await session.Node.ViewAsync(new ContractId("Patient", session.Account), "exists", [], call.Cancellation);
        if (exists.GetBoolean()) return false;
        using PatientSession patient = session.Patient();
        await call.Output.WaitAsync($"publishing the keys of {VaultRoot.Epochs} epochs", () => patient.CreateVaultAsync(call.Cancellation));
        return true;
    }
}
