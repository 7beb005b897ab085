using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Ptoy.Client.Keys;
using Ptoy.Client.Sealing;
using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Demo;
using Ptoy.EndToEnd.Network;
using Ptoy.Node.Devnet;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Common;
using Ptoy.Services.Facade;
using Ptoy.Services.Facade.Index;
using Ptoy.Services.Facade.Smart;
using Ptoy.Services.Fhir;
using static Ptoy.EndToEnd.Demo.Playbook;

namespace Ptoy.EndToEnd.FacadePlay;

/// <summary>
/// <c>./dev facade</c>: hospital A writes a patient's record, hospital B serves it as FHIR, and the real SMART client of the ecosystem
/// logs in, reads and
/// searches; every access is in the patient's log, and revoking ends it.
/// </summary>
public static class FacadeCommand
{
    private const int DefaultPort = 24_500;

    /// <summary>Plays it; 0 only when every step held.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        int basePort = DefaultPort;
        if (args.Length is not (0 or 2) || (args.Length == 2 && (args[0] != "--base-port" || !int.TryParse(args[1], out basePort))))
        {
            await Console.Error.WriteLineAsync("facade: [--base-port N]").ConfigureAwait(false);
            return 2;
        }
        string directory = Path.Combine(Path.GetTempPath(), "ptoy-facade-" + Guid.NewGuid().ToString("N"));
        var play = new Playbook(Console.Out);
        try
        {
            using var theatre = new FacadeTheatre(directory, basePort, play);
            await theatre.PlayAsync().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // whatever failed, the table is printed and nothing is left running
        catch (Exception e)
#pragma warning restore CA1031
        {
            await Console.Error.WriteLineAsync($"facade: {e.GetType().Name}: {e.Message}").ConfigureAwait(false);
            if (Environment.GetEnvironmentVariable("PTOY_TRACE") is not null) await Console.Error.WriteLineAsync(e.ToString()).ConfigureAwait(false);
        }
        play.Table();
        if (play.AllHeld && Directory.Exists(directory)) Directory.Delete(directory, recursive: true);
        Console.WriteLine(play.AllHeld ? "facade: every step held" : $"facade: FAILED; the nodes' data and logs are in {directory}");
        return play.AllHeld ? 0 : 1;
    }
}

/// <summary>The network, the two hospitals, the patient and the app.</summary>
internal sealed class FacadeTheatre : IDisposable
{
    private const string Role = "connector";
    private readonly string _directory;
    private readonly int _basePort;
    private readonly Playbook _play;
    private readonly Consortium _consortium = new();
    private readonly LocalNetwork _network;
    private readonly TrustedChain _chain;
    private readonly AccountKeys _patientKeys = Consortium.NewKeys();
    private readonly AccountKeys _app = Consortium.NewKeys();
    private readonly VaultRoot _vault = VaultRoot.Create();
    private readonly VaultRoot _rootB = VaultRoot.Create();
    private readonly List<NodeConnection> _connections = [];
    private readonly SlicedBundle _bundle;
    private PatientSession? _patient;
    private FacadePart? _facade;
    private int _appGrant;
    private int _accesses;

    public FacadeTheatre(string directory, int basePort, Playbook play)
    {
        (_directory, _basePort, _play) = (directory, basePort, play);
        DevnetLayout layout = DevnetBuilder.Create(_consortium.Options(Path.Combine(directory, "network"), basePort));
        _network = new LocalNetwork(layout);
        _chain = TrustedChain.From(GenesisFile.Parse(File.ReadAllText(layout.GenesisFile)));
        _bundle = BundleSlicer.Slice(BundleGenerator.Bundle(new GeneratorOptions(11, 1, 60), 0).Bytes);
    }

    private string BaseUrl => $"http://127.0.0.1:{_basePort + 60}/fhir";

    public async Task PlayAsync()
    {
        await _play.StepAsync("Four hospital nodes start", async () =>
        {
            await _network.StartAsync(TimeSpan.FromSeconds(180)).ConfigureAwait(false);
            return "4 nodes agree";
        }).ConfigureAwait(false);
        await _play.StepAsync("Patient and app are certified, hospitals A and B set up", SetUpAsync).ConfigureAwait(false);
        await _play.StepAsync("Hospital A writes the record; the patient grants hospital B and the app", WriteAsync).ConfigureAwait(false);
        using SealedStore store = SealedStore.Open(Path.Combine(_directory, "facade-b"), new byte[SealedStore.KeySize]);
        await _play.StepAsync("Hospital B's façade opens what it was granted", () => OpenAsync(store)).ConfigureAwait(false);
        WebApplication app = Host();
        await using (app.ConfigureAwait(false))
        {
            await app.StartAsync().ConfigureAwait(false);
            await _play.StepAsync("Every resource comes back as hospital A wrote it", CompareAsync).ConfigureAwait(false);
            await _play.StepAsync("fhirclient logs in, reads and searches; revoked, it is refused", ClientAsync).ConfigureAwait(false);
            await _play.StepAsync("Every access is in the patient's log", AuditAsync).ConfigureAwait(false);
            await app.StopAsync().ConfigureAwait(false);
        }
        _facade!.Dispose();
        await _network.StopAsync().ConfigureAwait(false);
    }

