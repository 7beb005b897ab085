using System.CommandLine;
using System.Text.Json;
using Ptoy.Cli.Provider;
using Ptoy.Cli.Shell;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy provider</c>: an organisation, its employees, its team keys, its customers.</summary>
internal static class ProviderCommands
{
    public static Command Build(SharedOptions shared) => new PtoyCommand("provider", "An organisation, managed by its own account.")
        .With(Create(shared), Hire(shared), Dismiss(shared), Rotate(shared), Employees(shared), Customers(shared));

    private static PtoyCommand Create(SharedOptions shared)
    {
        var name = new Option<string>("--name") { Description = "what patients see", HelpName = "NAME", Required = true };
        return new PtoyCommand("create", "Sets the organisation up on chain.", "ptoy provider create --name 'Hospital A' --keystore hospital1.keystore")
            .With([name, .. shared.Signed])
            .Does(async call =>
            {
                await using Session session = await call.ConnectAsync(shared);
                using ProviderSession provider = session.Provider();
                await provider.CreateAsync(call.Get(name)!, call.Cancellation);
                call.Output.Result(new { organisation = session.Account.ToString(), name = call.Get(name) }, $"organisation {session.Account} is set up");
            });
    }

    private static PtoyCommand Hire(SharedOptions shared)
    {
        var employee = new Argument<string>("account") { Description = "a certified account" };
        var role = new Option<string>("--role") { Description = "clinician, connector, billing…", DefaultValueFactory = _ => "clinician", HelpName = "ROLE" };
        return new PtoyCommand("hire", "Makes an account an employee and seals the role's team keys to it.", "ptoy provider hire ptoy1… --role clinician --keystore hospital1.keystore")
            .With([employee, role, .. shared.Signed])
            .Does(async call =>
            {
                Address who = call.AddressOf(employee);
                await using Session session = await call.ConnectAsync(shared);
                using ProviderSession provider = session.Provider();
                await provider.HireAsync(who, call.Get(role)!, call.Cancellation);
                call.Output.Result(new { employee = who.ToString(), role = call.Get(role) }, $"{who} works here as {call.Get(role)}");
            });
    }

    private static PtoyCommand Dismiss(SharedOptions shared)
    {
        var employee = new Argument<string>("account") { Description = "an employee" };
        return new PtoyCommand("dismiss", "Ends an employment at once and replaces the role's team key.", "ptoy provider dismiss ptoy1… --keystore hospital1.keystore")
            .With([employee, .. shared.Signed])
            .Does(async call =>
            {
                Address who = call.AddressOf(employee);
                await using Session session = await call.ConnectAsync(shared);
                using ProviderSession provider = session.Provider();
                await provider.DismissAsync(who, call.Cancellation);
                call.Output.Result(new { employee = who.ToString(), dismissed = true }, $"{who} works here no more; the team key is new");
            });
    }

    private static PtoyCommand Rotate(SharedOptions shared)
    {
        var role = new Option<string>("--role") { Description = "whose team key", DefaultValueFactory = _ => "clinician", HelpName = "ROLE" };
        return new PtoyCommand("rotate-team-key", "Replaces a role's team key and seals it to every employee of the role.", "ptoy provider rotate-team-key --role clinician --keystore hospital1.keystore")
            .With([role, .. shared.Signed])
            .Does(async call =>
            {
                await using Session session = await call.ConnectAsync(shared);
                (int version, int employees) = await TeamKeyRotation.RunAsync(session, call.Get(role)!, call.Cancellation);
                call.Output.Result(new { role = call.Get(role), version, employees }, $"team key {version} of {call.Get(role)} is in force, sealed to {employees} employees");
            });
    }

    private static PtoyCommand Employees(SharedOptions shared) =>
        new PtoyCommand("employees", "Lists employees, past ones too.", "ptoy provider employees --keystore hospital1.keystore --json")
            .With(shared.Signed)
            .Does(async call =>
            {
                await using Session session = await call.ConnectAsync(shared);
                JsonElement[] all = await Pages.AllAsync(session.Node, new ContractId("Provider", session.Account), "employees", [], call.Cancellation);
                call.Output.Table(all, ["account", "role", "active"], all.Select(e => new[] { Text(e, "account"), Text(e, "role"), e.GetProperty("active").GetBoolean() ? "yes" : "no" }), "no employees");
            });

    private static PtoyCommand Customers(SharedOptions shared) =>
        new PtoyCommand("customers", "Lists the patients that let the organisation act. Patients keep this list, not the organisation.",
                "ptoy provider customers --keystore hospital1.keystore", "ptoy provider customers --as ptoy1… --keystore clinician.keystore")
            .With([shared.As, .. shared.Signed])
            .Does(async call =>
            {
                Address? organisation = call.AddressOf(shared.As);
                await using Session session = await call.ConnectAsync(shared);
                JsonElement[] all = await Pages.AllAsync(session.Node, new ContractId("Provider", organisation ?? session.Account), "customers", [], call.Cancellation);
                call.Output.Table(all, ["account"], all.Select(c => new[] { c.GetString()! }), "no customers");
            });

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString() ?? "";
}
