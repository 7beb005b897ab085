using Ptoy.Client.Keys;
using Ptoy.Client.Sealing;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Workflows;

/// <summary>What an employee of an organisation does: reads patients' records on its behalf, through any node.</summary>
/// <param name="keys">The employee's own account.</param>
/// <param name="organisation">The employer.</param>
public sealed class ClinicianSession(AccountKeys keys, Address organisation) : IDisposable
{
    private const string TeamPurpose = "HOPERAT";
    private readonly KeyRing _ring = new(new SealingKey(keys.Sealing.Export()));
    private readonly Dictionary<Address, Dictionary<string, string>> _names = [];

    /// <summary>Ids of the keys at hand, to see what could be opened.</summary>
    public IReadOnlyCollection<Hash> KeyIds => _ring.KeyIds;

    /// <summary>Loads the team keys that the organisation has sealed to this employee. Returns how many keys there are.</summary>
    public async Task<int> LoadTeamKeysAsync(NodeConnection node, CancellationToken cancellation = default)
    {
        var reader = new RecordReader(node, organisation, TeamPurpose, _ring, organisation);
        int loaded = 0;
        foreach (byte[] content in await LettersAsync(reader, cancellation))
        {
            TeamLetter letter = TeamLetter.Parse(content);
            if (letter.Organisation != organisation) continue;
            foreach (TeamPrivateKey key in letter.Keys)
            {
                _ring.Add(new SealingKey(key.PrivateKey));
                loaded++;
            }
        }
        return loaded;
    }

    /// <summary>
    /// A reader of a patient's records for a purpose, with the keys of the letters that the patient has sealed to the team. Throws
    /// <see cref="RpcException"/> when the patient's contract denies it.
    /// </summary>
    public async Task<RecordReader> ReaderAsync(NodeConnection node, Address patient, string purpose = "TREAT", CancellationToken cancellation = default)
    {
        var reader = new RecordReader(node, patient, purpose, _ring, organisation);
        foreach (byte[] content in await LettersAsync(reader, cancellation))
        {
            GrantLetter letter = GrantLetter.Parse(content);
            _names[patient] = letter.Compartments.Concat(Known(patient)).DistinctBy(c => c.Tag).ToDictionary(c => c.Tag.ToString(), c => c.Name);
            foreach (LetterVaultKey key in letter.VaultKeys) _ring.Add(new SealingKey(key.PrivateKey));
        }
        return reader;
    }

    /// <summary>The compartment's name of a patient's tag, as the patient's letters told; null when none did.</summary>
    public string? CompartmentOf(Address patient, string tag) => _names.GetValueOrDefault(patient)?.GetValueOrDefault(tag);

    /// <summary>True when one of the keys at hand opens a wrap of these bytes, whoever handed them over.</summary>
    public bool Opens(Address owner, RecordBytesDto record)
    {
        var entry = Codec.Decode<ManifestEntry>(record.Entry, 1024);
        return record.Wraps.Any(w => _ring.Unwrap(owner, entry, Codec.Decode<RecordWrap>(w, RecordWrap.MaxBytes)) is not null);
    }

    /// <inheritdoc/>
    public void Dispose() => _ring.Dispose();

    private IEnumerable<LetterCompartment> Known(Address patient) =>
        _names.GetValueOrDefault(patient, []).Select(n => new LetterCompartment(n.Value, Hash.Parse(n.Key)));

    /// <summary>The letters that the keys at hand open. Those for other readers are passed over.</summary>
    private static async Task<IReadOnlyList<byte[]>> LettersAsync(RecordReader reader, CancellationToken cancellation)
    {
        var letters = new List<byte[]>();
        foreach (RecordInfo record in await reader.ListAsync([Compartments.LetterTag], null, cancellation))
        {
            try { letters.Add(await reader.OpenAsync(record, cancellation)); }
            catch (SealException e) when (e.Fault == SealFault.NoKey) { continue; }
        }
        return letters;
    }
}
