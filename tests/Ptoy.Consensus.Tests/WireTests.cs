using System.Security.Cryptography;
using CsCheck;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;
using Hash = Ptoy.Protocol.Hash;

namespace Ptoy.Consensus.Tests;

/// <summary>The wire form of every consensus message is locked, and decoding is total.</summary>
public sealed class WireTests
{
    private static readonly Hash H = new([.. Enumerable.Range(0, 32).Select(i => (byte)i)]);
    private static readonly Signature S = new(SuiteId.Ed25519, [.. Enumerable.Range(100, 64).Select(i => (byte)i)]);
    private static readonly VoteStatement Statement = new(H, 0, 1, 7, H);
    private static readonly ReplicaSignature[] Signatures = [new(0, S), new(2, S)];
    private static readonly ExecutionCertificate Executed = new(new ExecutionStatement(H, 0, 4, H, H, H, Hash.Zero, 5), Signatures);

    private static Block Block { get; } = new(new BlockHeader(H, 0, 7, MerkleTree.Root([H]), 5, 6, H, H), [H]);

    private static ViewChange Asks { get; } = new(new ViewChangeStatement(H, 0, 3, 2, Executed, [new PreparedCertificate(Statement, Signatures)]), S);

    private static readonly Dictionary<string, ConsensusMessage> Messages = new()
    {
        ["PrePrepare"] = new PrePrepare(1, Block, S),
        ["Prepare"] = new Prepare(1, 7, H, S),
        ["Commit"] = new Commit(1, 7, H, S),
        ["ViewChange"] = Asks,
        ["NewView"] = new NewView(new NewViewStatement(H, 0, 2, [Asks], [new ReProposal(5, H), new ReProposal(6, H)]), S),
        ["Status"] = new Status(new StatusStatement(H, 0, 3, 2, true, 9, 8, 7, 4, false, true, false, [new HeldVote(true, 1, 7, H, S)], new ExecutionVote(6, H, H, H, Hash.Zero, 7, S)), S),
        ["BlockRequest"] = new BlockRequest(new BlockRequestStatement(H, 0, 3, 7, H), S),
        ["BlockReply"] = new BlockReply(Block),
        ["Decision"] = new Decision(new CommitCertificate(Statement, Signatures)),
        ["Checkpoint"] = new Checkpoint(Executed),
    };

    private static ConsensusEnvelope Envelope(string name) => new(0, 3, Messages[name], [new ExecutionVote(6, H, H, H, Hash.Zero, 7, S)]);

    /// <summary>Length and the start of the SHA-256: a change of the wire form changes it, and needs a new version of the protocol.</summary>
    private static string Fingerprint(byte[] bytes) => $"{bytes.Length}:{Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}";

    [Test]
    public void The_bytes_of_a_prepare_are_these()
    {
        var envelope = new ConsensusEnvelope(0, 3, new Prepare(1, 7, H, S), []);
        string h = Convert.ToHexStringLower(H.ToArray()), s = Convert.ToHexStringLower(S.Bytes);
        // [epoch 0, sender 3, [tag 1, [view 1, height 7, bin hash, [suite 1, bin signature]]], []]
        Assert.That(Convert.ToHexStringLower(Codec.Encode(envelope)), Is.EqualTo($"9400039201940107c420{h}9201c440{s}90"));
    }

    [TestCase("PrePrepare", "460:6d62ba360edea990")]
    [TestCase("Prepare", "318:40059ecf6d8dc7cd")]
    [TestCase("Commit", "318:40b81171db583e2a")]
    [TestCase("ViewChange", "851:9a4acba1c447e8e2")]
    [TestCase("NewView", "1031:281747cb5b723b1b")]
    [TestCase("Status", "642:b4bdee0954fb30f6")]
    [TestCase("BlockRequest", "354:87d5c7b99f90a128")]
    [TestCase("BlockReply", "391:9fa09547862defb7")]
    [TestCase("Decision", "428:c4f899e561297e00")]
    [TestCase("Checkpoint", "530:241b3e70dc7067f0")]
    public void The_wire_form_is_locked(string name, string golden)
    {
        byte[] bytes = Codec.Encode(Envelope(name));
        Assert.That(Fingerprint(bytes), Is.EqualTo(golden));
        ConsensusEnvelope decoded = Codec.Decode<ConsensusEnvelope>(bytes, ConsensusEnvelope.MaxBytes);
        Assert.That(decoded.Message, Is.TypeOf(Messages[name].GetType()));
        Assert.That(Codec.Encode(decoded), Is.EqualTo(bytes));
    }

