using System.Text;
using NUnit.Framework;
using Ptoy.Client.Keys;
using Ptoy.Client.Sealing;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Tests.Sealing;

public sealed class ManifestTests
{
    private const int Epoch = 3;
    private static readonly byte[] Record = Encoding.UTF8.GetBytes("""{"resourceType":"Encounter","value":1.00}""");
    private readonly VaultRoot _root = new(1, Enumerable.Repeat((byte)7, 32).ToArray());
    private readonly SealingKey _team = new(Enumerable.Repeat((byte)9, 32).ToArray());
    private readonly SealingKey _stranger = new(Enumerable.Repeat((byte)11, 32).ToArray());
    private readonly Address _owner = new(new Hash(Enumerable.Repeat((byte)1, 32).ToArray()));

    [OneTimeTearDown]
    public void Dispose()
    {
        _root.Dispose();
        _team.Dispose();
        _stranger.Dispose();
    }

    [Test]
    public void OwnerAndGranteeOpenWhatIsWrappedToThem()
    {
        UploadPackage package = Package();
        using KeyRing owner = OwnerRing(), team = Ring(_team);
        Assert.That(Open(owner, package, 0), Is.EqualTo(Record));
        Assert.That(Open(team, package, 0), Is.EqualTo(Record));
        Assert.That(Open(owner, package, 1), Is.EqualTo("second"u8.ToArray()));
    }

    [Test]
    public void AReaderWithoutAWrapIsToldSo()
    {
        UploadPackage package = Package();
        using KeyRing team = Ring(_team), stranger = Ring(_stranger);
        Assert.That(() => Open(team, package, 1), Fault(SealFault.NoKey));
        Assert.That(() => Open(stranger, package, 0), Fault(SealFault.NoKey));
    }

    [Test]
    public void AnEpochsKeyDoesNotOpenTheNextEpoch()
    {
        UploadPackage package = Package();
        using var ring = new KeyRing(_root.VaultKey("encounters", Epoch - 1), _root.VaultKey("encounters", Epoch + 1));
        Assert.That(() => Open(ring, package, 0), Fault(SealFault.NoKey));
    }

    [Test]
    public void AnEntryWithItsProofIsEnoughToOpen()
    {
        UploadPackage package = Package();
        using KeyRing team = Ring(_team);
        Manifest manifest = package.Manifest;
        var opener = new RecordOpener(team);
        byte[] opened = opener.Open(manifest.Root(), _owner, manifest.Entries[0], manifest.Prove(0), package.Wraps.Of(0), package.Sealed[0]);
        Assert.That(opened, Is.EqualTo(Record));
        Assert.That(
            () => opener.Open(manifest.Root(), _owner, manifest.Entries[0], manifest.Prove(1), package.Wraps.Of(0), package.Sealed[0]),
            Fault(SealFault.Manifest));
    }

    [Test]
    public void AnotherRootIsRefused()
    {
        UploadPackage package = Package();
        using KeyRing owner = OwnerRing();
        Assert.That(() => new RecordOpener(owner).Open(Package().Manifest.Root(), package.Manifest, 0, package.Wraps.Of(0), package.Sealed[0]), Fault(SealFault.Manifest));
    }

    [Test]
    public void AManifestChangedAfterItWasCheckedIsCheckedAgain()
    {
        UploadPackage package = Package();
        using KeyRing owner = OwnerRing();
        var opener = new RecordOpener(owner);
        Hash root = package.Manifest.Root();
        Assert.That(opener.Open(root, package.Manifest, 0, package.Wraps.Of(0), package.Sealed[0]), Is.EqualTo(Record));
        package.Manifest.Entries[1] = package.Manifest.Entries[1] with { Tag = _root.Tags["goals"] };
        Assert.That(() => opener.Open(root, package.Manifest, 0, package.Wraps.Of(0), package.Sealed[0]), Fault(SealFault.Manifest));
    }

    [Test]
    public void TheSameEntriesUnderAnotherOwnerHaveAnotherRoot()
    {
        Manifest manifest = Package().Manifest;
        var thief = new Address(new Hash(Enumerable.Repeat((byte)2, 32).ToArray()));
        Assert.That((manifest with { Owner = thief }).Root(), Is.Not.EqualTo(manifest.Root()));
    }

    [Test]
    public void ChangedBytesAreRefusedBeforeAnyKeyIsUsed()
    {
        UploadPackage package = Package();
        package.Sealed[0][^1] ^= 1;
        using KeyRing owner = OwnerRing();
        Assert.That(() => Open(owner, package, 0), Fault(SealFault.Manifest));
    }

