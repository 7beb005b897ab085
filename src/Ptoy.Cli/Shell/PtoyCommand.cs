using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Ptoy.Cli.Shell;

/// <summary>A command with examples in its help.</summary>
internal sealed class PtoyCommand(string name, string description, params string[] examples) : Command(name, description)
{
    /// <summary>Lines that work as they stand, or after filling in a name.</summary>
    public IReadOnlyList<string> Examples => examples;

    /// <summary>Adds options, arguments and sub-commands.</summary>
    public PtoyCommand With(params Symbol[] symbols)
    {
        foreach (Symbol symbol in symbols)
        {
            if (symbol is Option option) Options.Add(option);
            else if (symbol is Argument argument) Arguments.Add(argument);
            else if (symbol is Command command) Subcommands.Add(command);
        }
        return this;
    }

    /// <summary>What the command does.</summary>
    public PtoyCommand Does(Func<Call, Task> run)
    {
        SetAction(async (result, cancellation) =>
        {
            var configuration = (TerminalConfiguration)result.InvocationConfiguration;
            var call = new Call(result, configuration.Terminal, configuration.Json, cancellation);
            await run(call);
            return call.ExitCode;
        });
        return this;
    }
}

/// <summary>Carries the terminal to the commands.</summary>
internal sealed class TerminalConfiguration : InvocationConfiguration
{
    public required Terminal Terminal { get; init; }

    public required bool Json { get; init; }
}

/// <summary>The ordinary help, then examples and exit codes.</summary>
internal sealed class HelpWithExamples(IReadOnlyList<string> rootExamples) : SynchronousCommandLineAction
{
    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        new HelpAction().Invoke(parseResult);
        TextWriter output = parseResult.InvocationConfiguration.Output;
        Command command = parseResult.CommandResult.Command;
        IEnumerable<string> examples = command is PtoyCommand own ? ExamplesOf(own) : rootExamples;
        output.WriteLine("Examples:");
        foreach (string example in examples) output.WriteLine($"  {example}");
        output.WriteLine();
        output.WriteLine($"Exit codes:\n  {ExitCode.Help}");
        return ExitCode.Ok;
    }

    /// <summary>A group shows the first example of each of its commands.</summary>
    private static IEnumerable<string> ExamplesOf(PtoyCommand command) => command.Examples.Count > 0
        ? command.Examples
        : command.Subcommands.OfType<PtoyCommand>().SelectMany(c => ExamplesOf(c).Take(1));
}
