using System.CommandLine;
using Ptoy.Cli.Records;
using Ptoy.Cli.Shell;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy record</c>: lists, opens and writes sealed records.</summary>
internal static class RecordCommands
{
    private const int MinPrefix = 8;

    private static Option<string?> OwnerOption() => new("--owner") { Description = "whose records; absent: your own", HelpName = "ACCOUNT" };

    public static Command Build(SharedOptions shared) => new PtoyCommand("record", "Sealed records: your own, or those you may read.")
        .With(List(shared, ownOnly: false), Get(shared, "get", ownOnly: false), Upload(shared));

    /// <summary>The list command, of everybody or of one's own records only.</summary>
    public static PtoyCommand List(SharedOptions shared, bool ownOnly)
    {
        Option<string?> owner = OwnerOption();
        string[] examples = ownOnly
            ? ["ptoy patient records list --keystore me.keystore"]
            : ["ptoy record list --keystore me.keystore", "ptoy record list --owner ptoy1… --as ptoy1… --purpose TREAT --keystore clinician.keystore --json"];
        return new PtoyCommand("list", "Lists the records that you may read.", examples)
            .With(Access(shared, owner, ownOnly))
            .Does(async call =>
            {
                Address? other = call.AddressOf(owner), employer = call.AddressOf(shared.As);
                await using Session session = await call.ConnectAsync(shared);
                using RecordAccess access = await OpenAsync(call, shared, session, other, employer);
                IReadOnlyList<RecordInfo> records = await access.Reader.ListAsync(cancellation: call.Cancellation);
                call.Output.Table(
                    records.Select(r => new
                    {
                        record = r.RecordId, compartment = Name(access, r), sealedBytes = r.Length, author = r.Author, epoch = r.Epoch, height = r.RegisteredHeight, manifest = r.Manifest,
                    }),
                    ["record", "compartment", "sealed bytes", "height", "author"],
                    records.Select(r => new[] { r.RecordId, Name(access, r), $"{r.Length}", $"{r.RegisteredHeight}", r.Author }), "no records that you may read");
            });
    }

    /// <summary>The command that opens records.</summary>
    public static PtoyCommand Get(SharedOptions shared, string name, bool ownOnly)
    {
        Option<string?> owner = OwnerOption();
        var ids = new Argument<string[]>("record") { Description = $"record ids, or their first {MinPrefix} digits and more; none: all (letters excepted)", Arity = ArgumentArity.ZeroOrMore };
        var output = new Option<string?>("--out", "-o") { Description = "a file for one record, a directory for several; absent: one record to standard output", HelpName = "PATH" };
        string prefix = ownOnly ? "ptoy patient records" : "ptoy record";
        return new PtoyCommand(name, "Fetches, checks and opens records. Keys never leave this machine.",
                $"{prefix} {name} 3fa81c07 --keystore me.keystore", $"{prefix} {name} --out ./records --keystore me.keystore")
            .With([ids, output, .. Access(shared, owner, ownOnly)])
            .Does(async call =>
            {
                Address? other = call.AddressOf(owner), employer = call.AddressOf(shared.As);
                string[] wanted = call.GetOptional<string[]>(ids!) ?? [];
                bool single = wanted.Length == 1;
                string? path = call.Get(output);
                if (path is null && (!single || call.Output.IsJson)) throw CliException.Usage("--out is missing: name a directory (or, for one record, a file)");
                if (path is not null && single) Call.NewFile(output.Name, path);
                await using Session session = await call.ConnectAsync(shared);
                using RecordAccess access = await OpenAsync(call, shared, session, other, employer);
                IReadOnlyList<RecordInfo> records = Choose(await access.Reader.ListAsync(cancellation: call.Cancellation), wanted);
                await WriteAsync(call, access, records, path, single);
            });
    }

