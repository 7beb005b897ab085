using NUnit.Framework;
using Ptoy.Node.Execution;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using static Ptoy.Node.Tests.TestTransactions;

namespace Ptoy.Node.Tests.Execution;

/// <summary>Only a quorum of members can have a transaction skipped; a wrong record is named and stops the start.</summary>
[TestFixture]
internal sealed class SkipListTests
{
    private static readonly SigningKey[] Nodes = [.. Enumerable.Range(20, 4).Select(i => Key((byte)i))];
    private static readonly ValidatorSet Validators = ValidatorSet.Of(0, [.. Nodes.Select(n => new Validator(n.Public, n.Address))]);
    private static readonly Hash Stuck = Of(Alice, 0).Hash;

    [Test]
    public void A_quorum_of_members_is_enough_and_fewer_are_not()
    {
        Assert.That(SkipList.Verify(Record(Nodes[..3]), ChainId, Validators), Is.EqualTo(Stuck));
        Assert.That(Refusal(Record(Nodes[..2])), Is.EqualTo("2 members signed, fewer than the quorum of 3"));
    }

    [Test]
    public void Strangers_and_wrong_signatures_are_refused()
    {
        Assert.That(Refusal(Record([.. Nodes[..2], Bob])), Is.EqualTo("signed by a key that is not a member's"));
        Assert.That(Refusal(Record(Nodes[..3], signed: Of(Alice, 1).Hash)), Is.EqualTo("the signature of replica 0 is wrong"));
        Assert.That(Refusal(Record(Nodes[..3], chain: Hash.Zero)), Is.EqualTo("the signature of replica 0 is wrong"));
    }

    [TestCase("", "not an object with transaction and signatures")]
    [TestCase("[]", "not an object with transaction and signatures")]
    [TestCase("{}", "not an object with transaction and signatures")]
    [TestCase("""{"transaction":null,"signatures":{}}""", "transaction: null, not text")]
    [TestCase("""{"transaction":"12","signatures":{}}""", "a hash is 64 hexadecimal characters")]
    public void Other_text_is_refused_with_the_reason(string json, string message) => Assert.That(Refusal(json), Does.StartWith(message));

    [TestCase("null", "signatures: null, not text")]
    [TestCase("\"zz\"", "The input is not a valid hex string")]
    [TestCase("\"00\"", "signature has 1 bytes, not 64")]
    public void A_signature_of_the_wrong_form_is_refused(string value, string message) =>
        Assert.That(Refusal($$$"""{"transaction":"{{{Stuck}}}","signatures":{"{{{Nodes[0].Public}}}":{{{value}}} } }"""), Does.StartWith(message));

    [Test]
    public void A_directory_is_read_whole_and_a_wrong_file_is_named()
    {
        using var folder = new TestFolder();
        Assert.That(SkipList.Load(Path.Combine(folder.Path, "skip"), ChainId, Validators).Contains(Stuck, Validators), Is.False);
        folder.File("one.json", Record(Nodes[1..]));
        SkipList list = SkipList.Load(folder.Path, ChainId, Validators);
        Assert.That(list.Contains(Stuck, Validators), Is.True);
        Assert.That(list.Contains(Of(Alice, 1).Hash, Validators), Is.False);
        string wrong = folder.File("two.json", """{"transaction":null}""");
        Assert.That(
            () => SkipList.Load(folder.Path, ChainId, Validators),
            Throws.TypeOf<FormatException>().With.Message.StartsWith($"skip record '{wrong}': "));
    }

    /// <summary>Nodes 0 to 3, then 1 to 4: node 0 has left.</summary>
    [Test]
    public void Only_the_validators_of_the_blocks_own_epoch_have_a_say()
    {
        using SigningKey fifth = Key(24);
        ValidatorSet next = ValidatorSet.Of(1, [.. Nodes[1..].Append(fifth).Select(n => new Validator(n.Public, n.Address))]);
        using var folder = new TestFolder();
        folder.File("former.json", Record([Nodes[0], Nodes[1], Nodes[2]]));
        SkipList list = SkipList.Load(folder.Path, ChainId, Validators, next);
        Assert.That((list.Contains(Stuck, Validators), list.Contains(Stuck, next)), Is.EqualTo((true, false)));
        folder.File("present.json", Record([Nodes[2], Nodes[3], fifth]));
        list = SkipList.Load(folder.Path, ChainId, Validators, next);
        Assert.That(list.Contains(Stuck, next), Is.True);
    }

    /// <summary>A node that starts from nothing has the record from the start and learns the epoch later.</summary>
    [Test]
    public void A_record_of_an_epoch_that_is_not_known_yet_counts_once_it_is()
    {
        using SigningKey fifth = Key(24);
        ValidatorSet next = ValidatorSet.Of(1, [.. Nodes[1..].Append(fifth).Select(n => new Validator(n.Public, n.Address))]);
        using var folder = new TestFolder();
        folder.File("later.json", Record([Nodes[2], Nodes[3], fifth]));
        SkipList list = SkipList.Load(folder.Path, ChainId, Validators);
        Assert.That((list.Contains(Stuck, Validators), list.Contains(Stuck, next)), Is.EqualTo((false, true)));
    }

    [Test]
    public void Too_few_members_or_a_wrong_signature_stop_the_start()
    {
        using var folder = new TestFolder();
        string file = folder.File("few.json", Record(Nodes[..2]));
        Assert.That(() => SkipList.Load(folder.Path, ChainId, Validators), Throws.TypeOf<FormatException>().With.Message.EqualTo($"skip record '{file}': 2 members signed, in no epoch a quorum"));
        folder.File("few.json", Record(Nodes[..3], signed: Of(Alice, 1).Hash));
        Assert.That(() => SkipList.Load(folder.Path, ChainId, Validators), Throws.TypeOf<FormatException>().With.Message.Contain("the signature of 1:"));
    }

    private static string Record(SigningKey[] signers, Hash? signed = null, Hash? chain = null) =>
        SkipList.Write(Stuck, signers.ToDictionary(s => s.Public, s => SkipList.Sign(chain ?? ChainId, signed ?? Stuck, s)));

    private static string Refusal(string json) => Assert.Throws<FormatException>(() => SkipList.Verify(json, ChainId, Validators))!.Message;
}
