using Ptoy.EndToEnd.Network;
using Ptoy.Node.Devnet;

using var consortium = new Consortium();
string dir = args.Length > 1 ? args[1] : Path.Combine(Path.GetTempPath(), "ptoy-" + Guid.NewGuid().ToString("N"));
DevnetLayout layout = DevnetBuilder.Create(consortium.Options(dir, 28_500));
Console.WriteLine(dir);
using var network = new LocalNetwork(layout);
await network.StartAsync(TimeSpan.FromSeconds(30));
for (int i = 0; i < 4; i++) Console.WriteLine(await network.HealthAsync(i));
Console.WriteLine(await network.StopAsync());
return 0;
