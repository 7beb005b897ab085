using Ptoy.Services.Matching;

namespace Ptoy.Services.Connector;

/// <summary>How a patient's account came to be bound.</summary>
/// <param name="Account">The patient's account.</param>
/// <param name="SealingKey">Where answers are sealed to.</param>
/// <param name="TagKey">Hexadecimal; from the writer's letter; null before it came.</param>
/// <param name="IsBound">True once the vault holds everything that was in custody.</param>
public sealed record Binding(string Account, string SealingKey, string? TagKey, bool IsBound);

/// <summary>Something that the connector has to remember of patients, codes and mail. Each is one synced write.</summary>
public abstract record ConnectorEvent;

/// <summary>A patient of the EHR, with what proves them.</summary>
public sealed record PatientSeen(string PatientId, string[] Names, string[] Phones, string? BirthDate) : ConnectorEvent
{
    /// <summary>True when nothing differs.</summary>
    public bool Agrees(PatientSeen? other) => other is not null && other.BirthDate == BirthDate
        && other.Names.SequenceEqual(Names) && other.Phones.SequenceEqual(Phones);
}

/// <summary>Tokens that the authority made of the patient.</summary>
public sealed record TokensKept(string PatientId, MatchTokenText[] Tokens) : ConnectorEvent;

/// <summary>A code's newest state, for one account and patient.</summary>
public sealed record CodeSent(string Account, string PatientId, string SealingKey, OneTimeCode Code, bool ByStaff, int Strays) : ConnectorEvent;

/// <summary>A binding's newest state.</summary>
public sealed record BindingChanged(string PatientId, Binding Binding) : ConnectorEvent;

/// <summary>The source merged this patient into another one (null: it took that back).</summary>
public sealed record MergeChanged(string PatientId, string? Into) : ConnectorEvent;

/// <summary>The inbox is read up to here.</summary>
public sealed record MailRead(string? Cursor) : ConnectorEvent;

/// <summary>A token as it is remembered.</summary>
public sealed record MatchTokenText(string Rule, string Value);

/// <summary>What the connector knows of one patient. The resources are apart: see <see cref="IntakeStore"/>.</summary>
public sealed class ConnectorPatient
{
    internal ConnectorPatient(string id, uint number) => (Id, Number) = (id, number);

    /// <summary>Name of the source and the source's id: <c>source|id</c>.</summary>
    public string Id { get; }

    /// <summary>Stands for the id where no personal data may be.</summary>
    public uint Number { get; }

    /// <summary>Newest demographics.</summary>
    public PatientSeen? Seen { get; internal set; }

    /// <summary>Tokens of the newest demographics; null before they were made.</summary>
    public IReadOnlyList<MatchTokenText>? Tokens { get; internal set; }

    /// <summary>True once tokens were made of the newest demographics.</summary>
    public bool HasTokens => Tokens is not null;

    /// <summary>Who it is bound to, or about to be.</summary>
    public Binding? Binding { get; internal set; }

    /// <summary>Id of the patient that the source merged this one into.</summary>
    public string? MergedInto { get; internal set; }

    /// <summary>Name of the source.</summary>
    public string Source => Id[..Id.IndexOf('|', StringComparison.Ordinal)];

    /// <summary>The source's own id.</summary>
    public string SourceId => Id[(Id.IndexOf('|', StringComparison.Ordinal) + 1)..];

    /// <summary>The connector's id of a source's patient.</summary>
    public static string IdOf(string source, string patientId) => $"{source}|{patientId}";
}
