namespace Ptoy.Services.Authority;

/// <summary>Why the authority refused.</summary>
public enum AuthorityRefusal
{
    /// <summary>Sign-up or code are not right (which of them is not said), or too late, or used.</summary>
    Code,
    /// <summary>The signature that proves the key is wrong.</summary>
    Proof,
    /// <summary>This person has a live key already. Said only after the code was right.</summary>
    SecondKey,
    /// <summary>Not certified, or not entitled.</summary>
    NotEntitled,
    /// <summary>The code could not be sent, or the chain did not certify: try again.</summary>
    Unavailable,
}

/// <summary>A refusal, with a message for the person; it holds no personal data.</summary>
public sealed class AuthorityException(AuthorityRefusal refusal, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Why.</summary>
    public AuthorityRefusal Refusal { get; } = refusal;
}
