using Ptoy.EndToEnd.Chaos;
using Ptoy.EndToEnd.Demo;
using Ptoy.EndToEnd.FacadePlay;
using Ptoy.EndToEnd.Membership;

string[] rest = args.Length > 0 ? args[1..] : [];
switch (args.FirstOrDefault())
{
    case "demo": return await DemoCommand.RunAsync(rest);
    case "read-back": return await ReadBack.RunAsync(rest);
    case "chaos": return await ChaosCommand.RunAsync(rest);
    case "membership": return await MembershipCommand.RunAsync(rest);
    case "facade": return await FacadeCommand.RunAsync(rest);
    default:
        Console.Error.WriteLine("Ptoy.EndToEnd: say `demo`, `chaos`, `membership` or `facade`.");
        return 2;
}
