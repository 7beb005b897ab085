namespace Ptoy.Consensus;

/// <summary>
/// Faults that the simulator switches on, one at a time, to show that it would find them. Each is one wrong line in a replica that is
/// otherwise as it should be; a real node never sets one.
/// </summary>
internal enum PlantedFault
{
    /// <summary>The protocol as it is.</summary>
    None,
    /// <summary>Quorums of 2f.</summary>
    QuorumTwoF,
    /// <summary>Quorums of 2f+1, which is too few for n = 5, 6, 8, 9…</summary>
    QuorumTwoFPlusOne,
    /// <summary>Quorums of one fewer than needed.</summary>
    QuorumOffByOne,
    /// <summary>What has to be on disk before a message is handed out with the messages after it.</summary>
    VoteBeforePersist,
    /// <summary>A prepare vote is sent without the bodies being synced.</summary>
    BodyNotSynced,
    /// <summary>A prepare vote is sent without the bodies being held.</summary>
    BodyNotAwaited,
    /// <summary>A new view leaves out the highest prepared height.</summary>
    NewViewDropsPrepared,
    /// <summary>A gap in a new view is filled with the null block of another height.</summary>
    GapFilledWrong,
    /// <summary>A re-proposal's hash depends on the view.</summary>
    ViewInDigest,
    /// <summary>Of several prepared blocks a new view takes that of the lowest view.</summary>
    LowerViewChosen,
    /// <summary>A view change does not carry the prepared certificates.</summary>
    ViewChangeForgetsPrepared,
    /// <summary>A new view needs no quorum of view changes.</summary>
    NewViewWithoutQuorum,
    /// <summary>The proposals of a new view are taken as the primary says.</summary>
    NewViewNotChecked,
    /// <summary>One execution vote makes a certificate.</summary>
    CheckpointWithoutQuorum,
    /// <summary>Contradictory votes are no evidence.</summary>
    EvidenceNotMade,
    /// <summary>Votes are counted whatever block they are for.</summary>
    DigestNotCompared,
    /// <summary>Heights above the window are proposed and voted for.</summary>
    WatermarkIgnored,
    /// <summary>Votes of another epoch count.</summary>
    OtherEpochCounted,
    /// <summary>Heights above the end of the epoch are proposed and voted for.</summary>
    ProposalAboveBarrier,
    /// <summary>A restarted replica does not know its votes.</summary>
    VoteForgottenAtRestart,
    /// <summary>A replica whose log is gone votes on with the same key.</summary>
    RejoinAfterWipe,
    /// <summary>A restarted replica does not know which view it asked for.</summary>
    ViewForgottenAtRestart,
    /// <summary>View timeouts neither double nor grow, and are short.</summary>
    TimeoutCappedLow,
    /// <summary>A replica that asked for a higher view still votes in the lower one.</summary>
    LowerViewVote,
    /// <summary>A commit vote rests on the own prepare vote alone.</summary>
    CommitWithoutPrepared,
    /// <summary>A replica signs the outcome that a peer reports before it has executed.</summary>
    ExecutionVoteEchoed,
    /// <summary>The state that a header names is not compared with the own.</summary>
    HeaderStateNotChecked,
    /// <summary>Whoever sends a proposal is taken for the primary.</summary>
    PrimaryNotChecked,
    /// <summary>A block's date is not compared with the clock.</summary>
    TimeNotChecked,
}
