using System.CommandLine;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Ptoy.Cli.Authority;
using Ptoy.Cli.Shell;
using Ptoy.Client.Workflows;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Services.Connector;
using Ptoy.Services.Fhir;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy ehr</c>: the connector beside a hospital's EHR.</summary>
internal static class EhrCommands
{
    public static Command Build(SharedOptions shared) => new PtoyCommand("ehr", "Bring a hospital's EHR export into the network.")
        .With(Sync(shared), Generate());

    private static PtoyCommand Sync(SharedOptions shared)
    {
        var folder = new Argument<string>("folder") { Description = "FHIR R4 bundles (*.json), one patient each" };
        var data = new Option<string>("--data") { Description = "directory of the connector's sealed state and keys", HelpName = "DIR", Required = true };
        var name = new Option<string>("--name") { Description = "the hospital's name, as patients see it after proof", HelpName = "NAME", Required = true };
        var codes = new Option<string>("--codes") { Description = CodeSenders.Help, DefaultValueFactory = _ => "console", HelpName = "WAY" };
        var region = new Option<string>("--region") { Description = "region of phone numbers without country code", DefaultValueFactory = _ => "US", HelpName = "CC" };
        var watch = new Option<bool>("--watch") { Description = "go on answering patients until Ctrl-C" };
        return new PtoyCommand("sync", "Seals new records into custody, or into the vaults of patients who proved themselves. What is stored already is passed over.",
                "ptoy ehr sync ./export --data ./connector --name 'Hospital A' --keystore net/keys/hospital1.keystore --genesis net/genesis.json",
                "ptoy ehr sync ./export --data ./connector --name 'Hospital A' --keystore hospital1.keystore --watch --codes file:./codes")
            .With([folder, data, name, codes, region, watch, shared.Authority, .. shared.Signed])
            .Does(async call =>
            {
                if (!Directory.Exists(call.Get(folder))) throw CliException.Usage($"folder: there is no directory '{call.Get(folder)}'");
                Uri authority = Call.UrlOf(shared.Authority.Name, call.Required(shared.Authority, SharedOptions.AuthorityVariable));
                var sender = CodeSenders.Parse(codes.Name, call.Get(codes)!, call.Output.IsJson ? call.Terminal.Error : call.Terminal.Out);
                var options = new ConnectorOptions(call.Get(name)!, AuthorityKeyOf(call.Genesis(shared)), call.Get(region)!);
                await using Session session = await call.ConnectAsync(shared);
                Directory.CreateDirectory(call.Get(data)!);
                var config = new ConnectorConfig(call.Get(data)!, call.NodeUrl(shared), authority, session.Node.Chain, options);
                using ILoggerFactory logs = LoggerFactory.Create(AuthorityService.Log);
                await using ConnectorService service = await ConnectorService.OpenAsync(config, session.Keys, sender, logs, call.Cancellation);
                await ImportAsync(call, service.Connector, call.Get(folder));
                if (call.Get(watch)) await service.Connector.RunAsync(call.Cancellation);
            });
    }

    private static PtoyCommand Generate()
    {
        var folder = new Argument<string>("folder") { Description = "directory to write" };
        var seed = new Option<ulong>("--seed") { Description = "the same seed gives the same bytes", DefaultValueFactory = _ => 1, HelpName = "N" };
        var patients = new Option<int>("--patients") { Description = "how many bundles", DefaultValueFactory = _ => 10, HelpName = "N" };
        var resources = new Option<int>("--resources") { Description = "least resources in each", DefaultValueFactory = _ => 40, HelpName = "N" };
        return new PtoyCommand("generate", "Writes made-up FHIR bundles, to try things out with.", "ptoy ehr generate ./export --patients 20 --seed 7")
            .With(folder, seed, patients, resources)
            .Does(async call =>
            {
                var options = new GeneratorOptions(call.Get(seed), call.Get(patients), call.Get(resources));
                if (options.Problem() is { } problem) throw CliException.Usage(problem);
                string path = call.Get(folder);
                Directory.CreateDirectory(path);
                int count = await call.Output.ProgressAsync("writing bundles", options.Patients, async progress =>
                {
                    int done = 0;
                    foreach (GeneratedBundle bundle in BundleGenerator.Generate(options))
                    {
                        await File.WriteAllBytesAsync(Path.Combine(path, bundle.FileName), bundle.Bytes, call.Cancellation);
                        progress.Report(++done);
                    }
                    return done;
                });
                call.Output.Result(new { folder = path, bundles = count, seed = options.Seed }, $"{count} bundles in {path}");
            });
    }

    private static async Task ImportAsync(Call call, EhrConnector connector, string folder)
    {
        int files = Directory.GetFiles(folder, "*.json").Length;
        ImportResult result = await call.Output.ProgressAsync("sealing records", Math.Max(1, files), progress => connector.ImportAsync(folder, progress, call.Cancellation));
        call.Output.Result(result, $"{result.Files} files, {result.Resources} resources, {result.Bytes} bytes; {result.Stored} newly stored");
        foreach (string failure in result.Failures) call.Output.Say($"not taken: {failure}");
        if (result.Failures.Count > 0) call.ExitCode = ExitCode.Failed;
    }

    /// <summary>The signing key that genesis certifies for the key authority.</summary>
    private static PublicKey AuthorityKeyOf(Genesis genesis)
    {
        string authority = ArgumentsOf(genesis, "init").Select(a => a[0].GetString()!).Single();
        JsonElement facts = ArgumentsOf(genesis, "certify").Where(a => a[0].GetString() == authority).Select(a => a[1]).FirstOrDefault();
        return facts.ValueKind == JsonValueKind.Object && facts.TryGetProperty("signingKey", out JsonElement key)
            ? PublicKey.Parse(key.GetString()!)
            : throw CliException.Usage("--genesis: it does not certify a signing key for its key authority");
    }

    private static IEnumerable<JsonElement> ArgumentsOf(Genesis genesis, string method)
    {
        foreach (GenesisCall call in genesis.Calls.Where(c => c.Contract.Class == "Identity" && c.Method == method))
        {
            using JsonDocument document = JsonDocument.Parse(call.Arguments);
            yield return document.RootElement.Clone();
        }
    }
}
