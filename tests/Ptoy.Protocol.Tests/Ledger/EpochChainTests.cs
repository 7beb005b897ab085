using NUnit.Framework;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Tests.Wire;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Tests.Ledger;

[TestFixture]
public sealed class EpochChainTests
{
    private static readonly Hash ChainId = Samples.ChainId;
    private static readonly SigningKey[] Keys = [.. Enumerable.Range(60, 8).Select(i => new SigningKey(Samples.Fill((byte)i)))];
    private static readonly ValidatorSet Genesis = SetOf(0, 0, 1, 2, 3);
    private static readonly ValidatorSet Second = SetOf(1, 0, 1, 2, 3, 4);
    private static readonly ValidatorSet Third = SetOf(2, 1, 2, 3, 4);

    [OneTimeTearDown]
    public void Forget() => Array.ForEach(Keys, k => k.Dispose());

    private static ValidatorSet SetOf(ulong epoch, params int[] keys) => ValidatorSet.Of(epoch, [.. keys.Select(k => new Validator(Keys[k].Public, Keys[k].Address))]);

    private static ExecutionStatement Statement(ulong epoch, ulong height, Hash? next = null, Hash? chain = null) =>
        new(chain ?? ChainId, epoch, height, Samples.H(1), Samples.H(2), Samples.H(3), next ?? Hash.Zero, 1_790_000_000_000);

    private static ExecutionCertificate Signed(ExecutionStatement statement, ValidatorSet set, params int[] signers)
    {
        byte[] bytes = Codec.Encode(statement);
        IEnumerable<(int Index, SigningKey Key)> by = signers.Select(s => (set.IndexOf(Keys[s].Public), Keys[s])).OrderBy(s => s.Item1);
        return new ExecutionCertificate(statement, [.. by.Select(s => new ReplicaSignature((byte)s.Index, s.Key.Sign(ExecutionStatement.Domain, bytes)))]);
    }

    private static EpochStart Start(ulong barrier, ValidatorSet before, ValidatorSet next, params int[] signers) =>
        new(next, Signed(Statement(before.Epoch, barrier, next.ComputeHash()), before, signers));

    private static EpochChain Followed()
    {
        var chain = new EpochChain(ChainId, Genesis);
        Assert.That(chain.Add(Start(100, Genesis, Second, 0, 1, 2)), Is.Null);
        Assert.That(chain.Add(Start(300, Second, Third, 1, 2, 3, 4)), Is.Null);
        return chain;
    }

    [Test]
    public void Each_height_is_decided_by_the_set_of_its_epoch()
    {
        EpochChain chain = Followed();
        Assert.That(new ulong[] { 1, 100, 101, 300, 301, 9_999 }.Select(h => chain.At(h).Epoch), Is.EqualTo(new ulong[] { 0, 0, 1, 1, 2, 2 }));
        Assert.That((chain.LastOf(0), chain.LastOf(1), chain.LastOf(2)), Is.EqualTo(((ulong?)100, (ulong?)300, (ulong?)null)));
        Assert.That(chain.From(1, 9).Select(s => s.First), Is.EqualTo(new ulong[] { 101, 301 }));
        Assert.That(chain.From(2, 9).Select(s => s.First), Is.EqualTo(new ulong[] { 301 }));
    }

    [Test]
    public void Certificates_hold_only_within_their_epoch()
    {
        EpochChain chain = Followed();
        Assert.That(chain.Verify(Signed(Statement(1, 200), Second, 0, 1, 2, 3)), Is.Null);
        Assert.That(chain.Verify(Signed(Statement(2, 301), Third, 1, 2, 3)), Is.Null);
        Assert.That(chain.Verify(Signed(Statement(1, 301), Second, 0, 1, 2, 3)), Does.Contain("after epoch 1, which ended at 300"));
        Assert.That(chain.Verify(Signed(Statement(2, 300), Third, 1, 2, 3)), Does.Contain("before epoch 2"));
        Assert.That(chain.Verify(Signed(Statement(3, 500), Third, 1, 2, 3)), Does.Contain("epoch 3 is not known"));
        Assert.That(chain.Verify(Signed(Statement(1, 200, chain: Samples.H(9)), Second, 0, 1, 2, 3)), Does.Contain("of chain"));
        Assert.That(chain.Verify(Signed(Statement(1, 200), Second, 0, 1, 2)), Does.Contain("fewer than the quorum of 4"));
    }

    [Test]
    public void A_set_that_the_one_before_did_not_name_is_refused()
    {
        var chain = new EpochChain(ChainId, Genesis);
        EpochStart honest = Start(100, Genesis, Second, 0, 1, 2);
        Assert.That(chain.Add(honest with { Validators = SetOf(1, 4, 5, 6, 7) }), Does.Contain("not those that the end of epoch 0 names"));
        Assert.That(chain.Add(Start(100, Genesis, Second, 0, 1)), Does.Contain("fewer than the quorum"));
        Assert.That(chain.Add(Start(100, SetOf(0, 4, 5, 6, 7), Second, 4, 5, 6)), Does.Contain("signature of replica 0 is wrong"));
        Assert.That(chain.Add(Start(300, Second, Third, 1, 2, 3, 4)), Does.Contain("does not follow epoch 0"));
        Assert.That(chain.Add(new EpochStart(Second, Signed(Statement(0, 100), Genesis, 0, 1, 2))), Does.Contain("not those"));
        Assert.That(chain.Newest.Epoch, Is.Zero);
        Assert.That(chain.Add(honest), Is.Null);
        Assert.That(chain.Add(honest), Is.Null, "the same again");
        Assert.That(chain.Add(Start(120, Genesis, SetOf(1, 0, 1, 2, 5), 0, 1, 2)), Does.Contain("known with other validators"));
    }

    [Test]
    public void Who_ever_was_a_validator_is_remembered()
    {
        EpochChain chain = Followed();
        Assert.That((chain.Ever(Keys[0].Public), chain.Ever(Keys[4].Public), chain.Ever(Keys[5].Public)), Is.EqualTo((true, true, false)));
        Assert.That((chain.EverBefore(1, Keys[4].Public), chain.EverBefore(2, Keys[4].Public)), Is.EqualTo((false, true)));
    }
}
