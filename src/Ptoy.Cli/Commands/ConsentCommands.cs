using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Ptoy.Cli.Shell;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Records;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy consent</c>: who may read what, and why.</summary>
internal static class ConsentCommands
{
    public static Command Build(SharedOptions shared) => new PtoyCommand("consent", "What a patient permits.")
        .With(Grant(shared), AccessLog(shared), Revoke(shared), List(shared));

    private static PtoyCommand Grant(SharedOptions shared)
    {
        var to = new Option<string?>("--to") { Description = "the organisation's account", HelpName = "ORGANISATION", Required = true };
        var compartment = new Option<string[]>("--compartment") { Description = $"one or more of: {string.Join(", ", Compartments.Names)}", HelpName = "NAME", Required = true, AllowMultipleArgumentsPerToken = true };
        var purpose = new Option<string[]>("--purpose") { Description = "purposes of use", HelpName = "CODE", DefaultValueFactory = _ => ["TREAT"], AllowMultipleArgumentsPerToken = true };
        var role = new Option<string?>("--role") { Description = "only employees in this role", HelpName = "ROLE" };
        var until = new Option<string?>("--until") { Description = "when it ends; absent: when it is revoked", HelpName = "TIME" };
        return new PtoyCommand("grant", "Lets an organisation's team read compartments, old records too.",
                "ptoy consent grant --to ptoy1… --compartment medications encounters --keystore me.keystore",
                "ptoy consent grant --to ptoy1… --compartment laboratory --purpose HRESCH --until 2027-01-31 --keystore me.keystore")
            .With([to, compartment, purpose, role, until, .. shared.Signed])
            .Does(async call =>
            {
                Address organisation = call.AddressOf(to)!.Value;
                string[] names = call.Get(compartment)!;
                if (names.FirstOrDefault(n => !Compartments.Names.Contains(n)) is { } unknown)
                    throw CliException.Usage($"--compartment: '{unknown}' is none; there are: {string.Join(", ", Compartments.Names)}");
                DateTimeOffset? end = call.Get(until) is { } text ? Call.TimeOf(until, text) : null;
                await using Session session = await call.ConnectAsync(shared);
                using PatientSession patient = session.Patient();
                int provision = 0;
                await call.Output.WaitAsync("granting", async () => provision = await patient.GrantAsync(
                    new ReadGrant(organisation, names, call.Get(purpose)!, call.Get(role), end), call.Cancellation));
                call.Output.Result(
                    new { provision, organisation = organisation.ToString(), compartments = names, purposes = call.Get(purpose), role = call.Get(role), until = end },
                    $"provision {provision}: {organisation} may read {string.Join(", ", names)} for {string.Join(", ", call.Get(purpose)!)}");
            });
    }

    private static PtoyCommand AccessLog(SharedOptions shared)
    {
        var to = new Option<string?>("--to") { Description = "the organisation's account", HelpName = "ORGANISATION", Required = true };
        var purpose = new Option<string>("--purpose") { Description = "purpose of use", HelpName = "CODE", DefaultValueFactory = _ => "FRAUD" };
        return new PtoyCommand("access-log", "Lets an organisation list who accessed your records, and nothing else: for fraud analytics.",
                "ptoy consent access-log --to ptoy1… --keystore me.keystore")
            .With([to, purpose, .. shared.Signed])
            .Does(async call =>
            {
                Address organisation = call.AddressOf(to)!.Value;
                await using Session session = await call.ConnectAsync(shared);
                using PatientSession patient = session.Patient();
                int provision = await patient.GrantAccessLogForAsync(organisation, call.Get(purpose)!, call.Cancellation);
                call.Output.Result(
                    new { provision, organisation = organisation.ToString(), purpose = call.Get(purpose) }, $"provision {provision}: {organisation} may list who accessed your records, for {call.Get(purpose)}");
            });
    }

    private static PtoyCommand Revoke(SharedOptions shared)
    {
        var provision = new Argument<int>("provision") { Description = "its number, as list shows" };
        return new PtoyCommand("revoke", "Ends a provision at once, at every node.", "ptoy consent revoke 3 --keystore me.keystore")
            .With([provision, .. shared.Signed])
            .Does(async call =>
            {
                await using Session session = await call.ConnectAsync(shared);
                using PatientSession patient = session.Patient();
                int epoch = await patient.RevokeAsync(call.Get(provision), call.Cancellation);
                call.Output.Result(new { provision = call.Get(provision), epoch }, $"provision {call.Get(provision)} has ended; new records are sealed in epoch {epoch}");
            });
    }

    private static PtoyCommand List(SharedOptions shared) =>
        new PtoyCommand("list", "Lists the provisions in force.", "ptoy consent list --keystore me.keystore --json")
            .With(shared.Signed)
            .Does(async call =>
            {
                await using Session session = await call.ConnectAsync(shared);
                using PatientSession patient = session.Patient();
                JsonElement[] all = [.. (await patient.ProvisionsAsync(call.Cancellation)).EnumerateArray()];
                call.Output.Table(
                    all.Select(p => new { provision = p, compartments = NamesOf(patient, p) }), ["number", "type", "who", "actions", "purposes", "compartments", "until"],
                    all.Select(p => new[]
                    {
                        p.GetProperty("id").ToString(), p.GetProperty("type").ToString(), Who(p.GetProperty("actor")), Join(p.GetProperty("actions")),
                        Join(p.GetProperty("purposes")), string.Join(", ", NamesOf(patient, p)), End(p),
                    }),
                    "nothing is permitted to anybody");
            });

    private static string[] NamesOf(PatientSession patient, JsonElement provision)
    {
        JsonElement tags = provision.GetProperty("tags");
        return tags.ValueKind == JsonValueKind.Array
            ? [.. tags.EnumerateArray().Select(t => patient.CompartmentOf(t.GetString()!) ?? (t.GetString() == Compartments.AccessLogTag.ToString() ? "access log" : t.GetString()!))]
            : [tags.ToString()];
    }

    private static string Who(JsonElement actor)
    {
        if (actor.TryGetProperty("person", out JsonElement person) && person.ValueKind == JsonValueKind.String) return person.GetString()!;
        string role = actor.TryGetProperty("role", out JsonElement r) && r.ValueKind == JsonValueKind.String ? $" ({r.GetString()})" : "";
        return actor.GetProperty("organisation").GetString() + role;
    }

    private static string Join(JsonElement array) => array.ValueKind == JsonValueKind.Array ? string.Join(", ", array.EnumerateArray()) : array.ToString();

    private static string End(JsonElement provision) => provision.TryGetProperty("end", out JsonElement end) && end.ValueKind == JsonValueKind.Number && end.GetInt64() > 0
        ? DateTimeOffset.FromUnixTimeMilliseconds(end.GetInt64()).ToString("u", CultureInfo.InvariantCulture) : "open";
}
