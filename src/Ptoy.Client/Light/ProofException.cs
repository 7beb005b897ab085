namespace Ptoy.Client.Light;

/// <summary>Which part of a proof does not hold.</summary>
public enum ProofPart
{
    /// <summary>It is about another chain.</summary>
    Chain,
    /// <summary>It is of an epoch whose validators are not known (follow them first), that did not decide that height, or that does not follow from the one before.</summary>
    Epoch,
    /// <summary>Heights disagree, or what is shown is older than was asked for.</summary>
    Height,
    /// <summary>The execution certificate is not signed by a quorum.</summary>
    Certificate,
    /// <summary>Two certificates of one height disagree: more validators are faulty than the chain stands.</summary>
    Contradiction,
    /// <summary>The state proof does not lead to the certified root.</summary>
    State,
    /// <summary>The receipt is not the one asked for, or not under the certified root.</summary>
    Receipt,
    /// <summary>The access-log entry is not in the segment it claims.</summary>
    AccessEntry,
    /// <summary>The request in the access-log entry was not signed by its requester for that node.</summary>
    AccessSignature,
    /// <summary>The segment is not anchored on chain.</summary>
    Anchor,
}

/// <summary>A node's answer does not prove what it says. <see cref="Part"/> and the message name what failed.</summary>
public sealed class ProofException(ProofPart part, string message) : Exception($"proof refused ({part}): {message}")
{
    /// <summary>What failed.</summary>
    public ProofPart Part { get; } = part;
}

/// <summary>A state entry that was proven: its value (JSON text), or null for proven absence.</summary>
public sealed record VerifiedValue(ulong Height, string Path, string? Value);
