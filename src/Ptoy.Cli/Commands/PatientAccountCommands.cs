using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using Ptoy.Cli.Shell;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Cli.Commands;

/// <summary>The part of <c>ptoy patient</c> that is about the account itself: facts, devices, export, notifications.</summary>
internal static class PatientAccountCommands
{
    public static PtoyCommand[] All(SharedOptions shared) =>
        [Show(shared), Change(shared), Devices(shared), Export(shared), new PtoyCommand("notifications", "How you are told that there is something to see.").With(NotificationGet(shared), NotificationSet(shared), NotificationConfirm(shared), NotificationList(shared), NotificationStop(shared))];

    private static PtoyCommand Show(SharedOptions shared) =>
        new PtoyCommand("account", "Shows what the key authority holds about you.", "ptoy patient account --keystore me.keystore --authority http://127.0.0.1:28600")
            .With([shared.Authority, .. shared.Keys])
            .Does(call => WithAuthorityAsync(call, shared, async (authority, session) => Say(call, await authority.AccountAsync(session.Signing, call.Cancellation))));

    private static PtoyCommand Change(SharedOptions shared)
    {
        var name = new Option<string?>("--name") { Description = "the new name", HelpName = "NAME" };
        var phone = new Option<string?>("--phone") { Description = "the new phone, with country code", HelpName = "NUMBER" };
        var birth = new Option<string?>("--birth-date") { Description = "yyyy-MM-dd", HelpName = "DATE" };
        var id = new Option<string?>("--change") { Description = "what the first step answered", HelpName = "ID" };
        var code = new Option<string?>("--code") { Description = "from the phone; asked for when absent", HelpName = "CODE" };
        return new PtoyCommand("change", "Changes name, phone or birth date: a code goes to the phone (to the new one), then your key is certified anew.",
                "ptoy patient change --phone +16175550199 --keystore me.keystore --authority http://127.0.0.1:28600",
                "ptoy patient change --change 5f… --code 5VKS-229404 --keystore me.keystore --authority http://127.0.0.1:28600")
            .With([shared.Authority, .. shared.Keys, name, phone, birth, id, code])
            .Does(call => WithAuthorityAsync(call, shared, async (authority, session) =>
            {
                bool begins = call.Get(name) is not null || call.Get(phone) is not null || call.Get(birth) is not null;
                if (begins == call.Get(id) is not null) throw CliException.Usage("give what is to change (--name, --phone, --birth-date), or --change to end a change");
                if (begins)
                {
                    ChangeStarted started = await authority.StartChangeAsync(session.Signing, new ChangeStart(call.Get(name), call.Get(phone), call.Get(birth)), call.Cancellation);
                    call.Output.Result(started, $"change   {started.ChangeId}", $"expires  {started.ExpiresAt:u}");
                    call.Output.Say($"A code is on its way to the phone. Then: ptoy patient change --change {started.ChangeId} --code CODE");
                    return;
                }
                string typed = call.Get(code) ?? call.Secrets.Line("Code: ", "no code was given: use --code");
                Say(call, await authority.ConfirmChangeAsync(session.Signing, call.Get(id)!, typed, call.Cancellation));
            }));
    }

    private static PtoyCommand Devices(SharedOptions shared)
    {
        var announce = new Option<string?>("--announce") { Description = "puts this machine on the list under a name", HelpName = "LABEL" };
        var forget = new Option<string?>("--forget") { Description = "takes a device off the list", HelpName = "ID" };
        return new PtoyCommand("devices", "Lists the devices that use your account. One that is not yours: have the key revoked.",
                "ptoy patient devices --keystore me.keystore --authority http://127.0.0.1:28600", "ptoy patient devices --announce laptop --keystore me.keystore")
            .With([shared.Authority, .. shared.Keys, announce, forget])
            .Does(call => WithAuthorityAsync(call, shared, async (authority, session) =>
            {
                if (call.Get(announce) is not null && call.Get(forget) is not null) throw CliException.Usage("--announce and --forget do not go together");
                IReadOnlyList<DeviceInfo> devices =
                    call.Get(announce) is { } label ? await authority.AnnounceAsync(session.Signing, new AnnounceDevice(DeviceId(call, shared), label), call.Cancellation)
                    : call.Get(forget) is { } id ? await authority.ForgetAsync(session.Signing, id, call.Cancellation)
                    : await authority.DevicesAsync(session.Signing, call.Cancellation);
                call.Output.Table(devices, ["id", "label", "first seen", "last seen"], devices.Select(d => new[] { d.Id, d.Label, Day(d.FirstSeen), Day(d.LastSeen) }), "no devices");
            }));
    }

