using System.Security.Cryptography;
using System.Text.Json;
using Ptoy.Client.Keys;
using Ptoy.EndToEnd.Network;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Load;

/// <summary>
/// Grants by many patients to four hospitals in turn. The contract keeps at most 64 provisions for one actor, so the number
/// of patients bounds how many grants a network takes: 256 each.
/// </summary>
internal sealed class Grants(int patients, Consortium consortium) : IWorkload, IDisposable
{
    private const int PerActor = 64;
    private const int Epochs = 2;

    private readonly Account[] _patients = [.. Enumerable.Range(0, patients).Select(i => Account.New(i % consortium.Hospitals.Count))];
    private readonly string[] _hospitals = [.. consortium.Hospitals.Select(h => h.Address.ToString())];
    private readonly string[] _tags = [.. Enumerable.Range(0, 4).Select(_ => RandomHex())];
    private int _next;

    public string Name => "grants";

    /// <summary>How many grants the patients can still make.</summary>
    public int Left => (_patients.Length * _hospitals.Length * PerActor) - _next;

    public async Task PrepareAsync(LoadSession session)
    {
        (Hash chain, ulong expiry) = await session.ChainAsync().ConfigureAwait(false);
        var certify = new List<Prepared>();
        SigningKey authorityKey = consortium.Authority.Signing;
#pragma warning disable CA2000 // the consortium owns the key
        var authority = new Account(authorityKey, 0, await session.NonceAsync(authorityKey.Address.ToString()).ConfigureAwait(false));
#pragma warning restore CA2000
        foreach (Account patient in _patients)
        {
            certify.Add(authority.Sign(chain, expiry, ContractId.Single("Identity"), "certify", patient.Text,
                new { sealingKey = "2:" + RandomHex(), signingKey = patient.Public.ToString(), roles = new[] { "patient" } }));
        }
        certify.AddRange(await ProvidersAsync(session, chain, expiry).ConfigureAwait(false));
        await session.CompleteAsync(certify).ConfigureAwait(false);
        await session.CompleteAsync([.. _patients.Select(p => p.Sign(
            chain, expiry, Of(p), "create", new { vaultKeys = Enumerable.Range(0, Epochs).Select(_ => _tags.ToDictionary(t => t, _ => "2:" + RandomHex())).ToArray() }))])
            .ConfigureAwait(false);
    }

    public Prepared[] Make(int count, Hash chainId, ulong expiry)
    {
        if (count > Left) throw new LoadOptionException($"{patients} patients can make {Left} more grants, not {count}: more --accounts, or fewer --seconds");
        var made = new Prepared[count];
        for (int i = 0; i < count; i++, _next++)
        {
            Account patient = _patients[_next % _patients.Length];
            string hospital = _hospitals[_next / _patients.Length % _hospitals.Length];
            made[i] = patient.Sign(chainId, expiry, Of(patient), "grant", new
            {
                type = "permit",
                actor = new { organisation = hospital, role = "clinician" },
                actions = new[] { "read" },
                purposes = new[] { "TREAT" },
                tags = new[] { _tags[_next % _tags.Length], _tags[(_next + 1) % _tags.Length] },
            });
        }
        return made;
    }

    public async Task<string?> CheckAsync(LoadSession session)
    {
        for (int i = 0; i < _patients.Length; i++)
        {
            int wanted = (_next / _patients.Length) + (i < _next % _patients.Length ? 1 : 0);
            int found = await session.MetaAsync(Of(_patients[i])).ConfigureAwait(false) - 1;
            if (found != wanted) return $"patient {i} has {found} provisions, not {wanted}";
        }
        return null;
    }

    public void Dispose()
    {
        foreach (Account patient in _patients) patient.Dispose();
    }

    private async Task<List<Prepared>> ProvidersAsync(LoadSession session, Hash chain, ulong expiry)
    {
        var made = new List<Prepared>();
        for (int i = 0; i < _hospitals.Length; i++)
        {
            AccountKeys keys = consortium.Hospitals[i];
#pragma warning disable CA2000 // the consortium owns the key
            var hospital = new Account(keys.Signing, i, await session.NonceAsync(_hospitals[i]).ConfigureAwait(false));
#pragma warning restore CA2000
            made.Add(hospital.Sign(chain, expiry, new ContractId("Provider", keys.Address), "create",
                new { name = $"Hospital {i + 1}", sealingKey = keys.Sealing.Public.ToString() }));
        }
        return made;
    }

    private static ContractId Of(Account patient) => new("Patient", patient.Public.Address);

    private static string RandomHex() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
}
