using System.Security.Cryptography;
using Ptoy.Client.Keys;
using Ptoy.Load.Network;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Load.Workloads;

/// <summary>Patients with a contract on chain, and the hospitals with theirs; made once, shared by the workloads of a network.</summary>
internal sealed class PatientPool(int patients, NodeClient client) : IDisposable
{
    private const int Epochs = 2;

    private readonly SemaphoreSlim _once = new(1, 1);
    private bool _ready;

    public Account[] Patients { get; } = [.. Enumerable.Range(0, patients).Select(i => Account.New(i % client.Cluster.Nodes.Count))];

    /// <summary>Four compartments' tags, the same for all patients.</summary>
    public string[] Tags { get; } = [.. Enumerable.Range(0, 4).Select(_ => RandomHex())];

    public string[] Hospitals { get; } = [.. client.Cluster.Consortium.Hospitals.Select(h => h.Address.ToString())];

    public static ContractId ContractOf(Account patient) => new("Patient", patient.Public.Address);

    /// <summary>A permission for a hospital's clinicians to read two of the compartments.</summary>
    public object Permit(string hospital, int number) => new
    {
        type = "permit",
        actor = new { organisation = hospital, role = "clinician" },
        actions = new[] { "read" },
        purposes = new[] { "TREAT" },
        tags = new[] { Tags[number % Tags.Length], Tags[(number + 1) % Tags.Length] },
    };

    public async Task PrepareAsync()
    {
        await _once.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_ready) return;
            await CreateAsync().ConfigureAwait(false);
            _ready = true;
        }
        finally
        {
            _once.Release();
        }
    }

    public void Dispose()
    {
        foreach (Account patient in Patients) patient.Dispose();
        _once.Dispose();
    }

    private static string RandomHex() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    private async Task CreateAsync()
    {
        (Hash chain, ulong expiry) = await client.ChainAsync().ConfigureAwait(false);
        var made = new List<Prepared>();
        Account authority = await OfAsync(client.Cluster.Consortium.Authority.Signing, 0).ConfigureAwait(false);
        foreach (Account patient in Patients)
        {
            made.Add(authority.Sign(chain, expiry, ContractId.Single("Identity"), "certify", patient.Text,
                new { sealingKey = "2:" + RandomHex(), signingKey = patient.Public.ToString(), roles = new[] { "patient" } }));
        }
        for (int i = 0; i < Hospitals.Length; i++)
        {
            AccountKeys keys = client.Cluster.Consortium.Hospitals[i];
            Account hospital = await OfAsync(keys.Signing, i).ConfigureAwait(false);
            made.Add(hospital.Sign(chain, expiry, new ContractId("Provider", keys.Address), "create",
                new { name = $"Hospital {i + 1}", sealingKey = keys.Sealing.Public.ToString() }));
        }
        await client.CompleteAsync(made).ConfigureAwait(false);
        await client.CompleteAsync([.. Patients.Select(p => p.Sign(
            chain, expiry, ContractOf(p), "create",
            new { vaultKeys = Enumerable.Range(0, Epochs).Select(_ => Tags.ToDictionary(t => t, _ => "2:" + RandomHex())).ToArray() }))]).ConfigureAwait(false);
    }

    // The consortium owns the key: it is not disposed of with the account.
    private async Task<Account> OfAsync(SigningKey key, int node) => new(key, node, await client.NonceAsync(key.Address.ToString()).ConfigureAwait(false));
}
