using System.Text.Json;
using System.Text.Json.Serialization;
using Ptoy.Protocol.Matching;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Common;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Connector;

/// <summary>Where one slice of a patient's data is: a resource, or a bundle's skeleton.</summary>
/// <param name="Digest">SHA-256 of its exact bytes.</param>
/// <param name="Compartment">Compartment name.</param>
/// <param name="RecordId">Record that holds it, in custody or in the vault.</param>
/// <param name="Manifest">Root of that record's manifest.</param>
public sealed record StoredSlice(string Digest, string Compartment, string RecordId, string Manifest);

/// <summary>How a patient's account came to be bound.</summary>
/// <param name="Account">The patient's account.</param>
/// <param name="SealingKey">Where answers are sealed to.</param>
/// <param name="TagKey">Hexadecimal; from the writer's letter; null before it came.</param>
/// <param name="IsBound">True once the vault holds everything.</param>
/// <param name="Custody">Custody manifests to retire, once it does.</param>
public sealed record Binding(string Account, string SealingKey, string? TagKey, bool IsBound, string[] Custody);

/// <summary>Something that the connector has to remember. One entry of its journal each.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(PatientSeen), "patient")]
[JsonDerivedType(typeof(TokensKept), "tokens")]
[JsonDerivedType(typeof(SlicesStored), "slices")]
[JsonDerivedType(typeof(CodeSent), "code")]
[JsonDerivedType(typeof(BindingChanged), "binding")]
[JsonDerivedType(typeof(MailRead), "mail")]
public abstract record ConnectorEvent;

/// <summary>A patient of the EHR, with what proves them.</summary>
public sealed record PatientSeen(string PatientId, string[] Names, string[] Phones, string? BirthDate) : ConnectorEvent;

/// <summary>Tokens that the authority made of the patient.</summary>
public sealed record TokensKept(string PatientId, MatchTokenText[] Tokens) : ConnectorEvent;

/// <summary>
/// Slices that are stored and registered. With <see cref="Bound"/> they are in the vault and take the place of those in custody: one event,
/// so that no crash leaves one without the other.
/// </summary>
public sealed record SlicesStored(string PatientId, StoredSlice[] Slices, Binding? Bound = null) : ConnectorEvent;

/// <summary>A code's newest state, for one account and patient.</summary>
public sealed record CodeSent(string Account, string PatientId, string SealingKey, OneTimeCode Code, bool ByStaff, int Strays) : ConnectorEvent;

/// <summary>A binding's newest state.</summary>
public sealed record BindingChanged(string PatientId, Binding Binding) : ConnectorEvent;

/// <summary>The inbox is read up to here.</summary>
public sealed record MailRead(string? Cursor) : ConnectorEvent;

/// <summary>A token in the journal.</summary>
public sealed record MatchTokenText(string Rule, string Value);

/// <summary>What the connector knows of one patient.</summary>
public sealed class ConnectorPatient(string id)
{
    /// <summary>The EHR's id.</summary>
    public string Id { get; } = id;

    /// <summary>Newest demographics.</summary>
    public PatientSeen? Seen { get; internal set; }

    /// <summary>True once tokens were made of the newest demographics.</summary>
    public bool HasTokens { get; internal set; }

    /// <summary>Stored slices by digest.</summary>
    public Dictionary<string, StoredSlice> Slices { get; } = [];

    /// <summary>Who it is bound to, or about to be.</summary>
    public Binding? Binding { get; internal set; }
}

/// <summary>
/// The connector's memory: a sealed journal of events, replayed at start. A step is journalled before its outcome is told to anybody.
/// Not safe for concurrent use: the connector does one thing at a time.
/// </summary>
public sealed class ConnectorState : IDisposable
{
    /// <summary>Authenticated with every entry of the file.</summary>
    public const string Purpose = "connector state index";

    private readonly SealedJournal _journal;
    private readonly Dictionary<string, ConnectorPatient> _patients = [];
    private readonly Dictionary<string, CodeSent> _codes = [];

    private ConnectorState(SealedJournal journal, IReadOnlyList<byte[]> entries)
    {
        _journal = journal;
        foreach (byte[] entry in entries)
            Apply(JsonSerializer.Deserialize<ConnectorEvent>(entry, RpcJson.Options) ?? throw new InvalidDataException($"{Purpose}: an entry is empty"));
    }

    /// <summary>Opens or creates the state. Throws <see cref="InvalidDataException"/> when the key does not open it.</summary>
    public static ConnectorState Open(string path, ReadOnlySpan<byte> key)
    {
        SealedJournal journal = SealedJournal.Open(path, key, Purpose, out IReadOnlyList<byte[]> entries);
        return new ConnectorState(journal, entries);
    }

    /// <summary>Every patient by EHR id.</summary>
    public IReadOnlyDictionary<string, ConnectorPatient> Patients => _patients;

    /// <summary>Finds candidates by token.</summary>
    public MatchLogic Index { get; } = new();

    /// <summary>Where the inbox is read up to.</summary>
    public string? MailCursor { get; private set; }

    /// <summary>Codes sent for an account.</summary>
    public IReadOnlyList<CodeSent> CodesFor(string account) => [.. _codes.Values.Where(c => c.Account == account)];

    /// <summary>Writes an event, then lets it take effect.</summary>
    public void Record(ConnectorEvent happened)
    {
        _journal.Append(JsonSerializer.SerializeToUtf8Bytes(happened, RpcJson.Options));
        Apply(happened);
    }

    /// <inheritdoc/>
    public void Dispose() => _journal.Dispose();

    private ConnectorPatient Patient(string id)
    {
        if (!_patients.TryGetValue(id, out ConnectorPatient? patient)) _patients[id] = patient = new ConnectorPatient(id);
        return patient;
    }

    private void Apply(ConnectorEvent happened)
    {
        switch (happened)
        {
            case PatientSeen e:
                Patient(e.PatientId).Seen = e;
                Patient(e.PatientId).HasTokens = false;
                break;
            case TokensKept e:
                Patient(e.PatientId).HasTokens = true;
                Index.Put(e.PatientId, [.. e.Tokens.Select(t => new MatchToken(t.Rule, Ptoy.Protocol.Hash.Parse(t.Value)))]);
                break;
            case SlicesStored e:
                if (e.Bound is not null)
                {
                    Patient(e.PatientId).Slices.Clear();
                    Patient(e.PatientId).Binding = e.Bound;
                }
                foreach (StoredSlice slice in e.Slices) Patient(e.PatientId).Slices[slice.Digest] = slice;
                break;
            case CodeSent e:
                _codes[$"{e.Account}|{e.PatientId}"] = e;
                break;
            case BindingChanged e:
                Patient(e.PatientId).Binding = e.Binding;
                break;
            case MailRead e:
                MailCursor = e.Cursor;
                break;
            default:
                throw new InvalidDataException($"{Purpose}: an entry of a kind that is not known");
        }
    }
}
