using NUnit.Framework;
using Ptoy.Node.Mempool;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;
using static Ptoy.Node.Tests.TestTransactions;

namespace Ptoy.Node.Tests.Mempool;

/// <summary>The way into the pool: what a client sends is refused with the reason.</summary>
[TestFixture]
internal sealed class AdmissionTests
{
    private ulong _nonce;
    private TransactionPool _pool = null!;
    private Admission _admission = null!;
    private int _admitted;

    [SetUp]
    public void Start()
    {
        _nonce = 0;
        _admitted = 0;
        _pool = new TransactionPool(1000, 1 << 20, _ => _nonce);
        _admission = new Admission(_pool, ChainId, () => 100);
        _admission.Admitted += all => _admitted += all.Count;
    }

    [Test]
    public void A_good_transaction_is_admitted_and_spread()
    {
        Assert.That(_admission.Submit(Of(Alice, 0).Bytes).Rejection, Is.Null);
        Assert.That((_pool.Count, _admitted), Is.EqualTo((1, 1)));
    }

    [Test]
    public void While_the_store_is_behind_clients_are_told_to_come_again_and_spread_transactions_are_taken()
    {
        string? overload = new Storage.StorePressure(Stopped: true, 0, 0, "blocks").Problem();
        _admission.Overload = () => overload;
        Refused(Of(Alice, 0).Bytes, "busy", "this node's store cannot write for the moment; try again, or ask another node");
        Assert.That(_admission.Submit([Of(Alice, 0).Bytes])[0].Rejection!.Reason, Is.EqualTo("busy"));
        Assert.That(_admission.AcceptSpread([Of(Alice, 0).Bytes]), Is.EqualTo(1), "blocks will need it");
        overload = new Storage.StorePressure(false, 0, Storage.StorePressure.MostPending, "blocks").Problem();
        Assert.That(_admission.Submit(Of(Alice, 1).Bytes).Rejection?.Reason, Is.Not.EqualTo("busy"));
    }

    [Test]
    public void Bytes_that_are_no_transaction_are_malformed()
    {
        Refused([], "malformed", "SignedTransaction: not decodable");
        Refused(Of(Alice, 0).Bytes[..^1], "malformed", "SignedTransaction: not decodable");
        Refused([.. Of(Alice, 0).Bytes, 0], "malformed", "SignedTransaction: 1 bytes after the end");
        Refused(new byte[SignedTransaction.MaxBytes + 1], "malformed", "SignedTransaction: 262145 bytes, more than 262144");
    }

    [Test]
    public void A_transaction_of_another_chain_is_refused_naming_both() =>
        Refused(
            Of(Alice, 0, chain: Protocol.Hash.Zero).Bytes, "wrong chain", $"the transaction is for chain 00000000…, this is {ChainId.Short}…");

    [TestCase(0UL)]
    [TestCase(Admission.MaxGas + 1)]
    public void A_gas_limit_out_of_bounds_is_named(ulong gas) =>
        Refused(Of(Alice, 0, gas: gas).Bytes, "gas limit", $"the gas limit is {gas}, not 1 to {Admission.MaxGas}");

    [Test]
    public void An_expired_transaction_is_refused_with_the_height()
    {
        Refused(Of(Alice, 0, expiry: 100).Bytes, "expired", "the transaction expired at height 100; the chain is at 100");
        Refused(Of(Alice, 0, expiry: ulong.MaxValue).Bytes, "expiry", $"the expiry height is {ulong.MaxValue - 100} ahead, more than {Admission.MaxLifetime}");
    }

    [Test]
    public void A_replayed_transaction_is_refused_with_the_next_nonce()
    {
        byte[] bytes = Of(Alice, 0).Bytes;
        _admission.Submit(bytes);
        _nonce = 1;
        _pool.Executed([Transaction.Decode(bytes)], [], 101);
        Refused(bytes, "replayed", $"nonce 0 was used; the next nonce of {Alice.Address} is 1");
    }

    [Test]
    public void A_nonce_gap_is_refused_with_the_next_nonce() =>
        Refused(Of(Alice, 7).Bytes, "nonce gap", $"nonce 7 leaves a gap; the next nonce of {Alice.Address} is 0");

    [Test]
    public void A_signature_of_somebody_else_and_one_over_other_bytes_are_refused()
    {
        Transaction good = Of(Alice, 0);
        Signature bobs = Bob.Sign(Domains.Transaction, good.Envelope.BodyBytes);
        Refused(Codec.Encode(good.Envelope with { Signature = bobs }), "bad signature", "the signature does not match the sender's key and the body");
        Refused(Codec.Encode(good.Envelope with { BodyBytes = Of(Alice, 1).Envelope.BodyBytes }), "bad signature", "the signature does not match the sender's key and the body");
        Assert.That(_pool.Count, Is.Zero);
    }

    [Test]
    public void A_sponsor_has_to_sign_too()
    {
        TransactionBody body = Of(Alice, 0).Body with { Sponsor = Bob.Public };
        Transaction sponsored = Transaction.Sign(body, Alice, Bob);
        Refused(Codec.Encode(sponsored.Envelope with { SponsorSignature = null }), "malformed", "SignedTransaction: a sponsor and a sponsor signature go together");
        Refused(Codec.Encode(sponsored.Envelope with { SponsorSignature = sponsored.Envelope.Signature }), "bad signature", "the signature does not match the sender's key and the body");
        Assert.That(_admission.Submit(sponsored.Bytes).Rejection, Is.Null);
    }

    [Test]
    public void A_batch_from_another_member_loses_only_what_is_wrong_in_it()
    {
        Transaction good = Of(Alice, 0);
        byte[] forged = Codec.Encode(Of(Bob, 0).Envelope with { Signature = good.Envelope.Signature });
        Assert.That(_admission.AcceptSpread([[1, 2, 3], forged, good.Bytes, Of(Alice, 5).Bytes]), Is.EqualTo(2));
        Assert.That(_pool.Contains(good.Hash), Is.True);
        Assert.That(_admitted, Is.Zero, "what came from a member is not spread again");
    }

    private void Refused(byte[] bytes, string reason, string message)
    {
        Assert.That(_admission.Submit(bytes).Rejection, Is.EqualTo(new Rejection(reason, message)));
    }
}