    [Test]
    public void AWrapMovedToAnotherRecordDoesNotOpen()
    {
        UploadPackage package = Package();
        using KeyRing owner = OwnerRing();
        RecordWrap ownersWrap = package.Wraps.Of(0).Single(w => owner.Holds(w.KeyId));
        Assert.That(() => owner.Unwrap(_owner, package.Manifest.Entries[1], ownersWrap with { Entry = 1 }), Fault(SealFault.Wrap));
    }

    [Test]
    public void ADeletedWrapLeavesTheOthersUsable()
    {
        UploadPackage package = Package();
        using KeyRing team = Ring(_team);
        RecordWrap[] left = [.. package.Wraps.Of(0).Where(w => w.KeyId == _team.Id)];
        Assert.That(left, Has.Length.EqualTo(1));
        Assert.That(new RecordOpener(team).Open(package.Manifest.Root(), package.Manifest, 0, left, package.Sealed[0]), Is.EqualTo(Record));
    }

    [Test]
    public void ThePatientsDeviceLetsSomebodyReadOneOldRecord()
    {
        UploadPackage package = Package();
        using KeyRing owner = OwnerRing(), reader = Ring(_stranger);
        ManifestEntry entry = package.Manifest.Entries[1];
        byte[] dataKey = new RecordOpener(owner).DataKey(_owner, entry, 1, package.Wraps.Of(1));
        RecipientWraps added = KeyWrapper.Wrap(_owner, [new KeyToWrap(1, entry, dataKey)], _stranger.Public);
        var wrap = new RecordWrap(1, added.KeyId, added.Suite, added.Enc, added.Keys[0].Ciphertext);
        byte[] opened = new RecordOpener(reader).Open(package.Manifest.Root(), package.Manifest, 1, [wrap], package.Sealed[1]);
        Assert.That(opened, Is.EqualTo("second"u8.ToArray()));
    }

    [Test]
    public void ThePackageSurvivesTheWire()
    {
        UploadPackage package = Package();
        UploadPackage decoded = Codec.Decode<UploadPackage>(Codec.Encode(package), UploadPackage.MaxBytes);
        Assert.That(decoded.Verify(), Is.Null);
        using KeyRing owner = OwnerRing();
        Assert.That(Open(owner, decoded, 0), Is.EqualTo(Record));
    }

    [Test]
    public void ThePackageNamesWhatDoesNotFit()
    {
        UploadPackage package = Package();
        package.Sealed[1][100] ^= 1;
        Assert.That(package.Verify(), Does.Contain("sealed[1]"));
        UploadPackage other = Package();
        Assert.That((Package() with { Wraps = other.Wraps }).Verify(), Does.Contain("entry 0"));
        Assert.That((other with { Sealed = [other.Sealed[0]] }).Problem(), Does.Contain("1 sealed records for 2 entries"));
    }

    [Test]
    public void ARecordThatNobodyCouldOpenIsRefused()
    {
        var builder = new ManifestBuilder(_owner, Epoch, new Dictionary<Hash, PublicKey>());
        Assert.That(() => builder.Add(Record, _root.Tags["goals"]), Fault(SealFault.NoKey));
    }

    [Test]
    public void AFullManifestTakesNoMore()
    {
        var builder = new ManifestBuilder(_owner, Epoch, _root.PublicKeys(Epoch));
        for (int i = 0; i < Manifest.MaxEntries; i++) builder.Add(Record, _root.Tags["goals"]);
        Assert.That(builder.Fits(1, 0), Is.False);
        Assert.That(() => builder.Add(Record, _root.Tags["goals"]), Fault(SealFault.Manifest));
        UploadPackage package = builder.Build();
        Assert.That(Codec.Encode(package.Manifest), Has.Length.LessThanOrEqualTo(Manifest.MaxBytes));
        Assert.That(package.Problem() ?? package.Verify(), Is.Null);
    }

    private UploadPackage Package()
    {
        var builder = new ManifestBuilder(_owner, Epoch, _root.PublicKeys(Epoch));
        builder.Add(Record, _root.Tags["encounters"], _team.Public);
        builder.Add("second"u8, _root.Tags["mental-health"]);
        return builder.Build();
    }

    private KeyRing OwnerRing() => new(_root.VaultKeys(Epoch));

    private static KeyRing Ring(SealingKey key) => new(new SealingKey(key.Export()));

    private static byte[] Open(KeyRing ring, UploadPackage package, int index) =>
        new RecordOpener(ring).Open(package.Manifest.Root(), package.Manifest, index, package.Wraps.Of(index), package.Sealed[index]);

    private static NUnit.Framework.Constraints.Constraint Fault(SealFault fault) =>
        Throws.TypeOf<SealException>().With.Property(nameof(SealException.Fault)).EqualTo(fault);
}
