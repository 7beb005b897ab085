using System.Text;
using NUnit.Framework;
using Ptoy.Client.Light;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Tests.Light;

[TestFixture]
internal sealed class LightClientTests
{
    private const ulong Height = 12;

    private static readonly SigningKey[] Nodes = [.. Enumerable.Range(1, 4).Select(i => Key((byte)i))];
    private static readonly SigningKey Alice = Key(50);
    private static readonly Genesis Genesis = new(
        "test", 1, 1, ValidatorSet.Of(0, [.. Nodes.Select(n => new Validator(n.Public, n.Address))]), [new GenesisContract("Token", "class Token {}")], []);

    private static readonly Hash ChainId = Genesis.ComputeChainId();
    private static readonly ContractId Token = ContractId.Single("Token");

    [OneTimeTearDown]
    public void Forget() => Alice.Dispose();

    [Test]
    public void A_value_under_a_certified_root_is_believed()
    {
        var light = new LightClient(Genesis);
        VerifiedValue value = light.State(Token, "supply", Proof("Token//supply", "\"5\"", ("Token//supply", "\"5\""), ("Token//other", "1")));
        Assert.That(value, Is.EqualTo(new VerifiedValue(Height, "Token//supply", "\"5\"")));
        Assert.That(light.Height, Is.EqualTo(Height));
    }

    [Test]
    public void Absence_is_believed_when_proven()
    {
        VerifiedValue value = new LightClient(Genesis).State(Token, "gone", Proof("Token//gone", null, ("Token//other", "1"), ("Token//third", "2")));
        Assert.That(value.Value, Is.Null);
    }

    [Test]
    public void An_instance_is_found_by_its_owner()
    {
        string path = $"Patient/{Alice.Address.Value}/epoch";
        var light = new LightClient(Genesis);
        Assert.That(light.State(new ContractId("Patient", Alice.Address), "epoch", Proof(path, "3", (path, "3"))).Value, Is.EqualTo("3"));
        Refused(ProofPart.State, () => light.State(new ContractId("Patient", Nodes[0].Address), "epoch", Proof(path, "3", (path, "3"))));
    }

    [Test]
    public void A_changed_value_a_hidden_value_and_another_key_are_refused()
    {
        var light = new LightClient(Genesis);
        ChainProofResult good = Proof("Token//supply", "\"5\"", ("Token//supply", "\"5\""), ("Token//other", "1"));
        Refused(ProofPart.State, () => light.State(Token, "supply", good with { Value = "\"6\"" }));
        Refused(ProofPart.State, () => light.State(Token, "supply", good with { Value = null }));
        Refused(ProofPart.State, () => light.State(Token, "other", good));
        Refused(ProofPart.State, () => light.State(Token, "supply", good with { Proof = [1, 2, 3] }));
        Refused(ProofPart.Height, () => light.State(Token, "supply", good with { Height = Height + 1 }));
        Refused(ProofPart.Height, () => light.State(Token, "supply", good, minHeight: Height + 1));
    }

    [Test]
    public void Any_changed_byte_of_a_proof_or_certificate_is_refused()
    {
        ChainProofResult good = Proof("Token//supply", "\"5\"", ("Token//supply", "\"5\""), ("Token//other", "1"), ("Token//third", "2"));
        for (int i = 0; i < good.Certificate.Length; i++)
            Assert.That(() => new LightClient(Genesis).State(Token, "supply", good with { Certificate = Changed(good.Certificate, i) }), Throws.TypeOf<ProofException>(), $"certificate byte {i}");
        for (int i = 0; i < good.Proof.Length; i++)
            Assert.That(() => new LightClient(Genesis).State(Token, "supply", good with { Proof = Changed(good.Proof, i) }), Throws.TypeOf<ProofException>(), $"proof byte {i}");
    }

