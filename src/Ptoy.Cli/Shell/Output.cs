using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace Ptoy.Cli.Shell;

/// <summary>Writes a command's result: JSON for programs, text and tables for people; progress beside it.</summary>
internal sealed class Output(Terminal terminal, bool json)
{
    private const int RedirectedWidth = 400;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
    };

    /// <summary>True for machine output.</summary>
    public bool IsJson => json;

    /// <summary>JSON text of a result.</summary>
    public static string ToJson(object value) => JsonSerializer.Serialize(value, value.GetType(), Options);

    /// <summary>The result: as JSON, or as the lines given.</summary>
    public void Result(object value, params string[] lines)
    {
        if (json) terminal.Out.WriteLine(ToJson(value));
        else foreach (string line in lines) terminal.Out.WriteLine(line);
    }

    /// <summary>The result: as JSON, or as a table.</summary>
    public void Table(object value, string[] columns, IEnumerable<string[]> rows, string whenEmpty)
    {
        if (json)
        {
            terminal.Out.WriteLine(ToJson(value));
            return;
        }
        string[][] all = [.. rows];
        if (all.Length == 0)
        {
            Say(whenEmpty);
            return;
        }
        var table = new Table { Border = TableBorder.None, UseSafeBorder = true };
        foreach (string column in columns) table.AddColumn(new TableColumn($"[bold]{Markup.Escape(column)}[/]") { NoWrap = true, Padding = new Padding(0, 0, 2, 0) });
        foreach (string[] row in all) table.AddRow([.. row.Select(Markup.Escape)]);
        Render(terminal.Out, Console.IsOutputRedirected || !terminal.IsInteractive).Write(table);
    }

    /// <summary>Prose: never part of the result.</summary>
    public void Say(string line) => terminal.Error.WriteLine(line);

    /// <summary>Runs long work with a bar, or without one where nobody watches.</summary>
    public async Task<T> ProgressAsync<T>(string title, int? total, Func<IProgress<int>, Task<T>> work)
    {
        if (json || !terminal.IsInteractive) return await work(new Silent());
        T result = default!;
        await Render(terminal.Error, plain: false).Progress().AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new SpinnerColumn())
            .StartAsync(async context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(title), maxValue: total ?? 1);
                task.IsIndeterminate = total is null;
                result = await work(new Bar(task));
            });
        return result;
    }

    /// <summary>As <see cref="ProgressAsync{T}"/>, for work that only takes a while.</summary>
    public Task WaitAsync(string title, Func<Task> work) => ProgressAsync(title, null, async _ =>
    {
        await work();
        return true;
    });

    private static IAnsiConsole Render(TextWriter writer, bool plain)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = plain ? AnsiSupport.No : AnsiSupport.Detect,
            ColorSystem = plain ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
        });
        if (plain) console.Profile.Width = RedirectedWidth;
        return console;
    }

    private sealed class Silent : IProgress<int>
    {
        public void Report(int value)
        {
        }
    }

    private sealed class Bar(ProgressTask task) : IProgress<int>
    {
        public void Report(int value) => task.Value = value;
    }
}
