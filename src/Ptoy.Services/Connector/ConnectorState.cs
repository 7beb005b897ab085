using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Matching;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Common;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Connector;

/// <summary>
/// The connector's memory of patients, codes and mail, in a sealed store. Patients are held in memory, one row each on disk; resources are not.
/// A step is remembered before its outcome is told to anybody. Safe for concurrent use.
/// </summary>
public sealed class ConnectorState : IDisposable
{
    private const string MailKey = "mail";

    private readonly SealedStore _store;
    private readonly bool _owned;
    private readonly SealedTable _patientRows;
    private readonly SealedTable _codeRows;
    private readonly SealedTable _places;
    private readonly ConcurrentDictionary<string, ConnectorPatient> _patients = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<uint, ConnectorPatient> _byNumber = [];
    private readonly ConcurrentDictionary<string, CodeSent> _codes = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private uint _lastNumber;

    private ConnectorState(SealedStore store, bool owned)
    {
        (_store, _owned) = (store, owned);
        (_patientRows, _codeRows, _places) = (store.Table("patients"), store.Table("codes"), store.Table("places"));
        foreach ((string id, byte[] value) in _patientRows.Scan()) Load(id, Read<PatientRow>(value));
        foreach ((string key, byte[] value) in _codeRows.Scan()) _codes[key] = Read<CodeSent>(value);
        MailCursor = _places.Get(MailKey) is { } place ? Read<MailRead>(place).Cursor : null;
        Reviews = new ReviewQueue(store);
        Resources = new IntakeStore(store);
        Identifiers = new IdentifierIndex(store, ByNumber);
    }

