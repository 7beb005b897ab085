using NUnit.Framework;
using Ptoy.Consensus;
using Ptoy.Node.Consensus;
using Ptoy.Node.Mempool;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using static Ptoy.Node.Tests.TestTransactions;

namespace Ptoy.Node.Tests.Consensus;

/// <summary>What a primary proposes, and when.</summary>
[TestFixture]
internal sealed class ProposalPolicyTests
{
    private static readonly IReadOnlySet<Hash> Nothing = new HashSet<Hash>();
    private TransactionPool _pool = null!;
    private BodyCache _bodies = null!;
    private ProposalPolicy _policy = null!;

    [SetUp]
    public void Start()
    {
        _pool = new TransactionPool(10_000, long.MaxValue, _ => 0);
        _bodies = new BodyCache(_pool, _ => null);
        _policy = new ProposalPolicy(_pool, _bodies);
    }

    private static ProposalRequest Want(int inFlight = 0, bool heartbeat = false) => new(0, 1, inFlight, heartbeat);

    private Hash[] Waiting(int count)
    {
        Transaction[] transactions = [.. Enumerable.Range(0, count).Select(i => Of(Alice, (ulong)i))];
        foreach (Transaction transaction in transactions) Assert.That(_pool.Add(transaction, 0, allowGap: false), Is.Null);
        return [.. transactions.Select(t => t.Hash)];
    }

    [Test]
    public void With_nothing_in_flight_what_there_is_is_proposed_at_once_and_its_bodies_are_held()
    {
        Hash[] waiting = Waiting(2);
        Assert.That(_policy.Choose(Want(), () => Nothing), Is.EqualTo(waiting));
        Assert.That(_bodies.Count, Is.EqualTo(2));
    }

    [Test]
    public void With_heights_in_flight_it_waits_for_a_fuller_block()
    {
        Waiting(2);
        Assert.That(_policy.Choose(Want(inFlight: 1), () => Nothing), Is.Null);
        Assert.That(_pool.HasReady, "nothing was taken");
    }

    [TestCase(1, ProposalPolicy.WorthAHeight - 1, false)]
    [TestCase(1, ProposalPolicy.WorthAHeight, true)]
    [TestCase(2, (2 * ProposalPolicy.WorthAHeight) - 1, false)]
    [TestCase(2, 2 * ProposalPolicy.WorthAHeight, true)]
    [TestCase(16, ProposalPolicy.MaxPerBlock, true, Description = "a full block never waits")]
    public void The_more_heights_are_in_flight_the_fuller_the_next_block(int inFlight, int waiting, bool proposed)
    {
        Waiting(waiting);
        Assert.That(_policy.Choose(Want(inFlight), () => Nothing)?.Count, Is.EqualTo(proposed ? waiting : null));
    }

    [Test]
    public void With_nothing_waiting_only_a_heartbeat_is_proposed()
    {
        Assert.That(_policy.Choose(Want(), () => Nothing), Is.Null);
        Assert.That(_policy.Choose(Want(heartbeat: true), () => Nothing), Is.Empty);
    }

    /// <summary>
    /// The pool had lost it (a restart), a client handed it in again, and a block on its way holds it: one listing is enough.
    /// </summary>
    [Test]
    public void What_a_height_in_flight_holds_is_not_proposed_again()
    {
        Hash[] waiting = Waiting(3);
        IReadOnlyList<Hash>? chosen = _policy.Choose(Want(), () => new HashSet<Hash> { waiting[0], waiting[2] });
        Assert.That(chosen, Is.EqualTo(new[] { waiting[1] }));
        Assert.That(_bodies.Count, Is.EqualTo(1));
    }

    [Test]
    public void When_all_of_it_is_in_flight_nothing_is_left_and_the_next_question_waits()
    {
        Hash[] waiting = Waiting(3);
        Assert.That(_policy.Choose(Want(), () => waiting.ToHashSet()), Is.Empty);
        Assert.That(_policy.Choose(Want(), () => waiting.ToHashSet()), Is.Null);
    }
}
