using Ptoy.Load;
using Ptoy.Load.Ordering;
using Ptoy.Load.Report;

const string Usage = "bench: load [options] or report [options]; load --help";
string verb = args.Length > 0 ? args[0] : "load";
string[] rest = args.Length > 0 ? args[1..] : args;
try
{
    switch (verb)
    {
        case "ordering-node":
            return await OrderingNode.RunAsync(rest);
        case "load" when rest.Contains("--help"):
            Console.WriteLine(LoadOptions.Help);
            return 0;
        case "load":
            return await new LoadRunner(LoadOptions.Parse(rest)).RunAsync() ? 0 : 1;
        case "report" when rest.Contains("--help"):
            Console.WriteLine(ReportOptions.Help);
            return 0;
        case "report":
            return await new ReportRunner(ReportOptions.Parse(rest)).RunAsync() ? 0 : 1;
        default:
            Console.Error.WriteLine(Usage);
            return 2;
    }
}
catch (LoadOptionException e)
{
    Console.Error.WriteLine($"bench {verb}: {e.Message}");
    return 2;
}
catch (Exception e) when (e is TimeoutException or InvalidOperationException or IOException or System.Net.WebSockets.WebSocketException)
{
    Console.Error.WriteLine($"bench {verb}: {e.Message}");
    return 1;
}
