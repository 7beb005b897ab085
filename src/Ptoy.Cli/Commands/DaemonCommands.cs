using System.CommandLine;
using Microsoft.Extensions.Logging;
using Ptoy.Cli.Authority;
using Ptoy.Cli.Shell;
using Ptoy.Services.Connector;
using Ptoy.Services.Hosting;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy connector</c> and <c>ptoy services</c>: daemons of parts, each from one configuration file.</summary>
internal static class DaemonCommands
{
    public static Command Connector(SharedOptions shared) => Group(
        "connector", "The connector beside a hospital's EHR.", "connector.json", ConnectorParts.Catalogue(), 28_700,
        "The account is the hospital's own.").With(ConnectorReport.Build());

    public static Command Services(SharedOptions shared) => Group(
        "services", "The services that patients grant access to: each with an account of its own.", "services.json", ServiceParts.Catalogue(), 28_800,
        "A service's account is certified by the key authority with the roles organisation and service; make one for each service.").With(FraudCommands.Build());

    private static PtoyCommand Group(string name, string summary, string file, PartCatalogue parts, int port, string account) =>
        new PtoyCommand(name, summary).With(Run(name, file, parts), Init(name, file, parts, port, account));

    private static PtoyCommand Run(string name, string file, PartCatalogue parts)
    {
        var config = new Option<string>("--config") { Description = "configuration file (JSON)", HelpName = "FILE", Required = true };
        var check = new Option<bool>("--check") { Description = "check the configuration and the files it names, then end" };
        string sections = parts.Help.Count == 0 ? "none yet" : string.Join("; ", parts.Help);
        return new PtoyCommand("run", $"Runs until Ctrl-C; serves /health and /metrics. Sections of the configuration: {sections}.",
                $"ptoy {name} run --config {file} --check", $"ptoy {name} run --config {file}")
            .With(config, check)
            .Does(async call =>
            {
                DaemonConfig loaded = DaemonConfig.Load(call.Get(config)!, parts);
                loaded.CheckFiles();
                if (call.Get(check))
                {
                    call.Output.Result(new { ok = true, sections = loaded.Sections.Keys }, $"the configuration can be used; parts: {string.Join(", ", loaded.Sections.Keys)}");
                    return;
                }
                using ILoggerFactory logs = LoggerFactory.Create(builder =>
                {
                    AuthorityService.Log(builder);
                    builder.SetMinimumLevel(Enum.Parse<LogLevel>(loaded.Settings.Log));
                });
                await RunAsync(call, loaded, parts, logs);
            });
    }

    private static async Task RunAsync(Call call, DaemonConfig config, PartCatalogue catalogue, ILoggerFactory logs)
    {
        await using var context = new PartContext(config, logs, TimeProvider.System);
        IReadOnlyList<IDaemonPart> parts = await catalogue.MakeAsync(context, call.Cancellation);
        await using DaemonHost host = await DaemonHost.StartAsync(config.Settings.Http, config.Folder, parts, logs, call.Cancellation);
        call.Output.Result(new { ready = true, url = host.Address.ToString(), parts = parts.Select(p => p.Name) }, $"ready {host.Address}");
        await host.RunAsync(call.Cancellation);
    }

    private static PtoyCommand Init(string name, string file, PartCatalogue parts, int port, string account)
    {
        var path = new Option<string>("--out") { Description = "file to write", HelpName = "FILE", DefaultValueFactory = _ => file };
        return new PtoyCommand("init", $"Writes a configuration that works once the files it names are there; take out the sections you do not want. {account}",
                $"ptoy {name} init --out {file}")
            .With(path)
            .Does(async call =>
            {
                string to = Call.NewFile(path.Name, call.Get(path)!);
                var settings = new DaemonSettings(SharedOptions.DefaultNode, "genesis.json", $"{name}-data")
                {
                    Authority = "http://127.0.0.1:28600", Account = new AccountOptions($"{name}.keystore", $"{name}.passphrase"), Http = new HttpOptions(Port: port),
                };
                await File.WriteAllTextAsync(to, parts.Example(settings), call.Cancellation);
                call.Output.Result(new { file = to, sections = parts.Names }, $"{to} is written; what each key means: docs/{(name == "services" ? "services" : "connector")}.md");
                call.Output.Say($"Then: ptoy {name} run --config {to} --check");
            });
    }
}