    [Test]
    public void A_certificate_needs_a_quorum_of_this_chain_and_epoch()
    {
        var light = new LightClient(Genesis);
        ExecutionStatement statement = Statement(Hash.Zero, Hash.Zero);
        Assert.That(light.Certificate(Certified(statement, 0, 1, 3)), Is.EqualTo(statement));
        Refused(ProofPart.Certificate, () => light.Certificate(Certified(statement, 0, 1)));
        Refused(ProofPart.Certificate, () => light.Certificate(Certified(statement, 0, 1, 1)));
        Refused(ProofPart.Chain, () => light.Certificate(Certified(statement with { ChainId = Hash.Zero }, 0, 1, 2)));
        Refused(ProofPart.Epoch, () => light.Certificate(Certified(statement with { Epoch = 1 }, 0, 1, 2)));
        Refused(ProofPart.Certificate, () => light.Certificate(new byte[20_000]));
    }

    [Test]
    public void Two_certificates_of_one_height_that_disagree_are_told()
    {
        var light = new LightClient(Genesis);
        light.Certificate(Certified(Statement(Hash.Zero, Hash.Zero), 0, 1, 2));
        Refused(ProofPart.Contradiction, () => light.Certificate(Certified(Statement(Digest.Of("ptoy/test/v1", [1]), Hash.Zero), 0, 1, 2)));
    }

    [Test]
    public void A_receipt_is_believed_under_the_certified_receipts_root_only()
    {
        Receipt[] receipts = [.. Enumerable.Range(0, 5).Select(i => new Receipt(Digest.Of("ptoy/test/v1", [(byte)i]), Height, (uint)i, ReceiptStatus.Ok, 1, "1", "", []))];
        Hash[] leaves = [.. receipts.Select(r => r.ComputeHash())];
        byte[] certificate = Certified(Statement(Hash.Zero, MerkleTree.Root(leaves)), 1, 2, 3);
        TxWaitResult good = new(true, Height, Codec.Encode(receipts[3]), Codec.Encode(MerkleTree.Prove(leaves, 3)), certificate);
        var light = new LightClient(Genesis);
        Assert.That(light.Receipt(receipts[3].Transaction, good).Index, Is.EqualTo(3));
        Refused(ProofPart.Receipt, () => light.Receipt(receipts[2].Transaction, good));
        Refused(ProofPart.Receipt, () => light.Receipt(receipts[3].Transaction, good with { Proof = Codec.Encode(MerkleTree.Prove(leaves, 2)) }));
        Refused(ProofPart.Receipt, () => light.Receipt(receipts[3].Transaction, good with { Receipt = Codec.Encode(receipts[3] with { Status = ReceiptStatus.Failed }) }));
        Refused(ProofPart.Receipt, () => light.Receipt(receipts[3].Transaction, new TxWaitResult(false)));
        Refused(ProofPart.Height, () => light.Receipt(receipts[3].Transaction, good with { Receipt = Codec.Encode(receipts[3] with { Height = Height - 1 }) }));
    }

    [Test]
    public void An_access_entry_is_believed_when_signed_in_the_log_and_anchored()
    {
        var light = new LightClient(Genesis);
        (AuditEntryDto entry, ChainProofResult anchor) = Logged(Entry(Nodes[1].Public, ChainId));
        Assert.That(light.Access(entry, anchor).Requester, Is.EqualTo(Alice.Public));
        AuditEntryDto unanchored = entry with { Anchor = null };
        Refused(ProofPart.Anchor, () => light.Access(unanchored, anchor));
        Assert.That(light.Access(unanchored).Requester, Is.EqualTo(Alice.Public));
    }

