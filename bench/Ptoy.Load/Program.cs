using Ptoy.Load;

LoadOptions options;
try
{
    options = LoadOptions.Parse(args);
}
catch (LoadOptionException e)
{
    Console.Error.WriteLine($"bench load: {e.Message}\n\n{LoadOptions.Help}");
    return 2;
}
try
{
    return await new LoadRunner(options).RunAsync() ? 0 : 1;
}
catch (Exception e) when (e is LoadOptionException or TimeoutException or InvalidOperationException or IOException or System.Net.WebSockets.WebSocketException)
{
    Console.Error.WriteLine($"bench load: {e.Message}");
    return 1;
}
