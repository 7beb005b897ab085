using System.Globalization;
using Ptoy.Fuzz;

int seed = 1;
double minutes = 1;
string? only = null;
bool keep = args.Contains("--keep");
args = [.. args.Where(a => a != "--keep")];
for (int i = 0; i < args.Length; i++)
{
    string? value = i + 1 < args.Length ? args[i + 1] : null;
    bool understood = args[i] switch
    {
        "--minutes" => double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out minutes) && minutes > 0,
        "--seed" => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out seed),
        "--only" => (only = value) is not null,
        _ => false,
    };
    if (!understood)
    {
        Console.Error.WriteLine("dev fuzz [--minutes N] [--seed N] [--only TARGET] [--keep]: random and mutated bytes against every decoder; --keep adds to the corpus what is refused in a new way");
        return 2;
    }
    i++;
}

IReadOnlyList<FuzzTarget> targets = [.. Targets.All().Where(t => only is null || t.Name == only || t.Name.StartsWith($"{only}.", StringComparison.Ordinal))];
if (targets.Count == 0)
{
    Console.Error.WriteLine($"there is no target '{only}'; targets: {string.Join(", ", Targets.All().Select(t => t.Name))}");
    return 2;
}
var runner = new FuzzRunner(seed, Corpus.Folder(), keep);
TimeSpan share = TimeSpan.FromMinutes(minutes / targets.Count);
var findings = new List<Finding>();
long executions = 0;
Console.WriteLine($"{targets.Count} targets, {share.TotalSeconds:0.0} s each, seed {seed}");
foreach (FuzzTarget target in targets)
{
    TargetResult result = runner.Run(target, share);
    executions += result.Executions;
    if (result.Finding is not null) findings.Add(result.Finding);
    Console.WriteLine($"{result.Target,-44} {result.Executions,10:N0} executions {result.Accepted,10:N0} accepted {(result.Finding is null ? "" : "  FINDING")}");
}
foreach (Finding finding in findings)
    Console.WriteLine($"\n{finding.Target}: {finding.Problem}\n  input, {finding.Input.Length} bytes, saved under tests/Ptoy.Fuzz/corpus/{finding.Target}");
Console.WriteLine($"\n{executions:N0} executions, {findings.Count} findings");
return findings.Count == 0 ? 0 : 1;