    [Test]
    public void An_access_entry_that_was_changed_forged_or_never_anchored_is_refused()
    {
        var light = new LightClient(Genesis);
        AccessEntry real = Entry(Nodes[1].Public, ChainId);
        (AuditEntryDto entry, ChainProofResult anchor) = Logged(real);
        Refused(ProofPart.AccessEntry, () => light.Access(entry with { Entry = Codec.Encode(real with { Outcome = AccessOutcome.Deny }) }, anchor));
        Refused(ProofPart.AccessSignature, () => light.Access(entry with { Entry = Codec.Encode(real with { Requester = Nodes[0].Public }) }, anchor));
        Refused(ProofPart.AccessSignature, () => light.Access(entry with { Entry = Codec.Encode(real with { OnBehalfOf = Nodes[0].Address }) }, anchor));
        (AuditEntryDto elsewhere, ChainProofResult elsewhereAnchor) = Logged(Entry(Nodes[1].Public, Hash.Zero));
        Refused(ProofPart.AccessSignature, () => light.Access(elsewhere, elsewhereAnchor));
        (AuditEntryDto stranger, ChainProofResult strangerAnchor) = Logged(Entry(Alice.Public, ChainId));
        Refused(ProofPart.AccessEntry, () => light.Access(stranger, strangerAnchor));
        string key = entry.Anchor!.Key;
        Refused(ProofPart.Anchor, () => light.Access(entry, Proof($"Audit//{key}", null, ("Audit//none", "1"))));
        Refused(ProofPart.Anchor, () => light.Access(entry with { Anchor = entry.Anchor with { Key = key.Replace(real.Node.ToString(), Nodes[0].Public.ToString(), StringComparison.Ordinal) } }, anchor));
    }

    private static SigningKey Key(byte value) => new([.. Enumerable.Repeat(value, SigningKey.SeedSize)]);

    private static byte[] Changed(byte[] bytes, int index)
    {
        byte[] changed = [.. bytes];
        changed[index] ^= 1;
        return changed;
    }

    private static void Refused(ProofPart part, Func<object> use) =>
        Assert.That(use, Throws.TypeOf<ProofException>().With.Property(nameof(ProofException.Part)).EqualTo(part));

    private static ExecutionStatement Statement(Hash stateRoot, Hash receiptsRoot) => new(ChainId, 0, Height, Hash.Zero, stateRoot, receiptsRoot, Hash.Zero, 1);

    private static byte[] Certified(ExecutionStatement statement, params int[] signers) => Codec.Encode(new ExecutionCertificate(
        statement, [.. signers.Select(i => new ReplicaSignature((byte)i, Nodes[i].Sign(ExecutionStatement.Domain, Codec.Encode(statement))))]));

    private static ChainProofResult Proof(string path, string? value, params (string Path, string Value)[] entries)
    {
        StateEntry[] tree = [.. entries.Select(e => new StateEntry(StateHash.Key(e.Path), StateHash.Value(e.Value)))];
        byte[] certificate = Certified(Statement(StateTree.Root(tree), Hash.Zero), 0, 2, 3);
        return new ChainProofResult(Height, value, Codec.Encode(StateTree.Prove(tree, StateHash.Key(path))), certificate);
    }

    private static AccessEntry Entry(PublicKey node, Hash chain)
    {
        string request = SignedRequest.Text(chain, node, "record_get", "{}"u8, "00112233445566778899aabbccddeeff", 5, null);
        return new AccessEntry(
            7, node, Height, Alice.Public, Address.None, Alice.Address, AccessAction.Read, "TREAT", [], [], AccessOutcome.Permit, "owner",
            request, Alice.Sign(SignedRequest.Domain, Encoding.UTF8.GetBytes(request)), new byte[AccessEntry.SaltSize], Hash.Zero);
    }

    private static (AuditEntryDto, ChainProofResult) Logged(AccessEntry entry)
    {
        Hash[] segment = [Digest.Of("ptoy/test/v1", [1]), entry.ComputeHash(), Digest.Of("ptoy/test/v1", [2])];
        Hash root = MerkleTree.Root(segment);
        string key = $"anchor/{entry.Node}/4";
        var dto = new AuditEntryDto(
            1, 7, Alice.Address.ToString(), null, "record_get", "permit", null, "TREAT", [], Codec.Encode(entry), Hash.Zero.ToString(),
            new AuditAnchorDto(key, root.ToString(), Codec.Encode(MerkleTree.Prove(segment, 1))));
        string value = $$"""{"count":3,"root":"{{root}}"}""";
        return (dto, Proof($"Audit//{key}", value, ($"Audit//{key}", value), ("Audit//other", "1")));
    }
}