    private static PtoyCommand Export(SharedOptions shared)
    {
        var path = new Option<string>("--out") { Description = "zip file to write", HelpName = "FILE", Required = true };
        var history = new Option<ulong?>("--wallet-from") { Description = "looks for PTOY movements from this height on; 1 is from the beginning", HelpName = "HEIGHT" };
        return new PtoyCommand("export", "Writes everything you have into a zip: records byte for byte, who may do what, who looked, what was paid. It is not encrypted.",
                "ptoy patient export --out mine.zip --keystore me.keystore --wallet-from 1")
            .With([.. shared.Signed, path, history])
            .Does(async call =>
            {
                string to = Call.NewFile(path.Name, call.Get(path)!);
                await using Session session = await call.ConnectAsync(shared);
                using PatientSession patient = session.Patient();
                IReadOnlyList<NodeConnection?> members = await MembersAsync(session, call.Cancellation);
                try
                {
                    await using FileStream file = NewPrivateFile(to);
                    ExportResult result = await call.Output.ProgressAsync("exporting", null, _ => new AccountExport(patient, session.Node).WriteAsync(file, members, call.Get(history), null, call.Cancellation));
                    call.Output.Result(
                        new { file = to, result.Records, result.Unreadable, result.Accesses, result.NodesAway, result.WalletEvents },
                        $"{to}: {result.Records} records, {result.Accesses} accesses, {result.WalletEvents} PTOY movements");
                    if (result.Unreadable > 0) call.Output.Say($"{result.Unreadable} records are not readable with the keys at hand; records.json names them");
                    if (result.NodesAway > 0) call.Output.Say($"the access logs of {result.NodesAway} members could not be had: they do not answer");
                }
                catch
                {
                    File.Delete(to);
                    throw;
                }
                finally
                {
                    foreach (NodeConnection? member in members) if (member is not null) await member.DisposeAsync();
                }
            });
    }

    private static Option<string> ServiceOption() => new("--service") { Description = "address of the notification service", HelpName = "URL", Required = true };

    private static PtoyCommand NotificationGet(SharedOptions shared)
    {
        Option<string> url = ServiceOption();
        return new PtoyCommand("show", "Shows what is set.", "ptoy patient notifications show --service https://services.example --keystore me.keystore")
            .With([url, .. shared.Keys])
            .Does(call => WithServiceAsync(call, shared, url, async (service, keys) => Say(call, await service.PreferencesAsync(keys.Signing, call.Cancellation))));
    }

    private static PtoyCommand NotificationSet(SharedOptions shared)
    {
        Option<string> url = ServiceOption();
        var email = new Option<string?>("--email") { Description = "an address to be confirmed by code", HelpName = "ADDRESS" };
        var hook = new Option<string?>("--webhook") { Description = "an https address that notices are posted to", HelpName = "URL" };
        var kinds = new Option<string[]?>("--kind") { Description = "only these kinds", HelpName = "KIND", AllowMultipleArgumentsPerToken = true };
        var quiet = new Option<string?>("--quiet") { Description = "quiet hours, as 22:00-07:00", HelpName = "FROM-TO" };
        var zone = new Option<string>("--time-zone") { Description = "of the quiet hours", DefaultValueFactory = _ => "UTC", HelpName = "ZONE" };
        var accesses = new Option<bool>("--accesses") { Description = "also lets the service see who accessed your records, to tell you" };
        return new PtoyCommand("set", "Sets how you are told. What was set before is replaced.",
                "ptoy patient notifications set --service https://services.example --email me@example.org --quiet 22:00-07:00 --time-zone Europe/Berlin --keystore me.keystore")
            .With([url, email, hook, kinds, quiet, zone, accesses, .. shared.Signed])
            .Does(call => WithServiceAsync(call, shared, url, async (service, keys) =>
            {
                string[]? hours = call.Get(quiet)?.Split('-');
                if (hours is { Length: not 2 }) throw CliException.Usage("--quiet: not of the form 22:00-07:00");
                var preferences = new NotificationPreferences
                {
                    Email = call.Get(email), Webhook = call.Get(hook), Kinds = call.Get(kinds) is { Length: > 0 } some ? some : null,
                    QuietFrom = hours?[0], QuietTo = hours?[1], TimeZone = call.Get(zone)!,
                };
                NotificationState state = await service.SetAsync(keys.Signing, preferences, call.Cancellation);
                if (call.Get(accesses))
                {
                    AuthorityInfo info = await service.InfoAsync(call.Cancellation);
                    await using Session session = await call.ConnectAsync(shared);
                    using PatientSession patient = session.Patient();
                    int provision = await patient.GrantAccessLogAsync(Address.Parse(info.Account), null, call.Cancellation);
                    call.Output.Say($"provision {provision}: the service sees who accessed your records; revoke it to end that");
                }
                Say(call, state);
                if (state is { Preferences.Email: not null, EmailConfirmed: false }) call.Output.Say("A code is on its way by e-mail. Then: ptoy patient notifications confirm --code CODE");
            }));
    }

    private static PtoyCommand NotificationConfirm(SharedOptions shared)
    {
        Option<string> url = ServiceOption();
        var code = new Option<string?>("--code") { Description = "from the e-mail; asked for when absent", HelpName = "CODE" };
        return new PtoyCommand("confirm", "Confirms the e-mail address.", "ptoy patient notifications confirm --code 5VKS-229404 --service https://services.example --keystore me.keystore")
            .With([url, code, .. shared.Keys])
            .Does(call => WithServiceAsync(call, shared, url, async (service, keys) =>
                Say(call, await service.ConfirmAsync(keys.Signing, call.Get(code) ?? call.Secrets.Line("Code: ", "no code was given: use --code"), call.Cancellation))));
    }

