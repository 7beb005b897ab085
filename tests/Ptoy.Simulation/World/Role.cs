namespace Ptoy.Simulation;

/// <summary>What a node is: correct, or one of the kinds of faulty ones.</summary>
internal enum Role : byte
{
    /// <summary>Follows the protocol. May crash and restart with its disk.</summary>
    Honest,

    /// <summary>As primary proposes one block to half of the peers and another to the rest, and votes for whichever each was shown.</summary>
    Equivocator,

    /// <summary>Sends everybody two contradictory votes.</summary>
    DoubleVoter,

    /// <summary>Two copies run with one identity, each correct by itself (Twins: Bano et al., 2020).</summary>
    Twin,

    /// <summary>Sends nothing.</summary>
    Silent,

    /// <summary>Sends everything late.</summary>
    Slow,

    /// <summary>Sends again, from time to time, what it and others said long ago.</summary>
    Replayer,

    /// <summary>Shows certificates, new views and blocks that nobody signed, and messages of other epochs.</summary>
    Forger,

    /// <summary>Proposes blocks whose bodies it gives to nobody.</summary>
    Withholder,

    /// <summary>Proposes upon a wrong state, and signs wrong outcomes of execution.</summary>
    WrongRoots,

    /// <summary>Proposes what is never acceptable: out of turn, beyond the watermarks, dated ahead, resting on what is too old.</summary>
    BadProposer,

    /// <summary>Sends far more than its share, all of it well signed and useless.</summary>
    Flooder,

    /// <summary>Correct, until its consensus log is gone; the ledger stays.</summary>
    LosesLog,

    /// <summary>Correct, until its consensus log is replaced by an older one of itself.</summary>
    RollsBack,

    /// <summary>Correct, until a record of its log is damaged.</summary>
    Damaged,

    /// <summary>Correct, until its ledger is gone; the consensus log stays. It comes back, by blocks or a snapshot, and votes again.</summary>
    LosesLedger,
}

internal static class Roles
{
    /// <summary>The kinds that lie on the wire.</summary>
    public static readonly Role[] Byzantine =
    [
        Role.Equivocator, Role.DoubleVoter, Role.Twin, Role.Silent, Role.Slow, Role.Replayer, Role.Forger, Role.Withholder, Role.WrongRoots,
        Role.BadProposer, Role.Flooder,
    ];

    /// <summary>The kinds that are correct but for a disk that forgets.</summary>
    public static readonly Role[] Forgetful = [Role.LosesLog, Role.RollsBack, Role.Damaged, Role.LosesLedger];

    public static bool IsForgetful(this Role role) => role is Role.LosesLog or Role.RollsBack or Role.Damaged or Role.LosesLedger;
}