    [Test]
    public void Every_kind_of_message_has_a_golden_form() =>
        Assert.That(Messages.Values.Select(m => m.GetType()), Is.EquivalentTo(typeof(ConsensusMessage).Assembly.GetTypes()
            .Where(t => t.IsSubclassOf(typeof(ConsensusMessage)))));

    [Test]
    public void Votes_with_all_that_travels_along_fit_a_datagram()
    {
        ExecutionVote vote = new(ulong.MaxValue, H, H, H, H, ulong.MaxValue, S);
        var full = new ConsensusEnvelope(ulong.MaxValue, 3, new Commit(ulong.MaxValue, ulong.MaxValue, H, S),
            [.. Enumerable.Repeat(vote, ConsensusEnvelope.MaxVotes)]);
        Assert.That(Codec.Encode(full), Has.Length.LessThan(1200));
    }

    [Test]
    public void Random_bytes_never_throw_anything_but_a_wire_exception() =>
        Gen.Byte.Array[0, 300].Sample(bytes => Total(bytes), iter: 20_000);

    [Test]
    public void Mutated_messages_are_refused_or_canonical() =>
        Gen.Select(Gen.Int[0, Messages.Count - 1].Select(i => Messages.Keys.ElementAt(i)), Gen.Int[0, 100_000], Gen.Byte, Gen.Int[0, 3]).Sample((name, at, value, how) =>
        {
            List<byte> bytes = [.. Codec.Encode(Envelope(name))];
            at %= bytes.Count;
            if (how == 0) bytes[at] = value;
            else if (how == 1) bytes.RemoveAt(at);
            else if (how == 2) bytes.Insert(at, value);
            else bytes.RemoveRange(at, bytes.Count - at);
            return Total([.. bytes]);
        }, iter: 20_000);

    [Test]
    public void A_longer_form_of_a_number_is_refused()
    {
        byte[] bytes = Codec.Encode(Envelope("Prepare"));
        // epoch 0 as a one-byte uint8 (cc 00) instead of the fixint 00.
        byte[] longer = [bytes[0], 0xcc, 0x00, .. bytes[2..]];
        Assert.That(() => Codec.Decode<ConsensusEnvelope>(longer, ConsensusEnvelope.MaxBytes), Throws.TypeOf<WireException>().With.Message.Contains("canonical"));
    }

    [Test]
    public void Ill_formed_fields_are_named()
    {
        Assert.That(new ConsensusEnvelope(0, 3, null, []).Problem(), Is.EqualTo("neither message nor votes"));
        Assert.That(new ConsensusEnvelope(0, 64, Messages["Commit"], []).Problem(), Does.StartWith("sender 64"));
        Assert.That(new Prepare(0, 0, H, S).Problem(), Is.EqualTo("height is 0"));
        Assert.That((Asks.Statement with { View = 0 }).Problem(), Does.StartWith("view is 0"));
        Assert.That((Asks.Statement with { View = 1 }).Problem(), Is.EqualTo("a prepared certificate is not from an earlier view"));
        Assert.That((Asks.Statement with { Prepared = [Asks.Statement.Prepared[0], Asks.Statement.Prepared[0]] }).Problem(), Does.Contain("order of heights"));
        var far = new PreparedCertificate(Statement with { Height = 4 + ViewChangeStatement.MaxPrepared + 1 }, Signatures);
        Assert.That((Asks.Statement with { Prepared = [far] }).Problem(), Is.EqualTo("a prepared certificate is beyond the window"));
    }

    private static bool Total(byte[] bytes)
    {
        try
        {
            ConsensusEnvelope decoded = Codec.Decode<ConsensusEnvelope>(bytes, ConsensusEnvelope.MaxBytes);
            return decoded.Problem() is null && Codec.Encode(decoded).AsSpan().SequenceEqual(bytes);
        }
        catch (WireException)
        {
            return true;
        }
    }
}
