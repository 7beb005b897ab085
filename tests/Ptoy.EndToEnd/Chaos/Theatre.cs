using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Network;
using Ptoy.Node.Devnet;
using Ptoy.Protocol.Ledger;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>Who takes part, and the network's files: made before any node runs.</summary>
internal sealed class Parties : IDisposable
{
    private const int BasePort = 30_500;

    public Parties(string directory) =>
        Layout = DevnetBuilder.Create(Consortium.Options(directory, BasePort) with { Allotments = Transfers.Allotments });

    public Consortium Consortium { get; } = new();

    public TransferLoad Transfers { get; } = new();

    public DevnetLayout Layout { get; }

    public void Dispose()
    {
        Transfers.Dispose();
        Consortium.Dispose();
    }
}

/// <summary>Four running nodes, their clients and the verdict on them.</summary>
internal sealed class Theatre : IAsyncDisposable
{
    private readonly LocalNetwork _network;
    private readonly Patients _patients;
    private readonly TransferLoad _transfers;

    private Theatre(ChaosOptions options, Parties parties, LocalNetwork network, Members members, AckLog acks)
    {
        (_network, Members, Acks, _transfers) = (network, members, acks, parties.Transfers);
        _patients = new Patients(parties.Consortium, members, acks);
        Service = new Service(members, acks);
        Workload = new Workload(options, members, acks, _patients, _transfers);
    }

    public Members Members { get; }

    public AckLog Acks { get; }

    public Service Service { get; }

    public Workload Workload { get; }

    public Verdict Verdict { get; } = new();

    /// <summary>Starts the nodes and sets up the people. Throws when they do not start.</summary>
    public static async Task<Theatre> OpenAsync(ChaosOptions options, Parties parties, string directory, TimeSpan patience,
        CancellationToken cancellation)
    {
        var network = new LocalNetwork(parties.Layout);
        Theatre? theatre = null;
        try
        {
            await network.StartAsync(patience).ConfigureAwait(false);
            string genesis = await File.ReadAllTextAsync(parties.Layout.GenesisFile, cancellation).ConfigureAwait(false);
            var members = new Members(network, TrustedChain.From(GenesisFile.Parse(genesis)));
            theatre = new Theatre(options, parties, network, members, new AckLog(Path.Combine(directory, "acknowledged.log")));
            await theatre._patients.SetUpAsync(members, theatre.Acks, cancellation).ConfigureAwait(false);
            Console.WriteLine($"four nodes are up; {Patients.WithRecords} patients with records, {Patients.WithConsents} with "
                + $"changing consents, {TransferLoad.Accounts} accounts");
            return theatre;
        }
        catch
        {
            network.Dispose();
            if (theatre is not null) await theatre.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Checks everything, stops the nodes and prints the verdict; true when all of it held.</summary>
    public async Task<bool> JudgeAsync(CancellationToken cancellation)
    {
        Verdict.Add("no node ended unless it was made to", Service.Fallen.Count == 0 ? "none" : string.Join(" ", Service.Fallen),
            Service.Fallen.Count == 0);
        await new Checker(Members, Acks, _patients, _transfers, Verdict).RunAsync(cancellation).ConfigureAwait(false);
        bool clean = await _network.StopAsync().ConfigureAwait(false);
        Verdict.Add("all nodes end cleanly", clean ? "yes" : "no", clean);
        Verdict.Print();
        return Verdict.Holds;
    }

    public async ValueTask DisposeAsync()
    {
        await Members.DisposeAsync().ConfigureAwait(false);
        _network.Dispose();
        _patients.Dispose();
        Acks.Dispose();
    }
}
