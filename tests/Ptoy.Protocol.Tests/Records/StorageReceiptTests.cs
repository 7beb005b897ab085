using System.Text;
using NUnit.Framework;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Tests.Wire;

namespace Ptoy.Protocol.Tests.Records;

public sealed class StorageReceiptTests
{
    private static readonly SigningKey[] Nodes = [.. Enumerable.Range(60, 5).Select(i => new SigningKey(Samples.Fill((byte)i)))];
    private static readonly ValidatorSet Members = ValidatorSet.Of(0, [.. Nodes.Take(4).Select(n => new Validator(n.Public, Samples.Bob.Address))]);
    private static readonly StorageStatement Statement = StorageStatement.For(Samples.ChainId, Samples.Package());

    [Test]
    public void TheSignedTextIsWhatAContractBuilds()
    {
        Manifest manifest = Samples.Manifest;
        ManifestEntry entry = manifest.Entries[0];
        byte[] facts = System.Security.Cryptography.SHA256.HashData(Encoding.ASCII.GetBytes($"5|{entry.Tag}|{entry.Tag}:{Samples.Team.Id}"));
        string text = $"{Samples.ChainId}|{manifest.Root()}|{manifest.Owner}|{entry.Length}|1|{Convert.ToHexStringLower(facts)}";
        Assert.That(Statement.ToString(), Is.EqualTo(text));
        StorageReceipt receipt = StorageReceipt.Sign(Statement, Nodes[0]);
        Assert.That(Signing.Verify(receipt.Node, "ptoy/storage-receipt/v1", Encoding.UTF8.GetBytes(text), receipt.Signature), Is.True);
    }

    [Test]
    public void AReceiptIsForOneStatement()
    {
        StorageReceipt receipt = StorageReceipt.Sign(Statement, Nodes[0]);
        Assert.That(receipt.Verify(Statement), Is.True);
        Assert.That(receipt.Verify(Statement with { ByteCount = Statement.ByteCount + 1 }), Is.False);
        Assert.That(receipt.Verify(Statement with { EntryCount = 2 }), Is.False);
        Assert.That(receipt.Verify(Statement with { Owner = Samples.Bob.Address }), Is.False);
        Assert.That(receipt.Verify(Statement with { ChainId = Hash.Zero }), Is.False);
        Assert.That(receipt.Verify(Statement with { Facts = Hash.Zero }), Is.False);
        Assert.That((receipt with { Node = Nodes[1].Public }).Verify(Statement), Is.False);
    }

    [Test]
    public void AQuorumOfDifferentMembersIsNeeded()
    {
        StorageReceipt[] all = [.. Nodes.Select(n => StorageReceipt.Sign(Statement, n))];
        Assert.That(StorageReceipt.VerifyQuorum(Members, Statement, all[..3]), Is.Null);
        Assert.That(StorageReceipt.VerifyQuorum(Members, Statement, all[..2]), Does.Contain("quorum of 3"));
        Assert.That(StorageReceipt.VerifyQuorum(Members, Statement, [all[0], all[1], all[1]]), Does.Contain("twice"));
        Assert.That(StorageReceipt.VerifyQuorum(Members, Statement, [all[0], all[1], all[4]]), Does.Contain("not a member"));
        Assert.That(StorageReceipt.VerifyQuorum(Members, Statement, [all[0], all[1], all[2] with { Signature = all[1].Signature }]), Does.Contain("wrong"));
    }

    [Test]
    public void ARegistrationFollowsFromManifestAndWraps()
    {
        UploadPackage package = Samples.Package();
        Registration registration = Registration.Of(package.Manifest, package.Wraps);
        ManifestEntry entry = package.Manifest.Entries[0];
        Assert.That(registration.ToJson(), Is.EqualTo(
            $$"""{"root":"{{package.Manifest.Root()}}","bytes":{{entry.Length}},"count":1,"epoch":5,"tags":["{{entry.Tag}}"],"recipients":[{"tag":"{{entry.Tag}}","keyId":"{{Samples.Team.Id}}"}]}"""));
        ManifestEntry other = entry with { RecordId = Samples.H(0x77), Epoch = 6 };
        Assert.That(() => Registration.Of(package.Manifest with { Entries = [entry, other] }, package.Wraps), Throws.ArgumentException);
    }

    [Test]
    public void ManifestsRefuseWhatTheyCannotMean()
    {
        Manifest manifest = Samples.Manifest;
        ManifestEntry entry = manifest.Entries[0];
        Assert.That((manifest with { Entries = [] }).Problem(), Does.Contain("empty"));
        Assert.That((manifest with { Entries = [entry, entry] }).Problem(), Does.Contain("twice"));
        Assert.That((manifest with { Owner = Address.None }).Problem(), Does.Contain("owner"));
        Assert.That((manifest with { Entries = [entry with { Epoch = 64 }] }).Problem(), Does.Contain("epoch 64"));
        Assert.That((manifest with { Entries = [entry with { Length = 5 }] }).Problem(), Does.Contain("length 5"));
        Assert.That((manifest with { Entries = [.. Enumerable.Range(0, 1001).Select(i => entry with { RecordId = Samples.H(1) })] }).Problem(), Does.Contain("more than 1000"));
    }
}