    private static PtoyCommand Upload(SharedOptions shared)
    {
        var file = new Argument<string>("file") { Description = "what to seal" };
        var patient = new Option<string?>("--patient") { Description = "into whose vault; absent: your own", HelpName = "ACCOUNT" };
        var compartment = new Option<string?>("--compartment") { Description = "absent: as the FHIR resource's type says", HelpName = "NAME" };
        return new PtoyCommand("upload", "Seals a file into a vault, stores it with the members and registers it.",
                "ptoy record upload visit.json --keystore me.keystore",
                "ptoy record upload visit.json --patient ptoy1… --compartment encounters --keystore hospital1.keystore")
            .With([file, patient, compartment, .. shared.Signed])
            .Does(async call =>
            {
                Address? whose = call.AddressOf(patient);
                byte[] content = await File.ReadAllBytesAsync(Call.ExistingFile(file.Name, call.Get(file)), call.Cancellation);
                string name = call.Get(compartment) ?? CompartmentOf(content);
                await using Session session = await call.ConnectAsync(shared);
                Address target = whose ?? session.Account;
                Hash tag = await RecordAccess.TagOfAsync(session, target, name, call.Cancellation);
                using var sender = new TransactionSender(session.Node);
                Address? organisation = target == session.Account ? null : session.Account;
                IReadOnlyList<WrittenManifest> written = [];
                await call.Output.WaitAsync("sealing and storing", async () =>
                    written = await new RecordWriter(sender).WriteToPatientAsync(target, [new RecordToWrite(content, tag)], organisation, call.Cancellation));
                string record = written[0].RecordIds[0].ToString();
                call.Output.Result(
                    new { record, manifest = written[0].Root.ToString(), compartment = name, bytes = content.Length, owner = target.ToString() },
                    $"record {record} in {name}");
            });
    }

    private static Symbol[] Access(SharedOptions shared, Option<string?> owner, bool ownOnly) =>
        ownOnly ? shared.Signed : [owner, shared.As, shared.Purpose, .. shared.Signed];

    private static Task<RecordAccess> OpenAsync(Call call, SharedOptions shared, Session session, Address? owner, Address? employer) =>
        RecordAccess.OpenAsync(session, owner ?? session.Account, employer, call.Get(shared.Purpose) ?? "TREAT", call.Cancellation);

    private static string CompartmentOf(byte[] content)
    {
        try
        {
            return FhirScan.CompartmentOf(content);
        }
        catch (FormatException)
        {
            throw CliException.Usage("the file is not a FHIR resource (JSON with a resourceType), so --compartment must say where it belongs");
        }
    }

    private static IReadOnlyList<RecordInfo> Choose(IReadOnlyList<RecordInfo> records, string[] wanted)
    {
        if (wanted.Length == 0) return [.. records.Where(r => r.Tag != Compartments.LetterTag.ToString())];
        return [.. wanted.Select(w => One(records, w))];
    }

    private static RecordInfo One(IReadOnlyList<RecordInfo> records, string wanted)
    {
        if (wanted.Length < MinPrefix) throw CliException.Usage($"record: '{wanted}' is shorter than {MinPrefix} digits");
        RecordInfo[] found = [.. records.Where(r => r.RecordId.StartsWith(wanted, StringComparison.OrdinalIgnoreCase)).Take(2)];
        return found.Length switch
        {
            1 => found[0],
            0 => throw CliException.Failed($"no record that you may read begins with '{wanted}'"),
            _ => throw CliException.Usage($"record: several begin with '{wanted}'; give more digits"),
        };
    }

    private static async Task WriteAsync(Call call, RecordAccess access, IReadOnlyList<RecordInfo> records, string? path, bool single)
    {
        if (!single) Directory.CreateDirectory(path!);
        var written = new List<WrittenRecord>();
        await call.Output.ProgressAsync("opening records", Math.Max(1, records.Count), async progress =>
        {
            await foreach (OpenedRecord record in access.Reader.OpenAsync(records, call.Cancellation))
            {
                string? file = path is null ? null : single ? path : Path.Combine(path, record.Info.RecordId);
                if (file is not null) WritePrivate(file, record.Content);
                else call.Terminal.Out.Write(System.Text.Encoding.UTF8.GetString(record.Content));
                written.Add(new WrittenRecord(record.Info.RecordId, Name(access, record.Info), record.Content.Length, file));
                progress.Report(written.Count);
            }
            return true;
        });
        if (path is not null) call.Output.Result(written, $"{written.Count} records opened and checked, in {path}");
    }

    /// <summary>Medical facts in the clear: readable by their owner only.</summary>
    private static void WritePrivate(string path, byte[] content)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var stream = new FileStream(path, options);
        stream.Write(content);
    }

    private static string Name(RecordAccess access, RecordInfo record) =>
        record.Tag == Compartments.LetterTag.ToString() ? "(letter)" : access.CompartmentOf(record.Tag) ?? record.Tag;

    private sealed record WrittenRecord(string Record, string Compartment, int Bytes, string? File);
}
