using Ptoy.Cli.Shell;

return await CommandLine.RunAsync(args, Terminal.OfProcess());
