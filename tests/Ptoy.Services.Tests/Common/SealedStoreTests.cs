using System.Text;
using NUnit.Framework;
using Ptoy.Services.Common;
using RocksDbSharp;

namespace Ptoy.Services.Tests.Common;

public sealed class SealedStoreTests
{
    private static readonly byte[] Key = Enumerable.Repeat((byte)7, 32).ToArray();
    private string _folder = "";

    [SetUp]
    public void SetUp() => _folder = Directory.CreateTempSubdirectory("ptoy-store-").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void WhatIsWrittenIsThereAfterReopening()
    {
        using (SealedStore store = Open()) Put(store.Table("a"), "k", "value");
        using SealedStore again = Open();
        Assert.That(Text(again.Table("a").Get("k")), Is.EqualTo("value"));
        Assert.That(again.Table("b").Get("k"), Is.Null);
    }

    [Test]
    public void ABatchIsWrittenAllOrNothing()
    {
        using SealedStore store = Open();
        SealedTable table = store.Table("a"), inPartition = store.Partition("p").Table("a");
        Assert.That(() => store.Write(b =>
        {
            b.Put(table, "one", Bytes("1"));
            throw new InvalidOperationException("in the middle");
        }), Throws.InvalidOperationException);
        Assert.That(table.Get("one"), Is.Null);
        store.Write(b =>
        {
            b.Put(table, "one", Bytes("1"));
            b.Put(inPartition, "one", Bytes("in p"));
            b.Put(table, "two", Bytes("2"));
            b.Delete(table, "two");
        });
        Assert.That((Text(table.Get("one")), Text(inPartition.Get("one")), table.Has("two")), Is.EqualTo(("1", "in p", false)));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void AScanGivesThePrefixInOrdinalOrderWhateverItsSize(bool ordered)
    {
        using SealedStore store = Open();
        SealedTable table = store.Table("t", ordered);
        string[] keys = [.. Enumerable.Range(0, 700).Select(i => $"{(i % 3 == 0 ? "B" : "a")}/{i:d4}"), "a", "a0", "z"];
        store.Write(b => { foreach (string key in keys) b.Put(table, key, Bytes("v" + key)); });
        Put(store.Table("other", ordered), "a/x", "not this");
        string[] sorted = [.. keys.Order(StringComparer.Ordinal)];
        Assert.That(table.Scan().Select(r => r.Key), Is.EqualTo(sorted));
        Assert.That(table.Scan("a/").Select(r => Text(r.Value)), Is.EqualTo(sorted.Where(k => k.StartsWith("a/", StringComparison.Ordinal)).Select(k => "v" + k)));
        Assert.That(table.Keys("a"), Is.EqualTo(sorted.Where(k => k.StartsWith('a'))));
        Assert.That(table.Scan("nothing/"), Is.Empty);
    }

    [Test]
    public void AnotherKeyDoesNotOpenIt()
    {
        using (SealedStore store = Open()) Put(store.Table("a"), "k", "value");
        byte[] other = [.. Key];
        other[0] ^= 1;
        Assert.That(() => SealedStore.Open(_folder, other), Throws.TypeOf<InvalidDataException>().With.Message.Contains("the key file belongs to another store"));
    }

    [Test]
    public void ASecondOpeningIsToldThatTheStoreIsInUse()
    {
        using SealedStore store = Open();
        Assert.That(() => Open(), Throws.TypeOf<InvalidDataException>().With.Message.Contains("in use"));
    }

    [Test]
    public void NeitherNamesNorValuesAreInTheFiles()
    {
        using (SealedStore store = Open())
        {
            Put(store.Table("table-needle"), "key-needle", "value-needle");
            Put(store.Partition("owner-needle").Table("table-needle"), "key-needle", "value-needle");
        }
        foreach (string needle in new[] { "table-needle", "key-needle", "value-needle", "owner-needle" }) Assert.That(InFiles(Bytes(needle)), Is.False, needle);
    }

    [Test]
    public void AnOrderedTableShowsItsKeysOnDiskAsItSays()
    {
        using (SealedStore store = Open()) Put(store.Table("log", ordered: true), "sequence-0001", "value-needle");
        Assert.That((InFiles(Bytes("sequence-0001")), InFiles(Bytes("value-needle"))), Is.EqualTo((true, false)));
    }

    [Test]
    public void AChangedValueIsNoticed()
    {
        byte[] physical;
        using (SealedStore store = Open())
        {
            Put(store.Table("a"), "k", "value");
            physical = store.Table("a").Physical("k");
        }
        Raw(db =>
        {
            byte[] row = db.Get(physical);
            row[^1] ^= 1;
            db.Put(physical, row);
        });
        using SealedStore again = Open();
        Assert.That(() => again.Table("a").Get("k"), Throws.TypeOf<InvalidDataException>().With.Message.Contains("a row of table 'a' does not open"));
    }

    [Test]
    public void AValueMovedToAnotherKeyTableOrPartitionIsNoticed()
    {
        byte[][] to;
        byte[] from;
        using (SealedStore store = Open())
        {
            Put(store.Table("a"), "k", "value");
            from = store.Table("a").Physical("k");
            to = [store.Table("a").Physical("l"), store.Table("b").Physical("k"), store.Partition("p").Table("a").Physical("k")];
        }
        Raw(db => { foreach (byte[] place in to) db.Put(place, db.Get(from)); });
        using SealedStore again = Open();
        SealedTable partition = again.Partition("p").Table("a");
        Assert.That(() => again.Table("a").Get("l"), Throws.TypeOf<InvalidDataException>());
        Assert.That(() => again.Table("b").Get("k"), Throws.TypeOf<InvalidDataException>());
        Assert.That(() => partition.Get("k"), Throws.TypeOf<InvalidDataException>());
    }

    [Test]
    public void ADestroyedPartitionIsGoneAndItsKeyIsInNoFile()
    {
        byte[] keyOnDisk;
        using (SealedStore store = Open())
        {
            SealedTable table = store.Partition("patient").Table("a");
            Put(table, "k", "secret");
            Put(store.Table("a"), "k", "mine");
            keyOnDisk = Slot(1);
            Assert.That(InFiles(keyOnDisk), Is.True);
            Assert.That(store.Destroy("patient"), Is.True);
            Assert.That(() => table.Get("k"), Throws.TypeOf<StoreGoneException>());
            Assert.That(() => Put(table, "k", "late"), Throws.TypeOf<StoreGoneException>());
            Assert.That(() => store.Write(b => b.Put(table, "k", Bytes("late"))), Throws.TypeOf<StoreGoneException>());
            Assert.That(store.Partition("patient").Table("a").Get("k"), Is.Null);
            Assert.That(store.Destroy("nobody"), Is.False);
        }
        Assert.That(InFiles(keyOnDisk), Is.False);
        using SealedStore again = Open();
        Assert.That(Text(again.Table("a").Get("k")), Is.EqualTo("mine"));
        Assert.That(again.Owners, Is.EqualTo(new[] { "patient" }));
        Assert.That(again.Partition("patient").Table("a").Scan(), Is.Empty);
    }

    [Test]
    public void RowsLeftByAStopWithinADestructionAreDroppedAtTheNextStart()
    {
        byte[] physical;
        using (SealedStore store = Open())
        {
            SealedTable table = store.Partition("patient").Table("a");
            Put(table, "k", "secret");
            Put(store.Partition("other").Table("a"), "k", "kept");
            physical = table.Physical("k");
        }
        using (var file = new FileStream(Keys, FileMode.Open)) // the key is erased, the rows are not
        {
            file.Position = 256;
            file.Write(new byte[256]);
        }
        using (SealedStore again = Open())
        {
            Assert.That(again.HasPartition("patient"), Is.False);
            Assert.That(Text(again.Partition("other").Table("a").Get("k")), Is.EqualTo("kept"));
        }
        Raw(db => Assert.That(db.Get(physical), Is.Null));
    }

    [Test]
    public void ADamagedOrMissingKeyFileStopsTheStart()
    {
        using (SealedStore store = Open()) Put(store.Partition("patient").Table("a"), "k", "secret");
        byte[] whole = File.ReadAllBytes(Keys);
        byte[] changed = [.. whole];
        changed[300] ^= 1;
        File.WriteAllBytes(Keys, changed);
        Assert.That(() => Open(), Throws.TypeOf<InvalidDataException>().With.Message.Contains("slot 1 is damaged"));
        File.WriteAllBytes(Keys, whole[..100]);
        Assert.That(() => Open(), Throws.TypeOf<InvalidDataException>().With.Message.Contains("cut short"));
        File.Delete(Keys);
        Assert.That(() => Open(), Throws.TypeOf<InvalidDataException>().With.Message.Contains("missing"));
    }

    [Test]
    public void AKilledProcessHasLostNothingThatWasWritten()
    {
        // The files as they are while the store is open are what a killed process leaves behind.
        string copy = Directory.CreateTempSubdirectory("ptoy-store-copy-").FullName;
        try
        {
            using (SealedStore store = Open())
            {
                for (int i = 0; i < 50; i++) Put(store.Partition($"p{i % 3}").Table("a"), $"{i}", $"v{i}");
                foreach (string file in Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories)) Copy(file, copy);
            }
            using SealedStore again = SealedStore.Open(copy, Key);
            Assert.That(Enumerable.Range(0, 50).Select(i => Text(again.Partition($"p{i % 3}").Table("a").Get($"{i}"))), Is.EqualTo(Enumerable.Range(0, 50).Select(i => $"v{i}")));
        }
        finally
        {
            Directory.Delete(copy, recursive: true);
        }
    }

