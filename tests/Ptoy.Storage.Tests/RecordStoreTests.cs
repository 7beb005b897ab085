using NUnit.Framework;
using Ptoy.Protocol;
using Ptoy.Storage.Records;
using static Ptoy.Storage.Tests.TestNode;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class RecordStoreTests
{
    private static ManifestUpload Upload(string name, string owner = "ann", ulong receivedMs = 100, int records = 2) => new()
    {
        Root = H(name),
        Owner = A(owner),
        Manifest = Bytes($"manifest {name}"),
        Records = [.. Enumerable.Range(0, records).Select(i => new SealedRecord(H($"{name} {i}"), H(i % 2 == 0 ? "even" : "odd"), Bytes($"sealed bytes of {name} {i}")))],
        Wraps = [.. Enumerable.Range(0, records).SelectMany(i => new[] { "vault", "team" }.Select(k => new StoredWrap(H($"{name} {i}"), H(k), Bytes($"wrap {name} {i} {k}"))))],
        ReceivedMs = receivedMs,
    };

    [Test]
    public void A_manifest_comes_back_as_it_was_after_reopening()
    {
        using var node = new TestNode();
        using (NodeStore store = node.Open()) store.Records.Put(Upload("m"));
        using NodeStore again = node.Open();
        Assert.Multiple(() =>
        {
            Assert.That(again.Records.Has(H("m")), Is.True);
            Assert.That(again.Records.Manifest(H("m")), Is.EqualTo(Bytes("manifest m")));
            Assert.That(again.Records.Sealed(H("m"), H("m 1")), Is.EqualTo(Bytes("sealed bytes of m 1")));
            Assert.That(again.Records.Wrap(H("m"), H("m 1"), H("team")), Is.EqualTo(Bytes("wrap m 1 team")));
            Assert.That(again.Records.Wraps(H("m")).Count(), Is.EqualTo(4));
            Assert.That(again.Records.Wraps(H("m"), H("m 0")).Select(w => w.KeyId), Is.EquivalentTo(new[] { H("vault"), H("team") }));
            Assert.That(again.Records.Info(H("m"))!.RecordIds, Is.EqualTo(new[] { H("m 0"), H("m 1") }));
            Assert.That(again.Records.Sealed(H("n"), H("m 1")), Is.Null);
        });
    }

    [Test]
    public void Records_are_listed_once_their_manifest_is_registered_in_a_block()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store);
        store.Records.Put(Upload("m", receivedMs: 5));
        Assert.Multiple(() =>
        {
            Assert.That(store.Records.OfOwner(A("ann")), Is.Empty);
            Assert.That(store.Records.OfOwner(A("ann"), includePending: true).Count(), Is.EqualTo(2));
            Assert.That(store.Records.Pending(6), Is.EqualTo(new[] { new PendingManifest(H("m"), 5) }));
            Assert.That(store.Records.Pending(5), Is.Empty);
        });
        Commit(store, ["register"], Writes(), manifests: [H("m")]);
        Assert.Multiple(() =>
        {
            Assert.That(store.Records.OfOwner(A("ann"), H("odd")), Is.EqualTo(new[] { new OwnedRecord(H("odd"), H("m 1"), H("m")) }));
            Assert.That(store.Records.OfOwner(A("bob")), Is.Empty);
            Assert.That(store.Records.Pending(), Is.Empty);
            Assert.That(store.Records.Info(H("m"))!.RegisteredHeight, Is.EqualTo(1));
        });
        store.Records.Put(Upload("m"));
        Assert.That(store.Records.Info(H("m"))!.Registered, Is.True, "a repeated upload does not take the registration back");
    }

    [Test]
    public void A_registered_manifest_that_is_not_here_is_missing_until_it_arrives()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store);
        Commit(store, ["register"], Writes(), manifests: [H("m")]);
        Assert.That(store.Records.Missing(), Is.EqualTo(new[] { new MissingManifest(H("m"), 1) }));
        store.Records.Put(Upload("m"));
        Assert.Multiple(() =>
        {
            Assert.That(store.Records.Missing(), Is.Empty);
            Assert.That(store.Records.Info(H("m"))!.RegisteredHeight, Is.EqualTo(1));
            Assert.That(store.Records.OfOwner(A("ann")).Count(), Is.EqualTo(2));
        });
    }

    [Test]
    public void A_record_id_of_another_manifest_overwrites_nothing()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        store.Records.Put(Upload("m"));
        ManifestUpload hostile = Upload("evil") with { Records = [new SealedRecord(H("m 0"), H("even"), Bytes("garbage"))], Wraps = [] };
        store.Records.Put(hostile);
        Assert.That(store.Records.Sealed(H("m"), H("m 0")), Is.EqualTo(Bytes("sealed bytes of m 0")));
    }

    [Test]
    public void One_wrap_is_deletable_alone_and_others_can_be_added()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        store.Records.Put(Upload("m"));
        store.Records.DeleteWrap(H("m"), H("m 0"), H("team"));
        store.Records.PutWraps(H("m"), [new StoredWrap(H("m 0"), H("new team"), Bytes("w"))]);
        Assert.Multiple(() =>
        {
            Assert.That(store.Records.Wraps(H("m"), H("m 0")).Select(w => w.KeyId), Is.EquivalentTo(new[] { H("vault"), H("new team") }));
            Assert.That(store.Records.Wraps(H("m"), H("m 1")).Count(), Is.EqualTo(2));
            Assert.That(() => store.Records.PutWraps(H("n"), []), Throws.TypeOf<StoreException>());
        });
    }

    [Test]
    public void Erased_bytes_leave_the_files()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store);
        store.Records.Put(Upload("gone"));
        store.Records.Put(Upload("kept"));
        Commit(store, ["register"], Writes(), manifests: [H("gone"), H("kept")]);
        byte[] needle = Bytes("sealed bytes of gone 0");
        Assert.That(FilesWith(node, needle), Is.Not.Empty, "sealed bytes are stored as they are");
        Assert.That(store.Records.Delete(H("gone")), Is.True);
        store.Records.Purge(H("gone"));
        Assert.Multiple(() =>
        {
            Assert.That(FilesWith(node, needle), Is.Empty);
            Assert.That(FilesWith(node, Bytes("sealed bytes of kept 0")), Is.Not.Empty);
            Assert.That(store.Records.OfOwner(A("ann")).Select(r => r.ManifestRoot).Distinct(), Is.EqualTo(new[] { H("kept") }));
            Assert.That(store.Records.Wraps(H("gone")), Is.Empty);
            Assert.That(store.Records.Manifest(H("gone")), Is.Null);
            Assert.That(store.Records.Delete(H("gone")), Is.False);
        });
    }

    [Test]
    public void A_manifest_without_records_is_refused()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Assert.That(() => store.Records.Put(Upload("m", records: 0)), Throws.TypeOf<StoreException>().With.Message.Contain("1 to 1000 records"));
    }

    private static string[] FilesWith(TestNode node, byte[] needle) =>
        [.. Directory.GetFiles(node.StorePath).Where(f => ReadShared(f).AsSpan().IndexOf(needle) >= 0)];

    private static byte[] ReadShared(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }
}
