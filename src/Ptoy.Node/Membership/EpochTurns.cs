using Ptoy.Consensus;
using Ptoy.Node.Config;
using Ptoy.Node.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage;
using Ptoy.Storage.Ledger;

namespace Ptoy.Node.Membership;

/// <summary>
/// Makes the replica of the epoch that decides the height after the newest executed one, from the store and the consensus log; with
/// <paramref name="follows"/> one that signs nothing, whatever the log says.
/// </summary>
public sealed class EpochTurns(
    NodeConfig config, Hash chainId, EpochBook epochs, MemberBook members, SigningKey nodeKey, NodeStore store, TimeProvider clock, bool follows = false)
    : IEpochTurns
{
    private const long DefaultBlockIntervalMs = 5_000;

    /// <summary>Milliseconds after which an idle network makes a block: the chain's, unless this node is configured otherwise.</summary>
    public long MaxBlockIntervalMs => config.MaxBlockIntervalMs ?? members.Parameter("maxBlockInterval", DefaultBlockIntervalMs);

    /// <summary>The replica to start with.</summary>
    public EpochTurn Start() => Make(epochs.Current);

    /// <inheritdoc/>
    public EpochTurn? Next(ulong epoch, ExecutionCertificate? ended)
    {
        if (ended is not null) Keep(ended);
        ValidatorSet current = epochs.Current;
        return current.Epoch > epoch ? Make(current) : null;
    }

    /// <summary>The state of the barrier's height names the members that its certificate vouches for.</summary>
    private void Keep(ExecutionCertificate ended)
    {
        if (epochs.Chain.Newest.Epoch > ended.Statement.Epoch) return;
        ValidatorSet next = ReadFacts().Validators;
        if (epochs.Add(new EpochStart(next, ended)) is { } problem)
            throw new InvalidOperationException($"the end of epoch {ended.Statement.Epoch} at height {ended.Statement.Height}: {problem}");
    }

    private EpochTurn Make(ValidatorSet set)
    {
        int self = set.IndexOf(nodeKey.Public);
        ulong last = store.Ledger.Last!.Height;
        bool signs = self >= 0 && store.Consensus.MaySign && !follows;
        ulong epochBase = set.Epoch == 0 ? 0 : epochs.Chain.LastOf(set.Epoch - 1)!.Value;
        var settings = new ReplicaConfig
        {
            ChainId = chainId,
            Validators = set,
            Self = signs ? self : -1,
            Signer = signs ? new Ed25519Signer(nodeKey) : null,
            KeyIsNew = set.Epoch > 0 && last == epochBase && !epochs.Chain.EverBefore(set.Epoch, nodeKey.Public),
            Window = (ulong)config.ConsensusWindow,
            MaxInFlight = config.ConsensusInFlight,
            Tenure = (ulong)members.Parameter("tenure", 0),
            HeartbeatTicks = (int)Math.Max(1, MaxBlockIntervalMs / ConsensusDriver.TickMs),
            ViewTimeoutTicks = config.ViewChangeTimeoutMs / ConsensusDriver.TickMs,
        };
        ulong now = (ulong)clock.GetUtcNow().ToUnixTimeMilliseconds();
        // A log that the ledger has to catch up with stays as it is; who only follows meanwhile needs none.
        IReadOnlyCollection<LogRecord> log = follows
            ? []
            : [.. store.Consensus.LoadAll().Records.Select(r => new LogRecord(new LogKey((LogKind)r.Kind, r.Height, r.View), r.Bytes))];
        return new EpochTurn(new Replica(settings, Ledger(set.Epoch, epochBase, settings.Window), log, now), set);
    }

    private LedgerState Ledger(ulong epoch, ulong epochBase, ulong window)
    {
        ulong last = store.Ledger.Last!.Height;
        GovernanceFacts facts = ReadFacts();
        // The barrier may be executed while its certificate is still missing: the epoch is not over yet.
        ulong? barrier = facts.Epoch > epoch && facts.First == last + 1 ? last : facts.Barrier;
        var recent = new List<ExecutionStatement>();
        for (ulong height = last > window ? last - window : 0; height <= last; height++)
        {
            if (store.Ledger.Executed(height) is { } e) recent.Add(StatementOf(e, facts));
        }
        return new LedgerState(recent, store.Ledger.LatestExecutionCertificate())
        {
            EpochBase = epochBase,
            Barrier = barrier,
            Commits = [.. recent.Where(r => r.Height > epochBase).Select(r => store.Ledger.CommitCertificate(r.Height)).OfType<CommitCertificate>()],
        };
    }

    private ExecutionStatement StatementOf(ExecutedBlock e, GovernanceFacts facts)
    {
        ulong epoch = epochs.Chain.At(e.Height).Epoch;
        ValidatorSet? next =
            epochs.Chain.LastOf(epoch) == e.Height ? epochs.Chain.Of(epoch + 1)
            : facts.Epoch > epoch && facts.First == e.Height + 1 ? facts.Validators
            : null;
        return new ExecutionStatement(chainId, epoch, e.Height, e.ChainHash, e.StateRoot, e.ReceiptsRoot, next?.ComputeHash() ?? Hash.Zero, e.EffectiveTimeMs);
    }

    // Straight from the state: the book is told of a block only after it is on disk.
    private GovernanceFacts ReadFacts() => GovernanceFacts.Read(key => store.State.Get(Execution.StatePath.Of(GovernanceFacts.Contract, key)));
}
