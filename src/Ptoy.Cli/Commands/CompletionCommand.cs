using System.CommandLine;
using Ptoy.Cli.Shell;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy completion</c>: a script by which the shell asks this program what may follow.</summary>
internal static class CompletionCommand
{
    private const string Bash = """
        # bash completion of ptoy: source <(ptoy completion bash)
        _ptoy() {
            local line="${COMP_LINE:0:COMP_POINT}"
            line="${line#* }"
            COMPREPLY=()
            local word="${COMP_WORDS[COMP_CWORD]}" item
            while IFS= read -r item; do
                [[ "$item" == "$word"* ]] && COMPREPLY+=("$item")
            done < <(ptoy "[suggest:${#line}]" "$line" 2>/dev/null)
        }
        complete -o default -F _ptoy ptoy
        """;

    private const string Zsh = """
        #compdef ptoy
        # zsh completion of ptoy: source <(ptoy completion zsh)
        _ptoy() {
            local line="${BUFFER[1,CURSOR]#* }"
            local -a items
            items=("${(@f)$(ptoy "[suggest:${#line}]" "$line" 2>/dev/null)}")
            compadd -a items || _files
        }
        compdef _ptoy ptoy
        """;

    public static Command Build(SharedOptions shared)
    {
        var shell = new Argument<string>("shell") { Description = "bash or zsh" };
        shell.AcceptOnlyFromAmong("bash", "zsh");
        return new PtoyCommand("completion", "Prints a script for shell completion.",
                "source <(ptoy completion bash)", "ptoy completion zsh > ~/.zfunc/_ptoy")
            .With(shell)
            .Does(call =>
            {
                string script = call.Get(shell) == "bash" ? Bash : Zsh;
                call.Output.Result(new { shell = call.Get(shell), script }, script);
                return Task.CompletedTask;
            });
    }
}
