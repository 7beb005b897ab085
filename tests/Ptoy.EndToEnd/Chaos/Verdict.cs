using Spectre.Console;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>The table at the end: each check, what was found, whether it held.</summary>
internal sealed class Verdict
{
    private readonly List<(string Check, string Found, bool Holds)> _lines = [];

    public bool Holds => _lines.Count > 0 && _lines.All(l => l.Holds);

    public void Add(string check, string found, bool holds) => _lines.Add((check, found, holds));

    public void Print()
    {
        var table = new Table().AddColumns("check", "found", "");
        foreach ((string check, string found, bool holds) in _lines)
            table.AddRow(Markup.Escape(check), Markup.Escape(found), holds ? "[green]holds[/]" : "[red]BROKEN[/]");
        AnsiConsole.Write(table);
    }
}