    public void Dispose()
    {
        _patient?.Dispose();
        foreach (NodeConnection connection in _connections) connection.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _network.Dispose();
        _consortium.Dispose();
        _patientKeys.Dispose();
        _app.Dispose();
        _vault.Dispose();
        _rootB.Dispose();
    }

    private async Task<NodeConnection> ConnectAsync(AccountKeys keys, int node)
    {
        NodeConnection connection = await NodeConnection.ConnectAsync(_network.Layout.Nodes[node].Rpc, _chain,
            keys.Signing).ConfigureAwait(false);
        _connections.Add(connection);
        return connection;
    }

    private async Task<string> SetUpAsync()
    {
        using var authority = new TransactionSender(await ConnectAsync(_consortium.Authority, 2).ConfigureAwait(false));
        foreach ((AccountKeys who, string role) in new[] { (_patientKeys, "patient"), (_app, "service") })
        {
            await authority.SendAsync("Identity", "certify", who.Address.ToString(), new
            {
                sealingKey = who.Sealing.Public.ToString(), signingKey = who.Signing.Public.ToString(), roles = new[] { role },
            }).ConfigureAwait(false);
        }
        for (int i = 0; i < 2; i++)
        {
            AccountKeys hospital = _consortium.Hospitals[i];
            using var admin = new ProviderSession(hospital, _rootB, await ConnectAsync(hospital, i).ConfigureAwait(false));
            await admin.CreateAsync(i == 0 ? "Hospital A" : "Hospital B").ConfigureAwait(false);
            using SealingKey team = _rootB.TeamKey(Role, (uint)(i + 1));
            await admin.Sender.SendAsync(new ContractId("Provider", hospital.Address), "setTeamKey",
                [Role, new { publicKey = team.Public.ToString() }]).ConfigureAwait(false);
        }
        return "2 hospitals, 1 patient, 1 app";
    }

    private async Task<string> WriteAsync()
    {
        _patient = new PatientSession(_patientKeys, _vault, await ConnectAsync(_patientKeys, 3).ConfigureAwait(false));
        await _patient.CreateVaultAsync().ConfigureAwait(false);
        Address a = _consortium.Hospitals[0].Address, b = _consortium.Hospitals[1].Address;
        await _patient.AcceptBindingAsync(a).ConfigureAwait(false);
        using var sender = new TransactionSender(await ConnectAsync(_consortium.Hospitals[0], 0).ConfigureAwait(false));
        RecordToWrite[] records = [.. _bundle.Slices.Select(s => new RecordToWrite(
            _bundle.BytesOf(s).ToArray(), Compartments.Tag(_vault.TagKey, FhirScan.CompartmentOf(_bundle.BytesOf(s).Span))))];
        await new RecordWriter(sender).WriteToPatientAsync(_patientKeys.Address, records, a).ConfigureAwait(false);
        await _patient.GrantAsync(new ReadGrant(b, Compartments.Names, ["TREAT"])).ConfigureAwait(false);
        _appGrant = await _patient.GrantAppAsync(new AppGrant(_app.Address, Compartments.Names, ["TREAT"])).ConfigureAwait(false);
        return $"{records.Length} resources";
    }

    private async Task<string> OpenAsync(SealedStore store)
    {
        AccountKeys b = _consortium.Hospitals[1];
        NodeConnection node = await ConnectAsync(b, 1).ConfigureAwait(false);
        var options = new FacadeOptions
        {
            BaseUrl = BaseUrl,
            Apps = [new FacadeApp { ClientId = _app.Address.ToString(), Name = "Test app",
                RedirectUris = [$"http://127.0.0.1:{_basePort + 61}/done"], Scopes = "patient/*.rs launch/patient offline_access" }],
        };
        _facade = FacadePart.Create(options, store, node, (_, _) => Task.FromResult<byte[]?>(null), TimeProvider.System,
            LoggerFactory.Create(l => l.AddConsole().SetMinimumLevel(LogLevel.Warning)));
        _facade.Load(default);
        using var ring = new KeyRing(new SealingKey(b.Sealing.Export()));
        ring.Add(_rootB.TeamKey(Role, 2));
        var reader = new RecordReader(node, _patientKeys.Address, "TREAT", ring, b.Address);
        foreach (RecordInfo letter in await reader.ListAsync([Compartments.LetterTag]).ConfigureAwait(false))
        {
            GrantLetter opened = GrantLetter.Parse(await reader.OpenAsync(letter).ConfigureAwait(false));
            foreach (LetterVaultKey key in opened.VaultKeys) ring.Add(new SealingKey(key.PrivateKey));
        }
        RecordInfo[] listed = [.. (await reader.ListAsync().ConfigureAwait(false)).Where(r => r.Tag != Compartments.LetterTag.ToString())];
        var resources = new List<IndexedResource>();
        await foreach (OpenedRecord record in reader.OpenAsync(listed).ConfigureAwait(false))
        {
            BundleSlice slice = _bundle.Slices.First(s => _bundle.BytesOf(s).Span.SequenceEqual(record.Content));
            resources.Add(new IndexedResource(
                record.Info.RecordId, slice.ResourceType, slice.Id!, FhirScan.CompartmentOf(record.Content), record.Content,
                    record.Info.RegisteredHeight, TimeProvider.System.GetUtcNow()));
        }
        _facade.Change(_patientKeys.Address, resources);
        return _facade.Health().Text;
    }

