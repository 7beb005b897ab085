using System.CommandLine;
using System.Globalization;
using Ptoy.Cli.Shell;
using Ptoy.Client.Light;
using Ptoy.Client.Workflows;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy audit</c>: who read, searched, wrote or was denied.</summary>
internal static class AuditCommands
{
    private const int PageSize = 500;

    public static Command Build(SharedOptions shared) => new PtoyCommand("audit", "Every access to your records, denials included. Each node keeps its own log: ask each.")
        .With(List(shared), Verify(shared));

    private static PtoyCommand List(SharedOptions shared) =>
        new PtoyCommand("list", "Lists accesses at one node.", "ptoy audit list --keystore me.keystore", "ptoy audit list --keystore me.keystore --node http://127.0.0.1:28505 --json")
            .With(shared.Signed)
            .Does(async call =>
            {
                await using Session session = await call.ConnectAsync(shared);
                AuditEntryDto[] entries = await EntriesAsync(session, call.Cancellation);
                call.Output.Table(
                    entries.Select(e => new { time = Time(e), e.Sequence, e.Requester, e.OnBehalfOf, e.Method, e.Outcome, e.Reason, e.Purpose, e.Records, anchored = e.Anchor is not null }),
                    ["time", "what", "outcome", "purpose", "records", "requester", "on behalf of", "reason"],
                    entries.Select(e => new[] { Time(e), e.Method, e.Outcome, e.Purpose ?? "", $"{e.Records.Length}", e.Requester, e.OnBehalfOf ?? "", e.Reason ?? "" }),
                    "nobody has accessed your records through this node");
            });

    private static PtoyCommand Verify(SharedOptions shared) =>
        new PtoyCommand("verify", "Verifies every entry from genesis: the requester's signature, the segment, and its anchor on chain. Ends with 1 when one does not hold.",
                "ptoy audit verify --keystore me.keystore --genesis genesis.json")
            .With(shared.Signed)
            .Does(async call =>
            {
                var light = new LightClient(call.Genesis(shared));
                await using Session session = await call.ConnectAsync(shared);
                AuditEntryDto[] entries = await EntriesAsync(session, call.Cancellation);
                var verified = new VerifiedClient(session.Node.Rpc, light);
                await verified.FollowAsync(call.Cancellation);
                Tally tally = await call.Output.ProgressAsync("verifying", Math.Max(1, entries.Length), progress => VerifyAsync(session, light, verified, entries, progress, call.Cancellation));
                call.Output.Result(
                    tally, $"{tally.Proven} of {entries.Length} entries proven from genesis; {tally.NotAnchoredYet} are signed but not anchored yet; {tally.Refused.Count} refused");
                foreach (string refusal in tally.Refused) call.Output.Say(refusal);
                call.ExitCode = tally.Refused.Count > 0 ? ExitCode.Failed : ExitCode.Ok;
            });

    private static async Task<Tally> VerifyAsync(
        Session session, LightClient light, VerifiedClient verified, AuditEntryDto[] entries, IProgress<int> progress, CancellationToken cancellation)
    {
        int proven = 0, waiting = 0, done = 0;
        var refused = new List<string>();
        foreach (AuditEntryDto entry in entries)
        {
            try
            {
                AccessEntry access = entry.Anchor is null ? light.Access(entry) : await verified.AccessAsync(entry, cancellation);
                if (access.Owner != session.Account) throw new UntrustedAnswerException("the entry is about somebody else");
                if (access.Node != session.Node.Node) throw new UntrustedAnswerException("the entry is of another node's log");
                if (entry.Anchor is null) waiting++;
                else proven++;
            }
            catch (Exception e) when (e is ProofException or UntrustedAnswerException)
            {
                refused.Add($"entry {entry.Sequence}: {e.Message}");
            }
            progress.Report(++done);
        }
        return new Tally(session.Node.Node.ToString(), light.Height, entries.Length, proven, waiting, refused);
    }

    private static async Task<AuditEntryDto[]> EntriesAsync(Session session, CancellationToken cancellation)
    {
        var all = new List<AuditEntryDto>();
        string? cursor = null;
        do
        {
            var page = await session.Node.CallAsync<AuditListResult>("audit_list", new AuditListParams(session.Account.ToString(), cursor, PageSize), null, cancellation);
            all.AddRange(page.Entries);
            cursor = page.Next;
        }
        while (cursor is not null);
        return [.. all];
    }

    private static string Time(AuditEntryDto entry) => DateTimeOffset.FromUnixTimeMilliseconds(entry.TimeMs).ToString("u", CultureInfo.InvariantCulture);

    private sealed record Tally(string Node, ulong Height, int Entries, int Proven, int NotAnchoredYet, List<string> Refused);
}
