using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Ptoy.Services.Matching;

/// <summary>What became of one try of a code.</summary>
public enum CodeOutcome
{
    /// <summary>Right, and now used up.</summary>
    Right,
    /// <summary>Wrong; tries are left.</summary>
    Wrong,
    /// <summary>Five wrong tries: nothing is right any more.</summary>
    Locked,
    /// <summary>Too late.</summary>
    Expired,
    /// <summary>It was used already.</summary>
    Used,
}

/// <summary>
/// A one-time code: <c>HHHH-NNNNNN</c>. The first group only says which code is meant (so that a try made for another hospital's code
/// costs this one nothing); the six digits are the secret. Immutable: a try gives the state to keep, which has to be durable before the
/// outcome is told, or a restart would give tries back.
/// </summary>
/// <param name="Handle">First group.</param>
/// <param name="Secret">Six digits.</param>
/// <param name="ExpiresAt">When it ends.</param>
/// <param name="Tries">Wrong tries so far.</param>
/// <param name="IsUsed">Whether it was right once.</param>
public sealed record OneTimeCode(string Handle, string Secret, DateTimeOffset ExpiresAt, int Tries = 0, bool IsUsed = false)
{
    /// <summary>Wrong tries after which it locks.</summary>
    public const int MaxTries = 5;

    /// <summary>How long a code is good for.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    private const string Alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

    /// <summary>What is sent to the phone.</summary>
    public string Text => $"{Handle}-{Secret}";

    /// <summary>A fresh code.</summary>
    public static OneTimeCode Create(RandomNumberGenerator random, DateTimeOffset now, TimeSpan? lifetime = null)
    {
        Span<byte> bytes = stackalloc byte[12];
        random.GetBytes(bytes);
        var handle = new StringBuilder(4);
        for (int i = 0; i < 4; i++) handle.Append(Alphabet[bytes[i] & 31]);
        // 2^64 / 10^6 leaves a bias below 10^-13.
        ulong number = BitConverter.ToUInt64(bytes[4..]) % 1_000_000;
        return new OneTimeCode(handle.ToString(), number.ToString("D6", CultureInfo.InvariantCulture), now + (lifetime ?? Lifetime));
    }

    /// <summary>The parts of a code as typed: case, spaces and a missing hyphen are forgiven. Null when it is no code.</summary>
    public static (string Handle, string Secret)? Parse(string? typed)
    {
        if (typed is null || typed.Length > 64) return null;
        string kept = new([.. typed.ToUpperInvariant().Where(c => !char.IsWhiteSpace(c) && c != '-')]);
        if (kept.Length != 10 || !kept[..4].All(c => Alphabet.Contains(c)) || !kept[4..].All(char.IsAsciiDigit)) return null;
        return (kept[..4], kept[4..]);
    }

    /// <summary>Tries a secret, and says what to keep. <paramref name="alsoAgrees"/> is a second thing that has to be right in the same try.</summary>
    public (CodeOutcome Outcome, OneTimeCode Next) Try(string secret, DateTimeOffset now, bool alsoAgrees = true)
    {
        if (IsUsed) return (CodeOutcome.Used, this);
        if (Tries >= MaxTries) return (CodeOutcome.Locked, this);
        if (now >= ExpiresAt) return (CodeOutcome.Expired, this);
        bool right = CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(Secret)) & alsoAgrees;
        if (right) return (CodeOutcome.Right, this with { IsUsed = true });
        OneTimeCode next = this with { Tries = Tries + 1 };
        return (next.Tries >= MaxTries ? CodeOutcome.Locked : CodeOutcome.Wrong, next);
    }
}