    private WebApplication Host()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();
        app.Urls.Add(new Uri(BaseUrl).GetLeftPart(UriPartial.Authority));
        _facade!.Map(app);
        return app;
    }

    private async Task<string> CompareAsync()
    {
        using var http = new HttpClient();
        var grant = new SmartGrant("play", _app.Address, _patientKeys.Address, null, [SmartScope.Parse("patient/*.rs")!], [], "TREAT",
            TimeProvider.System.GetUtcNow().AddHours(1));
        http.DefaultRequestHeaders.Authorization = new("Bearer", _facade!.Core.Smart.Begin(grant, 600, false).Access);
        foreach (BundleSlice slice in _bundle.Slices)
        {
            string given = await http.GetStringAsync(new Uri($"{BaseUrl}/{slice.ResourceType}/{slice.Id}")).ConfigureAwait(false);
            _accesses++;
            int meta = given.IndexOf("\"meta\":", StringComparison.Ordinal), end = given.IndexOf("},", meta, StringComparison.Ordinal) + 2;
            string stored = Encoding.UTF8.GetString(_bundle.BytesOf(slice).Span);
            Require(given.Remove(meta, end - meta) == stored, $"{slice.ResourceType}: not byte for byte what was written, meta apart");
        }
        return $"{_bundle.Slices.Count} resources, byte for byte";
    }

    private async Task<string> ClientAsync()
    {
        string folder = Path.Combine(Environment.CurrentDirectory, "tests", "facade-client");
        string node = Path.Combine(folder, "node_modules", "node", "bin", "node");
        Require(File.Exists(node), $"{node} is missing: ./dev facade installs it");
        var start = new ProcessStartInfo(node, Path.Combine(folder, "login.mjs")) { RedirectStandardOutput = true,
            RedirectStandardInput = true };
        start.Environment["ISS"] = BaseUrl;
        start.Environment["CLIENT_ID"] = _app.Address.ToString();
        start.Environment["PORT"] = (_basePort + 61).ToString(CultureInfo.InvariantCulture);
        using Process client = Process.Start(start)!;
        int held = 0;
        while (await client.StandardOutput.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            if (line.StartsWith("APPROVE ",
                StringComparison.Ordinal)) await ApproveAsync(new Uri(line["APPROVE ".Length..])).ConfigureAwait(false);
            else if (line == "REVOKE") await _patient!.RevokeAsync(_appGrant).ConfigureAwait(false);
            else
            {
                if (line.StartsWith("ACCESSES ", StringComparison.Ordinal)) _accesses += int.Parse(line["ACCESSES ".Length..],
                    CultureInfo.InvariantCulture);
                if (line.StartsWith("held", StringComparison.Ordinal)) held++;
                _play.Say(line);
                continue;
            }
            await client.StandardInput.WriteLineAsync("done").ConfigureAwait(false);
        }
        await client.WaitForExitAsync().ConfigureAwait(false);
        Require(client.ExitCode == 0, $"the client ended with {client.ExitCode}");
        return $"{held} checks";
    }

    private async Task ApproveAsync(Uri link)
    {
        using var http = new HttpClient();
        AppRequest request = await AppApproval.ReadAsync(http, link).ConfigureAwait(false);
        await _patient!.AnswerAppAsync(http, link, request, approve: true).ConfigureAwait(false);
        _play.Say($"the patient signs: {request.Name} may have {request.Scopes}");
    }

    private async Task<string> AuditAsync()
    {
        var reader = new AuditReader(await ConnectAsync(_patientKeys, 1).ConfigureAwait(false), _patientKeys.Address);
        ProvenAccess[] own = [.. (await reader.ListAsync().ConfigureAwait(false)).Where(e => e.Entry.OnBehalfOf == _app.Address)];
        int permitted = own.Count(e => e.Entry.Outcome == Ptoy.Protocol.Audit.AccessOutcome.Permit);
        Require(own.All(e => e.RequestProven), "an entry's request is not signed by hospital B");
        Require(permitted == _accesses, $"{permitted} permitted accesses are in the log, {_accesses} were made");
        Require(own.Any(e => e.Entry.Outcome == Ptoy.Protocol.Audit.AccessOutcome.Deny), "the refused access is not in the log");
        return $"{permitted} permitted and {own.Length - permitted} refused accesses, each signed by hospital B for the app";
    }
}