    private static PtoyCommand NotificationList(SharedOptions shared)
    {
        Option<string> url = ServiceOption();
        var after = new Option<long>("--after") { Description = "only those after this number", HelpName = "N" };
        var wait = new Option<int>("--wait") { Description = "seconds to wait for a first one, 0 to 30", HelpName = "SECONDS" };
        return new PtoyCommand("list", "Lists notices.", "ptoy patient notifications list --service https://services.example --keystore me.keystore --wait 30")
            .With([url, after, wait, .. shared.Keys])
            .Does(call => WithServiceAsync(call, shared, url, async (service, keys) =>
            {
                IReadOnlyList<NoticeItem> found = await service.ListAsync(keys.Signing, call.Get(after), call.Get(wait), call.Cancellation);
                call.Output.Table(found, ["number", "time", "kind", "reference", "by"], found.Select(n => new[] { $"{n.Sequence}", n.Time.ToString("u", CultureInfo.InvariantCulture), n.Kind, n.Reference, n.By ?? "" }), "nothing new");
            }));
    }

    private static PtoyCommand NotificationStop(SharedOptions shared)
    {
        Option<string> url = ServiceOption();
        return new PtoyCommand("stop", "Ends all notification; the service forgets you.", "ptoy patient notifications stop --service https://services.example --keystore me.keystore")
            .With([url, .. shared.Keys])
            .Does(call => WithServiceAsync(call, shared, url, async (service, keys) => Say(call, await service.SetAsync(keys.Signing, null, call.Cancellation))));
    }

    private static async Task WithAuthorityAsync(Call call, SharedOptions shared, Func<AuthorityClient, Client.Keys.AccountKeys, Task> run)
    {
        using var http = new HttpClient();
        AuthorityClient authority = call.Authority(shared, http);
        using Client.Keys.Keystore keystore = call.OpenKeystore(shared);
        using Client.Keys.AccountKeys keys = keystore.Account(call.Get(shared.Account));
        await run(authority, keys);
    }

    private static async Task WithServiceAsync(Call call, SharedOptions shared, Option<string> url, Func<NotificationsClient, Client.Keys.AccountKeys, Task> run)
    {
        using var http = new HttpClient();
        var service = new NotificationsClient(http, Call.UrlOf(url.Name, call.Get(url)!));
        using Client.Keys.Keystore keystore = call.OpenKeystore(shared);
        using Client.Keys.AccountKeys keys = keystore.Account(call.Get(shared.Account));
        await run(service, keys);
    }

    /// <summary>Connections to all members; null for one that does not answer.</summary>
    private static async Task<IReadOnlyList<NodeConnection?>> MembersAsync(Session session, CancellationToken cancellation)
    {
        var validators = await session.Node.Rpc.CallAsync<ChainValidatorsResult>("chain_validators", new NoParams(), null, cancellation);
        var members = new List<NodeConnection?>();
        foreach (MemberEndpoint member in validators.Endpoints)
        {
            try { members.Add(await NodeConnection.ConnectAsync(new Uri(member.Url), session.Node.Chain, session.Keys.Signing, null, cancellation)); }
            catch (Exception e) when (e is RpcConnectionException or TimeoutException or UriFormatException) { members.Add(null); }
        }
        return members;
    }

    private static FileStream NewPrivateFile(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new FileStream(path, options);
    }

    /// <summary>This machine's id for the account: random, in a file beside the keystore.</summary>
    private static string DeviceId(Call call, SharedOptions shared)
    {
        string file = call.Required(shared.Keystore, SharedOptions.KeystoreVariable) + ".device";
        if (File.Exists(file)) return File.ReadAllText(file).Trim();
        string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        File.WriteAllText(file, id + "\n");
        return id;
    }

    private static void Say(Call call, AccountFacts facts) =>
        call.Output.Result(facts, $"account  {facts.Account}", $"name     {facts.FullName}", $"phone    {facts.Phone}", $"born     {facts.BirthDate ?? "not given"}");

    private static void Say(Call call, NotificationState state) => call.Output.Result(state, state.Preferences is not { } p
        ? ["nothing is set: you are told nothing"]
        : [
            $"e-mail   {(p.Email is null ? "none" : $"{p.Email}{(state.EmailConfirmed ? "" : " (not confirmed yet)")}")}", $"webhook  {p.Webhook ?? "none"}",
            $"kinds    {(p.Kinds is null ? "all" : string.Join(", ", p.Kinds))}", $"quiet    {(p.QuietFrom is null ? "never" : $"{p.QuietFrom}-{p.QuietTo} {p.TimeZone}")}",
        ]);

    private static string Day(DateTimeOffset time) => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