    /// <summary>Opens or creates a state in a folder of its own. Throws <see cref="InvalidDataException"/> when the key does not open it.</summary>
    public static ConnectorState Open(string folder, ReadOnlySpan<byte> key)
    {
        SealedStore store = SealedStore.Open(folder, key);
        try { return new ConnectorState(store, owned: true); }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>The sealed store that it is kept in; other parts of the connector have tables of their own there.</summary>
    public SealedStore Store => _store;

    /// <summary>Every patient by <see cref="ConnectorPatient.Id"/>.</summary>
    public IReadOnlyDictionary<string, ConnectorPatient> Patients => _patients;

    /// <summary>The resources of all patients.</summary>
    public IntakeStore Resources { get; }

    /// <summary>Finds patients by identifier.</summary>
    public IdentifierIndex Identifiers { get; }

    /// <summary>What the hospital's staff have to look at.</summary>
    public ReviewQueue Reviews { get; }

    /// <summary>Finds candidates by token.</summary>
    public MatchLogic Index { get; } = new();

    /// <summary>Where the inbox is read up to.</summary>
    public string? MailCursor { get; private set; }

    /// <summary>Codes sent for an account.</summary>
    public IReadOnlyList<CodeSent> CodesFor(string account) => [.. _codes.Values.Where(c => c.Account == account)];

    /// <summary>The patient with a number. Throws <see cref="InvalidDataException"/> when there is none.</summary>
    public ConnectorPatient ByNumber(uint number) =>
        _byNumber.TryGetValue(number, out ConnectorPatient? patient) ? patient : throw new InvalidDataException("connector state: a resource of a patient who is not known");

    /// <summary>A patient by id, made known when it is new.</summary>
    public ConnectorPatient Ensure(string id)
    {
        lock (_lock)
        {
            if (_patients.TryGetValue(id, out ConnectorPatient? known)) return known;
            var patient = new ConnectorPatient(id, _lastNumber + 1);
            Save(patient);
            Keep(patient);
            return patient;
        }
    }

    /// <summary>The patient that this one is now, after all merges.</summary>
    public ConnectorPatient Survivor(ConnectorPatient patient)
    {
        // Merges that would make a circle are never recorded, so this ends.
        while (patient.MergedInto is { } into && _patients.TryGetValue(into, out ConnectorPatient? next)) patient = next;
        return patient;
    }

    /// <summary>The patients that are one: the survivor and everybody merged into it.</summary>
    public IReadOnlyList<ConnectorPatient> Family(ConnectorPatient survivor) =>
        [survivor, .. _patients.Values.Where(p => p.MergedInto is not null && Survivor(p) == survivor)];

    /// <summary>The patients that an account is bound to, of every source.</summary>
    public IReadOnlyList<ConnectorPatient> BoundTo(string account) => [.. _patients.Values.Where(p => p.Binding?.Account == account)];

    /// <summary>Writes an event, synced, then lets it take effect.</summary>
    public void Record(ConnectorEvent happened)
    {
        lock (_lock)
        {
            switch (happened)
            {
                case PatientSeen e: Change(e.PatientId, p => (p.Seen, p.Tokens) = (e, null)); break;
                case TokensKept e: Change(e.PatientId, p => p.Tokens = e.Tokens); break;
                case BindingChanged e: Change(e.PatientId, p => p.Binding = e.Binding); break;
                case MergeChanged e: Change(e.PatientId, p => p.MergedInto = e.Into); break;
                case CodeSent e:
                    _store.Write(b => b.Put(_codeRows, KeyOf(e), Bytes(e)));
                    _codes[KeyOf(e)] = e;
                    break;
                case MailRead e:
                    _store.Write(b => b.Put(_places, MailKey, Bytes(e)));
                    MailCursor = e.Cursor;
                    break;
                default: throw new ArgumentException("an event of a kind that is not known", nameof(happened));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_owned) _store.Dispose();
    }

    internal static byte[] Bytes<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, RpcJson.Options);

    internal static T Read<T>(byte[] value) =>
        JsonSerializer.Deserialize<T>(value, RpcJson.Options) ?? throw new InvalidDataException("connector state: a row is empty");

    private static string KeyOf(CodeSent code) => $"{code.Account}|{code.PatientId}";

    private void Change(string id, Action<ConnectorPatient> change)
    {
        ConnectorPatient patient = Ensure(id);
        (PatientSeen?, IReadOnlyList<MatchTokenText>?, Binding?, string?) before = (patient.Seen, patient.Tokens, patient.Binding, patient.MergedInto);
        change(patient);
        try { Save(patient); }
        catch
        {
            (patient.Seen, patient.Tokens, patient.Binding, patient.MergedInto) = before;
            throw;
        }
        Reindex(patient);
    }

    private void Save(ConnectorPatient p)
    {
        var row = new PatientRow(p.Number, p.Seen?.Names, p.Seen?.Phones, p.Seen?.BirthDate, p.Tokens?.ToArray(), p.Binding, p.MergedInto);
        _store.Write(b => b.Put(_patientRows, p.Id, Bytes(row)));
    }

    private void Load(string id, PatientRow row)
    {
        var patient = new ConnectorPatient(id, row.Number)
        {
            Seen = row.Names is null ? null : new PatientSeen(id, row.Names, row.Phones ?? [], row.BirthDate),
            Tokens = row.Tokens, Binding = row.Binding, MergedInto = row.MergedInto,
        };
        Keep(patient);
        Reindex(patient);
    }

    private void Keep(ConnectorPatient patient)
    {
        _patients[patient.Id] = patient;
        if (!_byNumber.TryAdd(patient.Number, patient))
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"connector state: two patients have number {patient.Number}"));
        _lastNumber = Math.Max(_lastNumber, patient.Number);
    }

    /// <summary>Who was merged away is found by the survivor's tokens only: the source says that those are right.</summary>
    private void Reindex(ConnectorPatient patient)
    {
        if (patient is { MergedInto: null, Tokens: { } tokens }) Index.Put(patient.Id, [.. tokens.Select(t => new MatchToken(t.Rule, Hash.Parse(t.Value)))]);
        else if (patient.MergedInto is not null) Index.Remove(patient.Id);
    }

    private sealed record PatientRow(
        uint Number, string[]? Names, string[]? Phones, string? BirthDate, MatchTokenText[]? Tokens, Binding? Binding, string? MergedInto);
}
