using Ptoy.Protocol;

namespace Ptoy.Services.Facade;

/// <summary>For whom and why something is asked.</summary>
/// <param name="Actors">The accounts acted for, the one that the log names first.</param>
/// <param name="Purpose">HL7 v3 purpose of use.</param>
internal sealed record Asker(IReadOnlyList<Address> Actors, string Purpose)
{
    /// <summary>The same asker has the same key: what permissions are remembered under.</summary>
    public string Key { get; } = string.Join('+', Actors) + "/" + Purpose;
}

/// <summary>What was decided about an access; the log has it.</summary>
/// <param name="Permitted">Records that may be given out.</param>
/// <param name="Reason">Why others may not; null when all may.</param>
internal sealed record GateAnswer(IReadOnlySet<string> Permitted, string? Reason);

/// <summary>What would be permitted.</summary>
/// <param name="Any">Whether anything at all is granted to the organisation and all actors.</param>
/// <param name="Records">Of the records asked about, those permitted.</param>
/// <param name="Tags">Of the tags asked about, those permitted.</param>
internal sealed record GatePermits(bool Any, IReadOnlySet<string> Records, IReadOnlySet<string> Tags);

/// <summary>The gatekeeper, as the façade asks it. Throws <see cref="Http.FhirException"/> (503) while the node is away.</summary>
internal interface IAccessGate
{
    /// <summary>Decides and writes the patient's log; durable when it returns. Nothing permitted and nothing to log about is an answer,
    /// not an error.</summary>
    Task<GateAnswer> AccessAsync(Asker asker, Address patient, bool isSearch, IReadOnlyCollection<string> records,
        CancellationToken cancellation);

    /// <summary>What would be decided; not an access.</summary>
    Task<GatePermits> PermitsAsync(Asker asker, Address patient, IReadOnlyCollection<string> records, string action,
        IReadOnlyCollection<string> tags, CancellationToken cancellation);

    /// <summary>Whether the account is an active employee of the organisation.</summary>
    Task<bool> IsEmployeeAsync(Address account, CancellationToken cancellation);
}

/// <summary>The bytes of resources, as they were sealed.</summary>
internal interface IResourceBytes
{
    /// <summary>Null when they are gone.</summary>
    byte[]? Read(Address patient, string recordId);
}

/// <summary>Writes a new resource into a patient's vault.</summary>
internal interface IVaultWriter
{
    /// <summary>The tag of a compartment of the patient, or null when the patient has not told it (no permission to write).</summary>
    Task<string?> TagAsync(Address patient, string compartment, CancellationToken cancellation);

    /// <summary>Seals and registers; returns the record's id. Throws when the patient's contract refuses.</summary>
    Task<string> WriteAsync(Address patient, string tag, ReadOnlyMemory<byte> bytes, CancellationToken cancellation);
}
