using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Consensus;

/// <summary>
/// What a <see cref="ConsensusDriver"/> proposes from. The node's is its transaction pool; a measurement of ordering alone has a queue of opaque
/// batches. Called on the driver's thread.
/// </summary>
public interface IProposalSource
{
    /// <summary>True when something could be executed next: work that a primary owes.</summary>
    bool HasExecutable { get; }

    /// <summary>
    /// The hashes to propose now, their bodies held from here on; empty for a heartbeat, or when all that was chosen is in
    /// <paramref name="inFlight"/> already; null to wait.
    /// </summary>
    IReadOnlyList<Hash>? Choose(ProposalRequest want, Func<IReadOnlySet<Hash>> inFlight);

    /// <summary>Another primary proposed these: this node must not propose them again.</summary>
    void MarkTaken(IEnumerable<Hash> hashes);

    /// <summary>A view opened: all but <paramref name="inFlight"/> may be proposed again.</summary>
    void ResetTaken(IReadOnlySet<Hash> inFlight);
}

/// <summary>Bodies of proposed and decided blocks, by hash. Thread-safe.</summary>
public interface IBodySource
{
    /// <summary>The verified bytes of a body, or null.</summary>
    byte[]? Bytes(Hash hash);

    /// <summary>The hashes whose bodies are not held.</summary>
    Hash[] Missing(IEnumerable<Hash> hashes);
}

/// <summary>Gets what this node lacks from the other replicas, and verifies it.</summary>
public interface IPeerFetcher
{
    /// <summary>Fetches the missing bodies of a block, first from the replica <paramref name="first"/>. False when nobody had all of them.</summary>
    Task<bool> FetchBodiesAsync(IReadOnlyCollection<Hash> wanted, int first, CancellationToken cancellation);

    /// <summary>Fetches decided blocks from a height on, as many as one answer holds; empty when nobody could help.</summary>
    Task<IReadOnlyList<VerifiedBlock>> FetchBlocksAsync(ulong from, ulong to, IReadOnlyList<int> replicas, CancellationToken cancellation);
}

/// <summary>The replica of an epoch, and its validators.</summary>
public sealed record EpochTurn(Replica Replica, ValidatorSet Validators);

/// <summary>Makes the replica of the next epoch. Called on the driver's thread.</summary>
public interface IEpochTurns
{
    /// <summary>
    /// The replica of the epoch that decides the height after the newest executed one, when that is a later one than <paramref name="epoch"/>;
    /// else null. <paramref name="ended"/> is the certificate of the last height, when the replica itself formed it.
    /// </summary>
    EpochTurn? Next(ulong epoch, ExecutionCertificate? ended);
}

/// <summary>Executes decided blocks in order and says what came out, once it is on disk.</summary>
public interface IBlockExecution
{
    /// <summary>The result of each height, after it is on disk.</summary>
    event Action<ExecutionStatement>? Executed;

    /// <summary>The height that ends this epoch, once the executed state names it. Read while <see cref="Executed"/> is raised.</summary>
    ulong? Barrier => null;

    /// <summary>Queues a decided block; they come in the order of heights.</summary>
    void Enqueue(DecidedBlock decided);
}
