using Ptoy.EndToEnd.Chaos;
using Ptoy.EndToEnd.Demo;
using Ptoy.EndToEnd.FacadePlay;
using Ptoy.EndToEnd.Hl7;
using Ptoy.EndToEnd.Membership;

string[] rest = args.Length > 0 ? args[1..] : [];
switch (args.FirstOrDefault())
{
    case "demo": return await DemoCommand.RunAsync(rest);
    case "read-back": return await ReadBack.RunAsync(rest);
    case "chaos": return await ChaosCommand.RunAsync(rest);
    case "membership": return await MembershipCommand.RunAsync(rest);
    case "hl7": return await Hl7Command.RunAsync(rest);
    case "hl7-feed" when rest.Length == 1: return await FeedProcess.HostAsync(rest[0]);
    case "facade": return await FacadeCommand.RunAsync(rest);
    default:
        Console.Error.WriteLine("Ptoy.EndToEnd: say `demo`, `chaos`, `membership`, `hl7` or `facade`.");
        return 2;
}
