using Ptoy.Simulation;

return Commands.Run(args, Console.Out, Console.Error);
