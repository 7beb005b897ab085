using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Ptoy.Cli.Shell;
using Ptoy.Client.Workflows;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Analytics.Cohort;
using Ptoy.Services.Analytics.Service;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy study</c>: studies, their budgets, and questions to them.</summary>
internal static class StudyCommands
{
    private const decimal MicrosPerEpsilon = 1_000_000m;
    private const string Contract = "Research";

    public static Command Build(SharedOptions shared) => new PtoyCommand("study", "Research on consenting patients, within a privacy budget on chain.")
        .With(Open(shared), List(shared), Ask(shared));

    private static PtoyCommand Open(SharedOptions shared)
    {
        var budget = new Option<decimal>("--budget") { Description = "epsilon that all answers may cost together", HelpName = "EPSILON", Required = true };
        var purpose = new Option<string>("--purpose") { Description = "HRESCH, CLINTRCH, PUBHLTH, POPHLTH, HOPERAT or HQUALIMP", HelpName = "CODE", DefaultValueFactory = _ => "HRESCH" };
        var protocol = new Option<string?>("--protocol") { Description = "the study's protocol: its digest goes on chain", HelpName = "FILE", Required = true };
        var analyst = new Option<string[]>("--analyst") { Description = "accounts that may ask", HelpName = "ACCOUNT", AllowMultipleArgumentsPerToken = true };
        return new PtoyCommand("open", "Opens a study of this organisation. Its budget is never raised.",
                "ptoy study open --budget 3 --protocol protocol.pdf --analyst ptoy1… --keystore study.keystore")
            .With([budget, purpose, protocol, analyst, .. shared.Signed])
            .Does(async call =>
            {
                decimal micros = call.Get(budget) * MicrosPerEpsilon;
                if (micros % 1 != 0 || micros is < 1 or > 100_000_000) throw CliException.Usage("--budget: is 0.000001 to 100, with at most six decimals");
                string file = Call.ExistingFile(protocol.Name, call.Get(protocol)!);
                string[] analysts = [.. (call.Get(analyst) ?? []).Select(a => Call.AddressOf(analyst, a).ToString())];
                string digest = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(file, call.Cancellation)));
                await using Session session = await call.ConnectAsync(shared);
                using var sender = new TransactionSender(session.Node);
                object facts = new { budget = (long)micros, purpose = call.Get(purpose), protocol = digest, analysts };
                Receipt receipt = await sender.SendAsync(ContractId.Single(Contract), "open", [facts], call.Cancellation);
                call.Output.Result(new { study = long.Parse(receipt.Result, CultureInfo.InvariantCulture), protocol = digest }, $"study {receipt.Result} is open");
            });
    }

    private static PtoyCommand List(SharedOptions shared) =>
        new PtoyCommand("list", "Lists studies and what they have spent.", "ptoy study list --genesis genesis.json")
            .With(shared.Chain)
            .Does(async call =>
            {
                await using NodeConnection node = await call.ConnectAnonymouslyAsync(shared);
                JsonElement studies = await node.ViewAsync(Contract, "studies");
                static string Epsilon(JsonElement study, string name) => (study.GetProperty(name).GetInt64() / MicrosPerEpsilon).ToString(CultureInfo.InvariantCulture);
                call.Output.Table(
                    studies, ["study", "owner", "purpose", "budget", "spent", "answers", "open"],
                    studies.EnumerateArray().Select(s => new[]
                    {
                        s.GetProperty("id").GetRawText(), s.GetProperty("owner").GetString()!, s.GetProperty("purpose").GetString()!, Epsilon(s, "budget"), Epsilon(s, "spent"),
                        s.GetProperty("queries").GetRawText(), s.GetProperty("closedAt").ValueKind == JsonValueKind.Null ? "yes" : "no",
                    }),
                    "there is no study");
            });

    private static PtoyCommand Ask(SharedOptions shared)
    {
        var study = new Argument<int>("study") { Description = "its number, as list shows" };
        var service = new Option<string?>("--service") { Description = "address of the owner's cohort service", HelpName = "URL", Required = true };
        var query = new Option<string?>("--query") { Description = "the question as JSON (docs/services.md)", HelpName = "FILE", Required = true };
        var fresh = new Option<bool>("--fresh") { Description = "pays for a new answer even where one was given before" };
        return new PtoyCommand("ask", "Puts a question to a study. The answer has noise and costs its epsilon.",
                "ptoy study ask 1 --service https://study.example:28800 --query question.json --keystore analyst.keystore")
            .With([study, service, query, fresh, .. shared.Signed])
            .Does(async call =>
            {
                byte[] body = await File.ReadAllBytesAsync(Call.ExistingFile(query.Name, call.Get(query)!), call.Cancellation);
                CohortQuery.Parse(body);
                Uri url = Call.UrlOf(service.Name, call.Get(service)!);
                await using Session session = await call.ConnectAsync(shared);
                StudyAnswer answer = await AskAsync(session, url, call.Get(study), body, call.Get(fresh), call.Cancellation);
                call.Output.Table(
                    answer, ["cell", "count", "within (95 %)"],
                    answer.Answer.Cells.Select(c => new[] { c.Label, c.Count?.ToString(CultureInfo.InvariantCulture) ?? $"below {answer.Answer.Threshold}", $"± {c.Within}" }), "no cells");
                if (answer.Answer.Mean is { } mean) call.Output.Say(string.Create(CultureInfo.InvariantCulture, $"mean {mean.Value:0.###} ± {mean.Within:0.###} {mean.Unit}"));
                call.Output.Say(string.Create(CultureInfo.InvariantCulture, $"left of the budget: epsilon {answer.Left / MicrosPerEpsilon}{(answer.IsKept ? "; this answer was given before, at no cost" : "")}"));
            });
    }

    private static async Task<StudyAnswer> AskAsync(Session session, Uri url, int study, byte[] body, bool isFresh, CancellationToken cancellation)
    {
        JsonElement found = await session.Node.ViewAsync(Contract, "study", study);
        if (found.ValueKind != JsonValueKind.Object) throw CliException.Usage($"study: there is no study {study}");
        JsonElement owner = await session.Node.ViewAsync("Identity", "of", found.GetProperty("owner").GetString()!);
        PublicKey key = PublicKey.Parse(owner.GetProperty("signingKey").GetString() ?? throw new InvalidDataException("the owner's signing key is not on chain, so requests to it cannot be signed"));
        string method = string.Create(CultureInfo.InvariantCulture, $"cohort_ask/{study}");
        string path = string.Create(CultureInfo.InvariantCulture, $"/v1/studies/{study}/queries{(isFresh ? "?fresh=true" : "")}");
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(url, path)) { Content = new ByteArrayContent(body) };
        request.Headers.Add(RpcJson.AuthHeader, session.Node.Signer.For(key).Sign(method, body).ToJson());
        using HttpResponseMessage response = await http.SendAsync(request, cancellation);
        byte[] answer = await response.Content.ReadAsByteArrayAsync(cancellation);
        if (response.IsSuccessStatusCode) return JsonSerializer.Deserialize<StudyAnswer>(answer, Ptoy.Services.Analytics.Patient.SeriesResult.Json) ?? throw new InvalidDataException("the service's answer is empty");
        using JsonDocument error = JsonDocument.Parse(answer);
        throw new InvalidDataException(error.RootElement.TryGetProperty("error", out JsonElement text) ? text.GetString()! : $"the service answered {(int)response.StatusCode}");
    }
}
