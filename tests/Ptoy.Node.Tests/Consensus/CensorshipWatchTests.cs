using NUnit.Framework;
using Ptoy.Node.Consensus;
using Ptoy.Node.Mempool;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Tests.Consensus;

/// <summary>A primary that leaves somebody out is suspected; one that is merely overloaded is not.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CensorshipWatchTests
{
    private const int PerBlock = 10;
    private static readonly SigningKey[] Senders = [.. Enumerable.Range(1, 60).Select(i => TestTransactions.Key((byte)i))];
    private static readonly CensorshipBounds Bounds = new();

    private readonly Dictionary<Address, ulong> _nonces = [];
    private readonly Dictionary<Address, ulong> _sent = [];
    private readonly List<(ulong View, Hash Transaction)> _suspected = [];
    private readonly TransactionPool _here, _primary;
    private readonly CensorshipWatch _watch;
    private bool _primaryHears = true;
    private ulong _height, _view;
    private Address? _left;

    public CensorshipWatchTests()
    {
        _here = new TransactionPool(10_000, 1 << 24, Nonce);
        _primary = new TransactionPool(10_000, 1 << 24, Nonce);
        _watch = new CensorshipWatch(_here, Forward, (view, transaction) => _suspected.Add((view, transaction.Hash)), Bounds);
    }

    [Test]
    public async Task ASenderWhoIsLeftOutWhileOthersHaveManyTurnsIsNoticed()
    {
        Transaction left = Send(Senders[0]);
        _left = left.Sender;
        for (int i = 0; i < 100 && _suspected.Count == 0; i++)
        {
            Send(Senders[1]);
            Execute();
            await LookAsync();
        }
        Assert.That(_suspected, Is.EqualTo(new[] { (0UL, left.Hash) }));
    }

    [Test]
    public async Task ASenderWhoIsLeftOutWhileStrangersComeAndGoIsNoticed()
    {
        Transaction left = Send(Senders[0]);
        _left = left.Sender;
        for (int i = 1; i < Senders.Length && _suspected.Count == 0; i++)
        {
            Send(Senders[i]);
            Execute();
            await LookAsync();
        }
        Assert.That(_suspected, Is.EqualTo(new[] { (0UL, left.Hash) }), "each of the others had one turn only");
    }

    /// <summary>Ten times as much comes as is ordered; whoever comes waits for longer and longer.</summary>
    [TestCase(1, Description = "few transactions of many senders")]
    [TestCase(20, Description = "many transactions of a few")]
    public async Task OverloadAloneIsNoReason(int each)
    {
        int next = 0, oldest = 0;
        for (int round = 0; round < 60; round++)
        {
            for (int sent = 0; sent < 10 * PerBlock; sent += each, next++)
                for (int i = 0; i < each; i++) Send(Senders[next % Senders.Length]);
            Execute();
            await LookAsync();
            oldest = Math.Max(oldest, _here.Heads(CensorshipWatch.MaxHeads, out _).Count);
        }
        Assert.That(_here.Count, Is.GreaterThan(1_000), "this was no overload");
        Assert.That(oldest, Is.GreaterThan(1));
        Assert.That(_suspected, Is.Empty);
    }

    [Test]
    public async Task APrimaryThatDidNotGetTheTransactionIsNotBlamed()
    {
        _primaryHears = false;
        _left = Send(Senders[0]).Sender;
        for (int i = 0; i < 100; i++)
        {
            Send(Senders[1]);
            Execute();
            await LookAsync();
        }
        Assert.That(_suspected, Is.Empty);
        _primaryHears = true;
        for (int i = 0; i < 100 && _suspected.Count == 0; i++)
        {
            Send(Senders[1]);
            Execute();
            await LookAsync();
        }
        Assert.That(_suspected, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task BlocksProposedBeforeThePrimaryHadItProveNothing()
    {
        _left = Send(Senders[0]).Sender;
        for (int i = 0; i < 200; i++)
        {
            Send(Senders[1]);
            Execute();
            // This node is behind: the others are at a height that it reaches only later.
            await _watch.LookAsync(new ViewFacts(_view, true, 0, 200), CancellationToken.None);
        }
        Assert.That(_suspected, Is.Empty);
    }

    [Test]
    public async Task TheNextPrimaryIsJudgedAnewAndAViewThatIsNotOpenNotAtAll()
    {
        _left = Send(Senders[0]).Sender;
        for (int i = 0; i < 100; i++)
        {
            // A new view before this one has lasted long enough.
            if (i % (Bounds.SuspectAfter - 1) == 0) _view++;
            Send(Senders[1]);
            Execute();
            await LookAsync();
        }
        for (int i = 0; i < 100; i++)
        {
            Send(Senders[1]);
            Execute();
            await _watch.LookAsync(new ViewFacts(_view, false, 0, _height), CancellationToken.None);
        }
        Assert.That(_suspected, Is.Empty);
    }

    [Test]
    public void AFullPoolStillTakesWhatIsHandedOverWithinThePeersShare()
    {
        var full = new TransactionPool(100, 1 << 24, Nonce);
        for (ulong nonce = 0; nonce < 100; nonce++) Assert.That(full.Add(TestTransactions.Of(Senders[1], nonce), 0, false), Is.Null);
        var desk = new ForwardDesk(full, new Admission(full, TestTransactions.ChainId, () => 0), peers: 4);
        Assert.That(full.Add(TestTransactions.Of(Senders[2], 0), 0, true)!.Reason, Is.EqualTo("full"));
        desk.Accept(Senders[50].Public, [TestTransactions.Of(Senders[2], 0).Bytes]);
        Assert.That(full.Count, Is.EqualTo(101));
        byte[][] many = [.. Enumerable.Range(1, ForwardDesk.PerPeer).Select(i => TestTransactions.Of(Senders[2], (ulong)i).Bytes)];
        Assert.That(() => desk.Accept(Senders[50].Public, many), Throws.TypeOf<RpcException>().With.Message.Contains("of at most"));
        desk.Accept(Senders[51].Public, [many[0]]);
        Assert.That(full.Count, Is.EqualTo(102), "another peer's share is free");
    }

    private ulong Nonce(Address sender) => _nonces.GetValueOrDefault(sender);

    private Task LookAsync() => _watch.LookAsync(new ViewFacts(_view, true, 0, _height), CancellationToken.None);

    private Transaction Send(SigningKey sender)
    {
        ulong nonce = _sent.GetValueOrDefault(sender.Address);
        _sent[sender.Address] = nonce + 1;
        Transaction transaction = TestTransactions.Of(sender, nonce, expiry: 100_000);
        Assert.That(_here.Add(transaction, 0, allowGap: true), Is.Null);
        _primary.Add(transaction, 0, allowGap: true);
        return transaction;
    }

    private Task<bool> Forward(int replica, IReadOnlyList<Transaction> transactions, CancellationToken cancellation)
    {
        foreach (Transaction transaction in transactions) _primary.Add(transaction, 0, allowGap: true);
        return Task.FromResult(_primaryHears);
    }

    /// <summary>The primary proposes in its pool's order, but for the sender that it leaves out; the block is executed everywhere.</summary>
    private void Execute()
    {
        var block = new List<Transaction>();
        while (block.Count < PerBlock && _primary.Take(1, long.MaxValue) is [var taken])
        {
            if (taken.Sender != _left) block.Add(taken);
        }
        _height++;
        foreach (Transaction transaction in block) _nonces[transaction.Sender] = transaction.Body.Nonce + 1;
        _here.Executed(block, [], _height);
        _primary.Executed(block, [], _height);
        _watch.OnExecuted(_height, block);
    }
}
