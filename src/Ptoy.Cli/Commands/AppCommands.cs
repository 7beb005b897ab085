using System.CommandLine;
using Ptoy.Cli.Shell;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Records;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy patient approve-app</c>: answers an app that asks for access at a hospital's FHIR façade.</summary>
internal static class AppCommands
{
    public static PtoyCommand Approve(SharedOptions shared)
    {
        var link = new Argument<string>("link") { Description = "what the hospital's page shows" };
        var grant = new Option<string[]>("--grant")
        {
            Description = "first let the app read these compartments, or \"all\"", HelpName = "NAME",
                AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [],
        };
        var write = new Option<bool>("--write") { Description = "with --grant: let it write as well" };
        var decline = new Option<bool>("--decline") { Description = "say no" };
        return new PtoyCommand("approve-app",
            "Approves, with a signature, what an app asks for at a hospital's FHIR façade; employees sign for the hospital's own apps.",
                "ptoy patient approve-app https://fhir.hospital.example/fhir/auth/approve/5f… --keystore me.keystore",
                "ptoy patient approve-app https://… --grant observations medications --keystore me.keystore",
                "ptoy patient approve-app https://… --decline --keystore me.keystore")
            .With([link, grant, write, decline, .. shared.Signed])
            .Does(async call =>
            {
                string[] names = call.Get(grant)!;
                if (names is ["all"]) names = [.. Compartments.Names];
                if (names.FirstOrDefault(n => !Compartments.Names.Contains(n)) is { } unknown)
                    throw CliException.Usage($"--grant: '{unknown}' is none; there are: {string.Join(", ", Compartments.Names)}");
                if (names.Length > 0 && call.Get(decline)) throw CliException.Usage("--grant and --decline do not go together");
                Uri url = Call.UrlOf("link", call.Get(link));
                using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
                AppRequest request = await ReadAsync(http, url, call);
                await using Session session = await call.ConnectAsync(shared);
                using PatientSession patient = session.Patient();
                int? provision = names.Length == 0 ? null
                    : await patient.GrantAppAsync(new AppGrant(Address.Parse(request.App), names, [request.Purpose], call.Get(write)),
                        call.Cancellation);
                try { await patient.AnswerAppAsync(http, url, request, !call.Get(decline), call.Cancellation); }
                catch (AppApprovalException e) { throw CliException.Failed(e.Message); }
                call.Output.Result(
                    new { app = request.App, name = request.Name, scopes = request.Scopes, purpose = request.Purpose,
                        approved = !call.Get(decline), provision },
                    $"{(call.Get(decline) ? "declined" : "approved")}: {request.Name} ({request.App}) for {request.Purpose}: {request.Scopes}");
            });
    }

    private static async Task<AppRequest> ReadAsync(HttpClient http, Uri link, Call call)
    {
        try { return await AppApproval.ReadAsync(http, link, call.Cancellation); }
        catch (AppApprovalException e) { throw CliException.Failed(e.Message); }
    }
}
