using System.Security.Cryptography;
using Ptoy.Protocol;
using Ptoy.Services.Common;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Authority;

/// <summary>One sign-up, or change of an account, under way.</summary>
internal sealed record OpenSignUp(string Id, string FullName, string Phone, string? BirthDate, OneTimeCode Code, Address? Account = null);

/// <summary>
/// The sign-ups under way, in memory only: after a restart people begin again, which also means that no try is given back.
/// </summary>
internal sealed class SignUpBook(TimeProvider time, RandomNumberGenerator random, int maxOpen)
{
    private readonly Dictionary<string, OpenSignUp> _open = [];
    private readonly Lock _lock = new();

    public OpenSignUp Begin(string fullName, string phone, string? birthDate, Address? account = null)
    {
        lock (_lock)
        {
            DateTimeOffset now = time.GetUtcNow();
            if (_open.Count >= maxOpen)
            {
                foreach (OpenSignUp old in _open.Values.Where(s => now >= s.Code.ExpiresAt).ToArray()) _open.Remove(old.Id);
                if (_open.Count >= maxOpen) throw new RateLimitException("sign-ups under way");
            }
            var id = new byte[16];
            random.GetBytes(id);
            var signUp = new OpenSignUp(Convert.ToHexStringLower(id), fullName, phone, birthDate, OneTimeCode.Create(random, now), account);
            _open[signUp.Id] = signUp;
            return signUp;
        }
    }

    /// <summary>The account that a change is of; null for none, or for a sign-up.</summary>
    public Address? AccountOf(string id)
    {
        lock (_lock) return _open.GetValueOrDefault(id)?.Account;
    }

    /// <summary>Tries a code. An unknown sign-up is told apart from a wrong code by nothing.</summary>
    public (CodeOutcome Outcome, OpenSignUp? SignUp) Try(string id, string code)
    {
        lock (_lock)
        {
            if (!_open.TryGetValue(id, out OpenSignUp? signUp)) return (CodeOutcome.Wrong, null);
            (string handle, string secret) = OneTimeCode.Parse(code) ?? ("", "");
            (CodeOutcome outcome, OneTimeCode next) = signUp.Code.Try(secret, time.GetUtcNow(), handle == signUp.Code.Handle);
            _open[id] = signUp with { Code = next };
            return (outcome, outcome == CodeOutcome.Right ? signUp : null);
        }
    }

    /// <summary>Gives a used code one more use: what came after it failed for no fault of the person's.</summary>
    public void Reopen(OpenSignUp signUp)
    {
        lock (_lock) _open[signUp.Id] = signUp;
    }
}