    [Test]
    public void TooLargeValuesAndNamelessOwnersAreRefused()
    {
        using SealedStore store = Open();
        SealedTable table = store.Table("a");
        Assert.That(() => store.Write(b => b.Put(table, "k", new byte[SealedStore.MaxValue + 1])), Throws.ArgumentException.With.Message.Contains("table 'a'"));
        Assert.That(() => store.Partition(""), Throws.ArgumentException);
        Assert.That(() => store.Partition(new string('x', 161)), Throws.ArgumentException);
        Assert.That(() => SealedStore.Open(_folder, new byte[31]), Throws.ArgumentException);
    }

    [Test]
    public void AClosedStoreSaysSo()
    {
        SealedStore store = Open();
        SealedTable table = store.Table("a");
        store.Dispose();
        store.Dispose();
        Assert.That(() => table.Get("k"), Throws.TypeOf<StoreGoneException>());
        Assert.That(() => store.Owners, Throws.TypeOf<StoreGoneException>());
    }

    private string Keys => Path.Combine(_folder, "partitions.keys");

    private SealedStore Open() => SealedStore.Open(_folder, Key);

    private static void Put(SealedTable table, string key, string value) => table.Put(key, Bytes(value));

    private byte[] Slot(int slot)
    {
        using FileStream file = new(Keys, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var box = new byte[256];
        file.Position = slot * 256;
        file.ReadExactly(box);
        return box;
    }

    private bool InFiles(byte[] needle) => Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories).Any(f => Content(f).AsSpan().IndexOf(needle) >= 0);

    private static byte[] Content(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var content = new MemoryStream();
        file.CopyTo(content);
        return content.ToArray();
    }

    private void Copy(string file, string to)
    {
        string target = Path.Combine(to, Path.GetRelativePath(_folder, file));
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        File.WriteAllBytes(target, Content(file));
    }

    private void Raw(Action<RocksDb> use)
    {
        using RocksDb db = RocksDb.Open(new DbOptions(), Path.Combine(_folder, "rows"));
        use(db);
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string? Text(byte[]? bytes) => bytes is null ? null : Encoding.UTF8.GetString(bytes);
}
