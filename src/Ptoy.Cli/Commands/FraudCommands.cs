using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Ptoy.Cli.Shell;
using Ptoy.Services.Fraud;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy services fraud</c>: the review queue of a running fraud service.</summary>
internal static class FraudCommands
{
    private const string UrlVariable = "PTOY_SERVICES_URL", TokenVariable = "PTOY_FRAUD_TOKEN_FILE";

    public static PtoyCommand Build()
    {
        var url = new Option<string?>("--url") { Description = $"address of the services daemon [{UrlVariable}]", HelpName = "URL" };
        var token = new Option<string?>("--token-file") { Description = $"file with the reviewers' token [{TokenVariable}]", HelpName = "FILE" };
        return new PtoyCommand("fraud", "Alerts of the fraud service: look at them, confirm or dismiss. An alert is a question, not a verdict.")
            .With(List(url, token), Show(url, token), Decide(url, token, "confirm", "Says that an open alert is what it looks like, or deserves an inquiry."),
                Decide(url, token, "dismiss", "Says that nothing is wrong."));
    }

    private static PtoyCommand List(Option<string?> url, Option<string?> token)
    {
        var state = new Option<string>("--state") { Description = "waiting, open, confirmed, dismissed or all", DefaultValueFactory = _ => "open", HelpName = "STATE" };
        return new PtoyCommand("list", "Alerts, the most probable first.", "ptoy services fraud list --url http://127.0.0.1:28800 --token-file reviewers.token")
            .With(state, url, token)
            .Does(async call =>
            {
                AlertDto[] alerts = await AskAsync<AlertDto[]>(call, url, token, HttpMethod.Get, $"?state={Uri.EscapeDataString(call.Get(state)!)}");
                call.Output.Table(
                    alerts, ["alert", "kind", "probability", "state", "found", "why"],
                    alerts.Select(a => new[] { a.Id, a.Kind, a.Probability.ToString("0.00", CultureInfo.InvariantCulture), a.State, a.Found.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), a.Why }),
                    "nothing to review");
            });
    }

    private static PtoyCommand Show(Option<string?> url, Option<string?> token)
    {
        var alert = new Argument<string>("alert") { Description = "its id, from list" };
        return new PtoyCommand("show", "One alert with the records behind it.", "ptoy services fraud show 4f1c09aa31be")
            .With(alert, url, token)
            .Does(async call => Print(call, await AskAsync<AlertDto>(call, url, token, HttpMethod.Get, "/" + Uri.EscapeDataString(call.Get(alert)))));
    }

    private static PtoyCommand Decide(Option<string?> url, Option<string?> token, string verb, string what)
    {
        var alert = new Argument<string>("alert") { Description = "its id, from list" };
        return new PtoyCommand(verb, what, $"ptoy services fraud {verb} 4f1c09aa31be")
            .With(alert, url, token)
            .Does(async call => Print(call, await AskAsync<AlertDto>(call, url, token, HttpMethod.Post, $"/{Uri.EscapeDataString(call.Get(alert))}/{verb}")));
    }

    private static void Print(Call call, AlertDto a) => call.Output.Result(
        a,
        [
            string.Create(CultureInfo.InvariantCulture, $"{a.Id}  {a.Kind}  {a.State}  probability {a.Probability:0.00}  found {a.Found:yyyy-MM-dd}"), a.Why,
            .. (a.Records ?? []).Select(r => $"  record {r.Record}  of {r.Patient}"),
        ]);

    private static async Task<T> AskAsync<T>(Call call, Option<string?> url, Option<string?> token, HttpMethod method, string path)
    {
        Uri daemon = Call.UrlOf(url.Name, call.Required(url, UrlVariable));
        string file = Call.ExistingFile(token.Name, call.Required(token, TokenVariable));
        using var http = new HttpClient { BaseAddress = daemon, Timeout = TimeSpan.FromSeconds(30) };
        using var request = new HttpRequestMessage(method, "/fraud/alerts" + path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(file, call.Cancellation)).Trim());
        HttpResponseMessage answer;
        try
        {
            answer = await http.SendAsync(request, call.Cancellation);
        }
        catch (HttpRequestException e)
        {
            throw new CliException(ExitCode.Unreachable, $"the services daemon cannot be reached: {e.Message}. Is it running, and is {url.Name} right?");
        }
        using (answer)
        {
            if (answer.IsSuccessStatusCode) return (await answer.Content.ReadFromJsonAsync<T>(call.Cancellation))!;
            throw CliException.Failed(await ProblemAsync(answer, call.Cancellation));
        }
    }

    private static async Task<string> ProblemAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        if (answer.StatusCode == HttpStatusCode.NotFound && answer.Content.Headers.ContentType?.MediaType != "application/json") return "this daemon runs no fraud service";
        try
        {
            using JsonDocument document = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(cancellation));
            return document.RootElement.GetProperty("error").GetString()!;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return $"the services daemon answered {(int)answer.StatusCode}";
        }
    }
}
