using Ptoy.Node;

string? config = null;
var flags = new List<string>();
for (int i = 0; i < args.Length; i++)
{
    if (args[i] == "--config" && i + 1 < args.Length) config = args[++i];
    else flags.Add(args[i]);
}
return await NodeCommand.RunAsync(config, flags).ConfigureAwait(false);
