using Ptoy.EndToEnd.Chaos;
using Ptoy.EndToEnd.Demo;

string[] rest = args.Length > 0 ? args[1..] : [];
switch (args.FirstOrDefault())
{
    case "demo": return await DemoCommand.RunAsync(rest);
    case "read-back": return await ReadBack.RunAsync(rest);
    case "chaos": return await ChaosCommand.RunAsync(rest);
    default:
        Console.Error.WriteLine("Ptoy.EndToEnd: say `demo` or `chaos`.");
        return 2;
}
