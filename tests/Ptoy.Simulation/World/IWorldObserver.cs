using Ptoy.Consensus;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Simulation;

/// <summary>
/// Sees everything that happens in a world, in order, and changes nothing: traces, transcripts and measurements are made of it. A node is
/// named by its slot; slots from the number of identities on are second copies of one identity (twins).
/// </summary>
internal interface IWorldObserver
{
    /// <summary>A node starts, or starts again, with this replica, at <paramref name="time"/> units.</summary>
    void Started(long time, SimNode node);

    /// <summary>Power cut.</summary>
    void Crashed(long time, SimNode node);

    /// <summary>Written and synced; what it says to send is sent next.</summary>
    void Written(long time, SimNode node, Ready ready);

    /// <summary>Put on the wire, to one identity; before loss, delay and duplication.</summary>
    void Sent(long time, SimNode node, int to, ConsensusEnvelope envelope);

    /// <summary>Came in and is about to be stepped.</summary>
    void Received(long time, SimNode node, ConsensusEnvelope envelope);

    /// <summary>Stepped: the state of <see cref="SimNode.Replica"/> is the one after the step.</summary>
    void Stepped(long time, SimNode node, ReplicaInput? input);

    /// <summary>Decided here.</summary>
    void Decided(long time, SimNode node, DecidedBlock decided);

    /// <summary>Executed here.</summary>
    void Executed(long time, SimNode node, ExecutionStatement statement);

    /// <summary>An execution certificate is known here.</summary>
    void Certified(long time, SimNode node, ExecutionCertificate certificate);

    /// <summary>The node goes on in another epoch.</summary>
    void EpochStarted(long time, SimNode node, ulong epoch);

    /// <summary>A remark of the node or of the world (then without node), for people.</summary>
    void Said(long time, SimNode? node, string text);
}

/// <summary>Sees and does nothing; override what is of interest.</summary>
internal abstract class WorldObserver : IWorldObserver
{
    public virtual void Started(long time, SimNode node) { }
    public virtual void Crashed(long time, SimNode node) { }
    public virtual void Written(long time, SimNode node, Ready ready) { }
    public virtual void Sent(long time, SimNode node, int to, ConsensusEnvelope envelope) { }
    public virtual void Received(long time, SimNode node, ConsensusEnvelope envelope) { }
    public virtual void Stepped(long time, SimNode node, ReplicaInput? input) { }
    public virtual void Decided(long time, SimNode node, DecidedBlock decided) { }
    public virtual void Executed(long time, SimNode node, ExecutionStatement statement) { }
    public virtual void Certified(long time, SimNode node, ExecutionCertificate certificate) { }
    public virtual void EpochStarted(long time, SimNode node, ulong epoch) { }
    public virtual void Said(long time, SimNode? node, string text) { }
}

/// <summary>The trace of one seed, one line for each thing of note.</summary>
internal sealed class TextTrace(TextWriter output) : WorldObserver
{
    public override void Started(long time, SimNode node) => output.WriteLine($"{time,7} {node.Name} starts");
    public override void Crashed(long time, SimNode node) => output.WriteLine($"{time,7} {node.Name} crashes");
    public override void Decided(long time, SimNode node, DecidedBlock decided) =>
        output.WriteLine($"{time,7} {node.Name} decided {decided.Block.Header.Height} {decided.BlockHash.Short}");
    public override void Executed(long time, SimNode node, ExecutionStatement statement) =>
        output.WriteLine($"{time,7} {node.Name} executed {statement.Height} {statement.ChainHash.Short}");
    public override void EpochStarted(long time, SimNode node, ulong epoch) => output.WriteLine($"{time,7} {node.Name} goes on in epoch {epoch}");
    public override void Said(long time, SimNode? node, string text) => output.WriteLine($"{time,7} {(node is null ? "" : $"{node.Name}: ")}{text}");
    public override void Received(long time, SimNode node, ConsensusEnvelope envelope) =>
        output.WriteLine($"{time,7} {node.Name} got {envelope.Message?.GetType().Name ?? "votes"} of {envelope.Sender}, {envelope.Votes.Length} execution votes");
}
