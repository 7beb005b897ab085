using Microsoft.Extensions.Logging;

namespace Ptoy.Node.Transport;

/// <summary>Connection attempts that were turned away, by what they had cost until then. Since this node started.</summary>
/// <param name="NoMember">Not the protocol, another chain, or a key that is no member's: no cryptography at all.</param>
/// <param name="Challenged">Hellos over UDP answered with a cookie: one MAC, nothing remembered. An honest dialler comes back with it.</param>
/// <param name="TooMany">More at one time, or in a second, than one source address, one member or all together may begin.</param>
/// <param name="Unproven">In a member's name, but without its signature, or given up: one signature check over UDP, a TLS handshake over TCP.</param>
/// <param name="ProofsChecked">Signature checks over UDP and TLS handshakes over TCP that were begun, also for those that got in.</param>
public sealed record RefusalSnapshot(long NoMember, long Challenged, long TooMany, long Unproven, long ProofsChecked)
{
    /// <summary>Without the challenged, which are no refusals yet.</summary>
    public long Total => NoMember + TooMany + Unproven;
}

/// <summary>Why an attempt is turned away.</summary>
internal enum Refusal
{
    NoMember,
    TooMany,
    Unproven,
}

/// <summary>The live counters of one carrier. Thread-safe.</summary>
internal sealed class RefusalCounters(Carrier carrier, TransportHandlers handlers, ILogger logger)
{
    private readonly long[] _refused = new long[Enum.GetValues<Refusal>().Length];
    private long _challenged, _proofs;

    public RefusalSnapshot Snapshot() => new(
        Interlocked.Read(ref _refused[(int)Refusal.NoMember]), Interlocked.Read(ref _challenged), Interlocked.Read(ref _refused[(int)Refusal.TooMany]),
        Interlocked.Read(ref _refused[(int)Refusal.Unproven]), Interlocked.Read(ref _proofs));

    public void Refuse(Refusal why)
    {
        Interlocked.Increment(ref _refused[(int)why]);
        try { handlers.OnRefused(carrier); }
        catch (Exception e) { logger.LogError(e, "the handler of refusals failed"); }
    }

    public void Challenge() => Interlocked.Increment(ref _challenged);

    public void CheckProof() => Interlocked.Increment(ref _proofs);
}
