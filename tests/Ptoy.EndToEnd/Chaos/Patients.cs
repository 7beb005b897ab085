using System.Text.Json;
using Ptoy.Client.Keys;
using Ptoy.Client.Sealing;
using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Network;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>A patient with a contract on chain.</summary>
internal sealed record Patient(int Index, AccountKeys Keys, VaultRoot Vault, Writer Writer)
{
    public ContractId Contract => new("Patient", Keys.Address);
}

/// <summary>The people of a run: patients with records, patients who change their consents, a permitted clinician and a stranger.</summary>
internal sealed class Patients : IDisposable
{
    public const int WithRecords = 4;
    public const int WithConsents = 4;
    private const int PublishedEpochs = 2;

    private readonly Consortium _consortium;

    public Patients(Consortium consortium, Members members, AckLog acks)
    {
        _consortium = consortium;
        All = [.. Enumerable.Range(0, WithRecords + WithConsents).Select(i => Make(i, members, acks))];
        Clinician = Consortium.NewKeys();
        Stranger = Consortium.NewKeys();
    }

    public IReadOnlyList<Patient> All { get; }

    public IEnumerable<Patient> Writing => All.Take(WithRecords);

    public IEnumerable<Patient> Consenting => All.Skip(WithRecords);

    /// <summary>Employed at the second hospital, which the writing patients let read.</summary>
    public AccountKeys Clinician { get; }

    /// <summary>Nobody permits anything.</summary>
    public AccountKeys Stranger { get; }

    public AccountKeys Hospital => _consortium.Hospitals[1];

    private static Patient Make(int index, Members members, AckLog acks)
    {
        AccountKeys keys = Consortium.NewKeys();
        return new Patient(index, keys, VaultRoot.Create(), new Writer(keys.Signing, members, acks, index % members.All.Count));
    }

    /// <summary>Certifies everybody, creates the contracts and the standing grants. Throws when the chain refuses something.</summary>
    public async Task SetUpAsync(Members members, AckLog acks, CancellationToken cancellation)
    {
        var authority = new Writer(_consortium.Authority.Signing, members, acks, 0);
        var hospital = new Writer(Hospital.Signing, members, acks, 1);
        foreach (Patient patient in All) await CertifyAsync(authority, patient.Keys, "patient", cancellation).ConfigureAwait(false);
        await CertifyAsync(authority, Clinician, "practitioner", cancellation).ConfigureAwait(false);
        var provider = new ContractId("Provider", Hospital.Address);
        await MustAsync(hospital, provider, "create", cancellation,
            new { name = "Hospital B", sealingKey = Hospital.Sealing.Public.ToString() }).ConfigureAwait(false);
        await MustAsync(hospital, provider, "hire", cancellation, Clinician.Address.ToString(), "clinician").ConfigureAwait(false);
        using SealingKey team = VaultRoot.Create().TeamKey("clinician", 1);
        await MustAsync(hospital, provider, "setTeamKey", cancellation, "clinician",
            new { publicKey = team.Public.ToString() }).ConfigureAwait(false);
        await Task.WhenAll(All.Select(p => CreateAsync(p, cancellation))).ConfigureAwait(false);
        await Task.WhenAll(Writing.Select(p => MustAsync(p.Writer, p.Contract, "grant", cancellation, Permit(p)))).ConfigureAwait(false);
    }

    /// <summary>What a patient lets the hospital read.</summary>
    public object Permit(Patient patient) => new
    {
        type = "permit",
        actor = new { organisation = Hospital.Address.ToString() },
        actions = new[] { "read", "search" },
        purposes = new[] { "TREAT" },
        tags = patient.Vault.Tags.Values.Select(t => t.ToString()).ToArray(),
    };

    private static Task CreateAsync(Patient patient, CancellationToken cancellation)
    {
        Dictionary<string, string>[] keys = [.. Enumerable.Range(0, PublishedEpochs).Select(epoch =>
            patient.Vault.PublicKeys(epoch).ToDictionary(k => k.Key.ToString(), k => k.Value.ToString()))];
        return MustAsync(patient.Writer, patient.Contract, "create", cancellation, new { vaultKeys = keys });
    }

    private static Task CertifyAsync(Writer authority, AccountKeys who, string role, CancellationToken cancellation) =>
        MustAsync(authority, ContractId.Single("Identity"), "certify", cancellation, who.Address.ToString(),
            new { sealingKey = who.Sealing.Public.ToString(), signingKey = who.Signing.Public.ToString(), roles = new[] { role } });

    private static async Task MustAsync(Writer writer, ContractId contract, string method, CancellationToken cancellation,
        params object[] arguments)
    {
        Receipt receipt = await writer.WriteAsync("setup", contract, method, JsonSerializer.Serialize(arguments),
            cancellation).ConfigureAwait(false)
            ?? throw new InvalidOperationException($"set-up: {contract.Class}.{method} was never executed: {writer.LastProblem}");
        if (receipt.Status != ReceiptStatus.Ok) throw new InvalidOperationException($"set-up: {contract.Class}.{method}: {receipt.Error}");
    }

    public void Dispose()
    {
        foreach (Patient patient in All)
        {
            patient.Keys.Dispose();
            patient.Vault.Dispose();
        }
        Clinician.Dispose();
        Stranger.Dispose();
    }
}
