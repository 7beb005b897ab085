using System.CommandLine;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Ptoy.Cli.Shell;
using Ptoy.Services.Connector.Hl7;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy connector report</c>: what the HL7 v2 feed of a running connector took, and what it did not map.</summary>
internal static class ConnectorReport
{
    private const string Variable = "PTOY_CONNECTOR";

    public static PtoyCommand Build()
    {
        var url = new Option<string?>("--url") { Description = $"HTTP address of the connector on this machine (or {Variable})",
            HelpName = "URL" };
        return new PtoyCommand("report",
            "What came by HL7 v2, what was refused or kept for staff, and which segments and fields were not mapped: names, no values.",
                "ptoy connector report --url http://127.0.0.1:8090", "ptoy connector report --url http://127.0.0.1:8090 --json")
            .With(url)
            .Does(async call =>
            {
                Uri connector = Call.UrlOf(url.Name, call.Required(url, Variable));
                Hl7Report report = await ReadAsync(connector, call.Cancellation);
                call.Output.Result(report, [.. Lines(report)]);
            });
    }

    /// <summary>The report as lines for people.</summary>
    internal static IEnumerable<string> Lines(Hl7Report report)
    {
        yield return string.Create(CultureInfo.InvariantCulture,
            $"{report.Received} messages received, {report.Replayed} of them again; {report.Waiting} wait; {report.ResourcesStored} resources stored");
        if (report.CharsetNotAsDeclared > 0) yield return $"{report.CharsetNotAsDeclared} in another character set than they said";
        foreach (string line in Section("taken", report.Taken)) yield return line;
        foreach (string line in Section("not taken (kept sealed, answered AR)", report.NotTaken)) yield return line;
        foreach (string line in Section("refused, by code of HL7 table 0357", report.Refused)) yield return line;
        foreach (string line in Section("merges", report.Merges)) yield return line;
        foreach (string line in Section("segments not mapped", report.SegmentsNotMapped)) yield return line;
        foreach (string line in Section("fields not mapped", report.FieldsNotMapped)) yield return line;
        if (report.Kept.Count > 0) yield return "for staff:";
        foreach (ReportLine kept in report.Kept)
            yield return $"  {kept.Number}  {kept.Time:yyyy-MM-dd HH:mm}  {kept.Kind}  {kept.Because}: {kept.Reason}";
    }

    private static IEnumerable<string> Section(string title, IReadOnlyList<ReportCount> counts)
    {
        if (counts.Count == 0) yield break;
        yield return $"{title}:";
        foreach (ReportCount count in counts) yield return $"  {count.Count,8}  {count.Name}";
    }

    private static async Task<Hl7Report> ReadAsync(Uri connector, CancellationToken cancellation)
    {
        using var http = new HttpClient();
        try
        {
            using HttpResponseMessage answer = await http.GetAsync(new Uri(connector, "hl7/report"), cancellation);
            if (answer.IsSuccessStatusCode) return (await answer.Content.ReadFromJsonAsync<Hl7Report>(cancellation))!;
            string why = answer.StatusCode switch
            {
                System.Net.HttpStatusCode.Forbidden => "it answers on its own machine only",
                System.Net.HttpStatusCode.NotFound => "it has no HL7 v2 feed (section mllp)",
                _ => $"HTTP {(int)answer.StatusCode}",
            };
            throw CliException.Failed($"the connector at {connector} gives no report: {why}");
        }
        catch (Exception e) when (e is HttpRequestException or JsonException)
        {
            throw CliException.Failed($"no connector answers at {connector}: is `ptoy connector run` running?");
        }
    }
}
