using System.Text.Json;
using Ptoy.Node.Config;
using Ptoy.Node.Consensus;
using Ptoy.Node.Execution;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;
using Ptoy.Storage;

namespace Ptoy.Node.Membership;

/// <summary>What follows the members of the chain inside a node, put together: peers, following, claims and reports.</summary>
internal sealed class MembershipParts
{
    private static readonly TimeSpan FollowInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan DutyInterval = TimeSpan.FromMilliseconds(500);
    private static readonly string AbsentPath = StatePath.Of(Protocol.Ledger.ContractId.Single("Conduct"), "absent");

    private readonly MemberBook _members;
    private readonly EpochBook _epochs;
    private readonly PublicKey _self;
    private readonly PeerBook _peers;
    private readonly Follower _follower;
    private readonly MemberDuties _duties;

    public MembershipParts(
        NodeConfig config, ITransport transport, MemberBook members, EpochBook epochs, ConsensusDriver driver, ExecutionPipeline execution,
        PeerFetcher fetcher, NodeStore store, NodeAccount account, ILoggerFactory logging)
    {
        (_members, _epochs, _self) = (members, epochs, transport.Self);
        _peers = new PeerBook(transport, members, epochs, [.. config.Peers, .. config.Followers], logging.CreateLogger<PeerBook>());
        _follower = new Follower(
            transport, () => [.. _peers.Peers().Select(p => p.Node)], epochs, fetcher, store.Ledger, () => Decides(driver), driver.Post, logging.CreateLogger<Follower>());
        _duties = new MemberDuties(members, store.Ledger, account, transport, _self, () => Marked(store), logging.CreateLogger<MemberDuties>());
        execution.Executed += _ => _follower.OnExecuted();
        members.Changed += _ => _peers.Apply();
        epochs.Added += () =>
        {
            driver.LookForEpoch();
            _peers.Apply();
        };
        driver.Accused += _duties.OnEvidence;
        driver.TimedOut += _duties.OnTimedOut;
    }

    /// <summary>False while it is not known yet whether a snapshot makes following by blocks needless.</summary>
    public Func<bool> MayFollow { get; set; } = static () => true;

    /// <summary>With whom this node talks now.</summary>
    public IReadOnlyCollection<PeerAddress> Peers => _peers.Peers();

    /// <summary>True while this node is a member of the epoch in force.</summary>
    public bool IsMember => _members.Now.Members.Any(m => m.NodeKey == _self);

    /// <summary>Connects, and begins the rounds.</summary>
    public void Start(Chores chores)
    {
        _peers.Apply();
        chores.Every(FollowInterval, token => MayFollow() ? _follower.RunAsync(token) : Task.CompletedTask);
        chores.Every(DutyInterval, token => Task.Run(_duties.Run, token));
    }

    /// <summary>The replica votes, in the epoch that the state says is in force.</summary>
    private bool Decides(ConsensusDriver driver) =>
        driver.Signs && driver.Epoch == _members.Now.Epoch && _epochs.Current.Epoch == driver.Epoch && _epochs.Current.IndexOf(_self) >= 0;

    private static HashSet<string> Marked(NodeStore store) =>
        store.State.Get(AbsentPath) is { } json ? [.. JsonSerializer.Deserialize<string[]>(json)!] : [];
}
