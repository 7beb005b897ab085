using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Matching;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Tests.Wire;

/// <summary>A valid value of every wire type, the same in every run: keys from fixed seeds, no randomness.</summary>
internal static class Samples
{
    internal static readonly SigningKey Alice = new(Fill(1)), Bob = new(Fill(2));
    internal static readonly SealingKey Team = new(Fill(3));
    internal static readonly Hash ChainId = H(0xc0);
    private static readonly Signature Signed = Alice.Sign("ptoy/sample/v1", "sample"u8);

    internal static Hash H(byte fill) => new(Fill(fill));

    internal static byte[] Fill(byte fill) => [.. Enumerable.Repeat(fill, 32)];

    internal static UploadPackage Package()
    {
        byte[] record = Seal("{\"resourceType\":\"Goal\"}"u8);
        var draft = new ManifestEntry(H(0x11), Compartments.Tag(Fill(7), "goals"), (ulong)record.Length, ManifestEntry.HashOf(record), 5, Hash.Zero);
        using HpkeSender sender = Hpke.SetupSender(Team.Public, WrapContext.Info(Alice.Address), Fill(9));
        byte[] wrapped = sender.Seal(0, WrapContext.Aad(draft.RecordId, draft.Tag, draft.Epoch), Fill(0x22));
        var wraps = new WrapSet([new RecipientWraps(Team.Id, SuiteId.HpkeX25519, sender.Enc, [new WrappedKey(0, wrapped)])], [H(0x33)]);
        Hash commitment = WrapSet.Commitment(wraps.Salts[0], wraps.Of(0).Select(w => w.ComputeHash()));
        return new UploadPackage(new Manifest(Alice.Address, [draft with { WrapCommitment = commitment }]), wraps, [record]);
    }

    private static byte[] Seal(ReadOnlySpan<byte> plaintext)
    {
        using SealedChunks chunks = SealedChunks.ForSealing(Fill(0x22), H(0x11), (ulong)plaintext.Length, [1, 2, 3, 4, 5, 6, 7]);
        var chunk = new byte[plaintext.Length + SealedHeader.TagSize];
        chunks.Seal(0, plaintext, chunk);
        return [.. chunks.HeaderBytes, .. chunk];
    }

    private static readonly TransactionBody Body = new(
        ChainId, Alice.Public, 300, 70_000, 5_000_000_000, Bob.Public, new ContractId("Token", Address.None), "transfer", """["ptoy1x","1.000000"]""");

    private static readonly Block SampleBlock = new(
        new BlockHeader(ChainId, 1, 9, MerkleTree.Root([H(4), H(5)]), 1_790_000_000_000, 7, H(6), H(8)), [H(4), H(5)]);

    private static readonly ReplicaSignature[] Signatures = [new(0, Signed), new(2, Signed), new(3, Signed)];
    private static readonly VoteStatement Vote = new(ChainId, 1, 2, 9, SampleBlock.ComputeHash());
    private static readonly CommitCertificate Committed = new(Vote, Signatures);
    private static readonly ExecutionStatement Executed = new(ChainId, 1, 9, H(10), H(11), H(12), H(13), 1_790_000_000_000);
    private static readonly ExecutionCertificate Certified = new(Executed, Signatures);
    private static readonly ValidatorSet Set = ValidatorSet.Of(0, [.. Enumerable.Range(40, 4).Select(i => new Validator(new SigningKey(Fill((byte)i)).Public, Bob.Address))]);

    // After the fields above, on which they rest: static fields are made in this order.
    internal static IReadOnlyList<WireCase> All { get; } = [.. Ledger(), .. Consensus(), .. Sync(), .. Records(), .. Audit()];

    internal static Manifest Manifest { get; } = Package().Manifest;

    internal static byte[] SealedRecord { get; } = Seal("{\"resourceType\":\"Goal\"}"u8);

    private static IEnumerable<WireCase> Ledger()
    {
        Receipt receipt = new(H(13), 9, 1, ReceiptStatus.Failed, 1234, "null", "balance is too low", [new(ContractId.Single("Token"), "Transfer", "{}")]);
        Genesis genesis = new("devnet", 1_790_000_000_000, 1, Set, [new("Token", "class Token {}")], [new(ContractId.Single("Token"), "allot", "[]")]);
        return
        [
            WireCase.Of(Alice.Public), WireCase.Of(Signed), WireCase.Of(new ContractId("Patient", Alice.Address)), WireCase.Of(Body),
            WireCase.Of(Transaction.Sign(Body, Alice, Bob).Envelope), WireCase.Of(SampleBlock.Header), WireCase.Of(SampleBlock),
            WireCase.Of(MerkleTree.Prove([H(1), H(2), H(3), H(4), H(5)], 3)), WireCase.Of(receipt.Events[0]), WireCase.Of(receipt),
            WireCase.Of(Set.Members[0]), WireCase.Of(Set), WireCase.Of(Signatures[1]), WireCase.Of(Vote), WireCase.Of(Committed),
            WireCase.Of(Executed), WireCase.Of(Certified), WireCase.Of(genesis.Contracts[0]), WireCase.Of(genesis.Calls[0]), WireCase.Of(genesis),
        ];
    }

