using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using Ptoy.Client.Keys;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Fhir;
using static Ptoy.EndToEnd.Demo.Playbook;

namespace Ptoy.EndToEnd.Demo;

/// <summary>Everybody in the EHR signs up, and lets hospital D read everything; a fresh process reads it all back.</summary>
public sealed class Everybody(Stage stage, Playbook play, IReadOnlyList<Person> people)
{
    private const int AtOnce = 3;

    /// <summary>The others sign up, bind their records, and all grant hospital D everything.</summary>
    public async Task<string> SignUpAsync(Clinic d)
    {
        int records = 0;
        await Parallel.ForEachAsync(people, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (person, token) =>
        {
            using PatientSession session = await OpenAsync(person).ConfigureAwait(false);
            if (person != people[0]) Interlocked.Add(ref records, (await PatientPlay.BindAsync(stage, session, person).ConfigureAwait(false)).Records);
            await session.GrantAsync(new ReadGrant(d.Organisation, Compartments.Names, ["TREAT"]), token).ConfigureAwait(false);
        }).ConfigureAwait(false);
        play.Say($"{people.Count} patients own their records and let hospital D read them");
        return $"{people.Count} patients, {records} more records bound";
    }

    /// <summary>The connector is stopped; a fresh process with nothing but the reader's key and another node's address reads all bundles.</summary>
    public async Task<string> ReadBackAsync(Clinic d)
    {
        await stage.StopConnectorAsync().ConfigureAwait(false);
        string keyFile = Path.Combine(stage.Options.Directory, "reader.keystore");
        File.Delete(keyFile);
        string passphrase = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        SaveReader(d, keyFile, passphrase);
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (string argument in (string[])[Environment.GetCommandLineArgs()[0], "read-back", "--key", keyFile, "--node", stage.Network.Layout.Nodes[1].Rpc.ToString(),
            "--genesis", stage.Network.Layout.GenesisFile, "--organisation", d.Organisation.ToString()]) start.ArgumentList.Add(argument);
        start.Environment["PTOY_PASSPHRASE"] = passphrase;
        using Process reader = Process.Start(start)!;
        string output = await reader.StandardOutput.ReadToEndAsync().ConfigureAwait(false);
        await reader.WaitForExitAsync().ConfigureAwait(false);
        Require(reader.ExitCode == 0, $"the reading process ended with {reader.ExitCode}");
        return Compare(output);
    }

    private string Compare(string output)
    {
        HashSet<string> read = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => l.StartsWith("bundle ", StringComparison.Ordinal)).Select(l => l.Split(' ')[1])];
        int resources = 0;
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Person person in people)
        {
            string digest = Convert.ToHexStringLower(SHA256.HashData(person.Bundle));
            Require(read.Contains(digest), $"bundle {digest} did not come back");
            resources += BundleSlicer.Slice(person.Bundle).Slices.Count;
            all.AppendData(Convert.FromHexString(digest));
            play.Say($"sha256 {digest}  byte-identical");
        }
        play.Say($"all {people.Count} bundles ({resources:N0} resources) came back byte-identical; SHA-256 over all digests {Convert.ToHexStringLower(all.GetHashAndReset())}");
        return $"{people.Count} bundles, {resources:N0} resources byte-identical in a fresh process";
    }

    private async Task<PatientSession> OpenAsync(Person person) => person == people[0]
        ? new PatientSession(person.Keys, person.Vault, await stage.ConnectAsync(person.Keys, 1).ConfigureAwait(false))
        : await PatientPlay.SignUpAsync(stage, person, node: 1).ConfigureAwait(false);

    private static void SaveReader(Clinic d, string file, string passphrase)
    {
        using Keystore store = Keystore.FromSeed(d.ClinicianSeed);
        store.Save(file, passphrase, new Argon2Cost(8 * 1024, 1, 1));
    }
}

/// <summary>The fresh process: holds the reader's key, another node's address and genesis, and nothing else.</summary>
public static class ReadBack
{
    /// <summary>Reads everything that the organisation's patients let it read, and prints the SHA-256 of every bundle.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        string Option(string name) => arguments[arguments.ToList().IndexOf(name) + 1];
        using Keystore store = Keystore.Load(Option("--key"), Environment.GetEnvironmentVariable("PTOY_PASSPHRASE") ?? "");
        using AccountKeys keys = store.Account();
        Address organisation = Address.Parse(Option("--organisation"));
        TrustedChain chain = TrustedChain.From(GenesisFile.Parse(await File.ReadAllTextAsync(Option("--genesis")).ConfigureAwait(false)));
        await using NodeConnection node = await NodeConnection.ConnectAsync(new Uri(Option("--node")), chain, keys.Signing).ConfigureAwait(false);
        using var session = new ClinicianSession(keys, organisation);
        await session.LoadTeamKeysAsync(node).ConfigureAwait(false);
        for (int from = 0; ; from += 200)
        {
            JsonElement customers = await node.ViewAsync(new ContractId("Provider", organisation), "customers", [from, 200]).ConfigureAwait(false);
            foreach (JsonElement customer in customers.EnumerateArray()) await ReadAsync(session, node, Address.Parse(customer.GetString()!)).ConfigureAwait(false);
            if (customers.GetArrayLength() < 200) return 0;
        }
    }

    private static async Task ReadAsync(ClinicianSession session, NodeConnection node, Address patient)
    {
        RecordReader reader = await session.ReaderAsync(node, patient).ConfigureAwait(false);
        RecordInfo[] listed = [.. (await reader.ListAsync().ConfigureAwait(false)).Where(r => r.Tag != Compartments.LetterTag.ToString())];
        var contents = new List<byte[]>();
        await foreach (OpenedRecord record in reader.OpenAsync(listed).ConfigureAwait(false)) contents.Add(record.Content);
        foreach (byte[] bundle in BundleFolder.Rebuild(contents)) Console.WriteLine($"bundle {Convert.ToHexStringLower(SHA256.HashData(bundle))} {patient}");
    }
}
