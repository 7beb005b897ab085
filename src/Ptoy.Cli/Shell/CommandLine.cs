using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Ptoy.Cli.Commands;

namespace Ptoy.Cli.Shell;

/// <summary>The command line: parses, runs, and turns every failure into one line and an exit code.</summary>
internal static class CommandLine
{
    // After Ctrl-C: nodes close their stores, and a supervisor waits for its nodes.
    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(40);

    private static readonly string[] Examples =
    [
        "ptoy devnet init --dir ./net            # four hospitals on this machine",
        "ptoy devnet up --dir ./net              # start them; Ctrl-C stops",
        "ptoy keys new --out me.keystore         # a phrase, encrypted",
        "ptoy chain info --json",
    ];

    /// <summary>Runs one command. Returns its exit code; never throws for what a person did.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, Terminal terminal, CancellationToken cancellation = default)
    {
        RootCommand root = BuildRoot(out SharedOptions shared);
        ParseResult parsed = root.Parse(args);
        bool json = parsed.GetValue(shared.Json);
        if (parsed.Action is ParseErrorAction) return WrongUsage(parsed, terminal, json);
        var configuration = new TerminalConfiguration
        {
            Terminal = terminal, Json = json, Output = terminal.Out, Error = terminal.Error, EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = StopWithin,
        };
        try
        {
            return await parsed.InvokeAsync(configuration, cancellation);
        }
        catch (Exception e)
        {
            // The last line of defence of a program for people: a message and a code, never a stack trace (unless asked for).
            (int code, string message) = Faults.Describe(e);
            if (terminal.Environment("PTOY_DEBUG") is { Length: > 0 }) terminal.Error.WriteLine(e);
            return Report(terminal, json, code, message);
        }
    }

    /// <summary>All commands.</summary>
    internal static RootCommand BuildRoot(out SharedOptions shared)
    {
        shared = new SharedOptions();
        var root = new RootCommand("PTOYMatrix: a hospital network in which patients own the access to their records.") { shared.Json };
        root.Options.OfType<HelpOption>().Single().Action = new HelpWithExamples(Examples);
        Func<SharedOptions, Command>[] groups =
        [
            KeysCommands.Build, NodeCommands.Build, DevnetCommands.Build, AuthorityCommands.Build, PatientCommands.Build, ProviderCommands.Build,
            RecordCommands.Build, ConsentCommands.Build, WalletCommands.Build, EhrCommands.Build, DaemonCommands.Connector, DaemonCommands.Services, StudyCommands.Build, AuditCommands.Build, ChainCommands.Build,
            GovCommands.Build, CompletionCommand.Build,
        ];
        foreach (Func<SharedOptions, Command> group in groups) root.Subcommands.Add(group(shared));
        return root;
    }

    private static int WrongUsage(ParseResult parsed, Terminal terminal, bool json)
    {
        string message = string.Join("; ", parsed.Errors.Select(e => e.Message).Distinct());
        int code = Report(terminal, json, ExitCode.Usage, message);
        terminal.Error.WriteLine($"see: {PathOf(parsed.CommandResult)} --help");
        return code;
    }

    private static int Report(Terminal terminal, bool json, int code, string message)
    {
        terminal.Error.WriteLine($"ptoy: {message}");
        if (json) terminal.Out.WriteLine(Output.ToJson(new { error = message, exitCode = code }));
        return code;
    }

    private static string PathOf(CommandResult result)
    {
        var names = new List<string>();
        for (SymbolResult? at = result; at is CommandResult command; at = command.Parent)
            names.Insert(0, command.Command is RootCommand ? "ptoy" : command.Command.Name);
        return string.Join(' ', names);
    }
}
