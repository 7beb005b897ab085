using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>What the rules say to a vote.</summary>
internal enum Verdict
{
    /// <summary>Never voted on this: may be signed, after it is logged.</summary>
    Sign,
    /// <summary>The same vote was signed before: may be sent again.</summary>
    Repeat,
    /// <summary>It would contradict what was signed, or is outside of what may be signed at all.</summary>
    Refuse,
}

/// <summary>
/// What may be signed, given what was signed. Everything else in a replica may be wrong without breaking agreement as long as
/// these rules hold and outlive a restart: one block per (phase, view, height), between the stable checkpoint and the end of the
/// epoch; no vote in a view below one that was asked for or entered; a commit only upon a prepared certificate; one view change and
/// one new view per view; one outcome of execution per height.
/// </summary>
internal sealed class SafetyRules(int quorum, PlantedFault fault = PlantedFault.None)
{
    private readonly Dictionary<(ulong Height, ulong View), Hash> _prepares = [];
    private readonly Dictionary<(ulong Height, ulong View), Hash> _commits = [];
    private readonly Dictionary<ulong, ExecutionStatement> _executions = [];
    private ulong _floor;
    private ulong _asked;
    private ulong _opened;
    private ulong _low;
    private ulong _last = ulong.MaxValue;

    /// <summary>Lowest view in which a vote may be signed.</summary>
    public ulong Floor => _floor;

    /// <summary>May this prepare be signed? Remembers it when the answer is yes.</summary>
    public Verdict Prepare(ulong view, ulong height, Hash block) => Vote(_prepares, view, height, block);

    /// <summary>
    /// May a commit be signed upon this prepared certificate, whose signatures are right? Remembers it when the answer is yes.
    /// </summary>
    public Verdict Commit(PreparedCertificate prepared)
    {
        if (prepared.Signatures.Length < quorum && fault != PlantedFault.CommitWithoutPrepared) return Verdict.Refuse;
        return Vote(_commits, prepared.Statement.View, prepared.Statement.Height, prepared.Statement.BlockHash);
    }

    /// <summary>May this outcome be signed?</summary>
    public Verdict Execution(ExecutionStatement statement)
    {
        if (_executions.TryGetValue(statement.Height, out ExecutionStatement? signed))
            return signed == statement ? Verdict.Repeat : Verdict.Refuse;
        _executions[statement.Height] = statement;
        return Verdict.Sign;
    }

    /// <summary>May this view be asked for? From then on nothing below it is signed.</summary>
    public bool AskFor(ulong view)
    {
        if (view <= _asked || view <= _floor) return false;
        _asked = view;
        _floor = view;
        return true;
    }

    /// <summary>May this view be opened, as its primary? Once, and only after asking for it.</summary>
    public bool Open(ulong view)
    {
        if (view <= _opened || view != _asked) return false;
        _opened = view;
        return true;
    }

    /// <summary>A view is entered: nothing below it is signed any more, and it is not asked for or opened again.</summary>
    public void Enter(ulong view)
    {
        _floor = Math.Max(_floor, view);
        _opened = Math.Max(_opened, view);
    }

    /// <summary>The epoch ends at this height: nothing above it is signed.</summary>
    public void EndAt(ulong height) => _last = height;

    /// <summary>True when this very vote is remembered.</summary>
    public bool Knows(bool commit, ulong view, ulong height, Hash block) =>
        (commit ? _commits : _prepares).TryGetValue((height, view), out Hash signed) && signed == block;

    /// <summary>Takes over a vote from the log.</summary>
    public void Recover(bool commit, ulong view, ulong height, Hash block) => (commit ? _commits : _prepares)[(height, view)] = block;

    /// <summary>Takes over an asked-for view from the log.</summary>
    public void RecoverAsked(ulong view)
    {
        _asked = Math.Max(_asked, view);
        _floor = Math.Max(_floor, view);
    }

    /// <summary>Heights up to this one are behind the stable checkpoint: no vote on them is ever signed again.</summary>
    public void Forget(ulong height)
    {
        _low = Math.Max(_low, height);
        foreach ((ulong Height, ulong View) key in _prepares.Keys) { if (key.Height <= height) _prepares.Remove(key); }
        foreach ((ulong Height, ulong View) key in _commits.Keys) { if (key.Height <= height) _commits.Remove(key); }
        foreach (ulong key in _executions.Keys) { if (key <= height) _executions.Remove(key); }
    }

    private Verdict Vote(Dictionary<(ulong Height, ulong View), Hash> votes, ulong view, ulong height, Hash block)
    {
        if (votes.TryGetValue((height, view), out Hash signed)) return signed == block ? Verdict.Repeat : Verdict.Refuse;
        if (height <= _low || (height > _last && fault != PlantedFault.ProposalAboveBarrier)) return Verdict.Refuse;
        if (view < _floor && fault != PlantedFault.LowerViewVote) return Verdict.Refuse;
        votes[(height, view)] = block;
        return Verdict.Sign;
    }
}