    private static IEnumerable<WireCase> Consensus()
    {
        HeldVote held = new(true, 2, 9, H(14), Signed);
        ExecutionVote vote = new(9, H(10), H(11), H(12), H(13), 1_790_000_000_000, Signed);
        StatusStatement status = new(ChainId, 1, 3, 2, true, 9, 8, 7, 6, false, true, true, [held], vote);
        BlockRequestStatement request = new(ChainId, 1, 3, 9, H(14));
        PreparedCertificate prepared = new(Vote with { Height = 11 }, Signatures);
        ViewChangeStatement change = new(ChainId, 1, 3, 4, Certified, [prepared]);
        NewViewStatement newView = new(ChainId, 1, 4, [new(change, Signed)], [new(11, H(15))]);
        var preprepare = new PrePrepare(2, SampleBlock, Signed);
        return
        [
            WireCase.Of(held), WireCase.Of(status), WireCase.Of(new Status(status, Signed)), WireCase.Of(request),
            WireCase.Of(new BlockRequest(request, Signed)), WireCase.Of(new BlockReply(SampleBlock)), WireCase.Of(new Decision(Committed)),
            WireCase.Of(new Checkpoint(Certified)), WireCase.Of(new CertifiedBlock(SampleBlock, Committed)), WireCase.Of(prepared),
            WireCase.Of(change), WireCase.Of(newView.ViewChanges[0]), WireCase.Of(newView.Proposals[0]), WireCase.Of(newView),
            WireCase.Of(new NewView(newView, Signed)), WireCase.Of(preprepare), WireCase.Of(new Prepare(2, 9, H(14), Signed)),
            WireCase.Of(new Commit(2, 9, H(14), Signed)),
            WireCase.Of(new ContradictoryVotes(Alice.Public, true, Vote, Signed, Vote with { BlockHash = H(14) }, Signed)), WireCase.Of(vote), WireCase.Of<ConsensusMessage>(preprepare),
            WireCase.Of(new ConsensusEnvelope(1, 3, new Prepare(2, 9, H(14), Signed), [vote])),
        ];
    }

    private static StateItem[] Items => [.. Enumerable.Range(0, 5).Select(i => new StateItem($"Token//{i}", $"{i}"))];

    private static SnapshotFacts Snapshot =>
        new(Certified with { Statement = Certified.Statement with { Height = 7 } }, Committed with { Statement = Committed.Statement with { Height = 7 } }, 16);

    private static IEnumerable<WireCase> Sync()
    {
        byte[] transaction = Transaction.Sign(Body, Alice, Bob).Bytes;
        FullBlock full = new(SampleBlock, Committed, [transaction, transaction]);
        EpochStart began = new(Set with { Epoch = 2 }, Certified);
        MatchToken token = new("name-phone", H(17));
        MatchClaim claim = new(ChainId, Alice.Address, new byte[16], [token], 1_790_000_000_000, Team.Public);
        return
        [
            WireCase.Of(new TransactionBatch([transaction])), WireCase.Of(new BodiesRequest([H(4), H(5)])), WireCase.Of(new BlockRangeRequest(7, 64)),
            WireCase.Of(full), WireCase.Of(new BlockBatch([full])), WireCase.Of(new CertificateBatch([Certified])), WireCase.Of(Snapshot),
            WireCase.Of(new SnapshotHead(9, 1, Snapshot)), WireCase.Of(new SnapshotHead(9, 1, null)), WireCase.Of(new SnapshotChunkRequest(7, H(4), H(5))),
            WireCase.Of(Items[0]), WireCase.Of(StateRangeProver.Of(Items, Items[1].ToEntry().Key, StateRange.LastKey)), WireCase.Of(new StateStep(StateStepKind.Lone, H(1), H(2))),
            WireCase.Of(new RecordRequest(H(16), [H(0x11)])),
            WireCase.Of(began), WireCase.Of(new EpochsRequest(300)), WireCase.Of(new EpochBatch([began])),
            WireCase.Of(new MailItem(H(18), Alice.Address, Bob.Address, "match", [1, 2, 3], 1_790_000_000_000)),
            WireCase.Of(token), WireCase.Of(claim), WireCase.Of(MatchStatement.Sign(claim, Alice)),
        ];
    }

    private static IEnumerable<WireCase> Audit()
    {
        AccessEntry entry = new(
            1_790_000_000_000, Bob.Public, 9, Alice.Public, Bob.Address, Alice.Address, AccessAction.Read, "TREAT", [H(0x11)], [H(0x12)],
            AccessOutcome.Deny, "no-consent", "{}", Signed, new byte[AccessEntry.SaltSize], H(19));
        return
        [
            WireCase.Of(entry), WireCase.Of(new AccessSegment(3, 400, 20, H(20), H(21), H(22))),
            WireCase.Of(new AccessProof(entry, 3, MerkleTree.Prove([entry.ComputeHash(), H(1)], 0))),
            WireCase.Of(new RequestProof(Alice.Public, "text", Signed)), WireCase.Of(new StateProof([H(23), Hash.Zero], H(24), H(25))),
        ];
    }

    private static IEnumerable<WireCase> Records()
    {
        UploadPackage package = Package();
        return
        [
            WireCase.Of(package.Manifest.Entries[0]), WireCase.Of(package.Manifest), WireCase.Of(package.Wraps.Recipients[0].Keys[0]),
            WireCase.Of(package.Wraps.Recipients[0]), WireCase.Of(package.Wraps.Of(0)[0]), WireCase.Of(package.Wraps), WireCase.Of(package),
            WireCase.Of(StorageReceipt.Sign(StorageStatement.For(ChainId, package), Alice)),
            WireCase.Of(new SealedMessage(SuiteId.HpkeX25519, Team.Id, Fill(0x44), Fill(0x55))),
        ];
    }
}
