using System.Security.Cryptography;
using NUnit.Framework;
using Ptoy.Protocol;
using RocksDbSharp;
using static Ptoy.Storage.Tests.TestNode;
using Hash = Ptoy.Protocol.Hash;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class DamageTests
{
    private static void Fill(TestNode node)
    {
        using NodeStore store = node.Open();
        Genesis(store, [.. Enumerable.Range(0, 300).Select(i => ($"Token//{i}", (string?)$"\"{i}\""))]);
        for (int i = 0; i < 5; i++)
        {
            store.Records.Put(WriterProcess.Upload($"m{i}"));
            Commit(store, [$"t{i}"], Writes(($"Token//{i}", "\"changed\"")));
        }
    }

    private static string[] Files(TestNode node, string pattern) => Directory.GetFiles(node.StorePath, pattern);

    private static void Overwrite(string path, Func<byte[], byte[]> change) => File.WriteAllBytes(path, change(File.ReadAllBytes(path)));

    private static byte[] Flip(byte[] bytes, int at)
    {
        bytes[at] ^= 0xff;
        return bytes;
    }

    private static StoreException Refused(TestNode node, StoreProblem problem, StoreOptions? options = null)
    {
        StoreException refused = Assert.Throws<StoreException>(() =>
        {
            using NodeStore store = NodeStore.Open(options ?? node.Options);
            store.Verify();
        })!;
        Assert.That(refused.Problem, Is.EqualTo(problem), refused.Message);
        return refused;
    }

    private static void AssertSaysWhatToDo(StoreException damaged) =>
        Assert.That(damaged.Message, Does.Contain("is damaged").And.Contain("Do not repair it").And.Contain("move the directory away"));

    [Test]
    public void Another_storage_key_is_refused()
    {
        using var node = new TestNode();
        Fill(node);
        StoreException refused = Refused(node, StoreProblem.WrongKey, node.Options with { StorageKey = SHA256.HashData("other"u8) });
        Assert.That(refused.Message, Does.Contain("the node storage key does not fit").And.Contain("that this data was written with"));
        using NodeStore right = node.Open();
        Assert.That(right.Ledger.Last!.Height, Is.EqualTo(5), "the attempt did no harm");
    }

    [Test]
    public void A_storage_key_of_the_wrong_length_is_named()
    {
        using var node = new TestNode();
        Assert.That(() => NodeStore.Open(node.Options with { StorageKey = new byte[16] }),
            Throws.ArgumentException.With.Message.Contain("16 bytes, not 32"));
    }

    [Test]
    public void Another_chain_is_refused()
    {
        using var node = new TestNode();
        Fill(node);
        StoreException refused = Refused(node, StoreProblem.WrongChain, node.Options with { ChainId = H("another chain") });
        Assert.That(refused.Message, Does.Contain($"belongs to chain {Chain.Short}").And.Contain("genesis file"));
    }

    [Test]
    public void A_newer_format_is_refused()
    {
        using var node = new TestNode();
        Fill(node);
        using (RocksDb raw = OpenRaw(node)) raw.Put("format"u8, new byte[] { 0, 0, 0, 3 });
        StoreException refused = Refused(node, StoreProblem.NewerFormat);
        Assert.That(refused.Message, Does.Contain("newer version (format 3"));
    }

    [Test]
    public void An_older_format_is_refused()
    {
        using var node = new TestNode();
        Fill(node);
        using (RocksDb raw = OpenRaw(node)) raw.Put("format"u8, new byte[] { 0, 0, 0, 1 });
        StoreException refused = Refused(node, StoreProblem.OlderFormat);
        Assert.That(refused.Message, Does.Contain("older version (format 1").And.Contain("empty data directory"));
    }

    [Test]
    public void A_table_of_a_newer_version_is_refused()
    {
        using var node = new TestNode();
        Fill(node);
        using (RocksDb raw = OpenRaw(node)) raw.CreateColumnFamily(new ColumnFamilyOptions(), "from-the-future");
        Refused(node, StoreProblem.NewerFormat);
    }

    [TestCase("MANIFEST-*")]
    [TestCase("CURRENT")]
    public void A_missing_file_is_recognised(string pattern)
    {
        using var node = new TestNode();
        Fill(node);
        using (NodeStore store = node.Open()) store.Records.Purge(H("none"));
        foreach (string file in Files(node, pattern)) File.Delete(file);
        AssertSaysWhatToDo(Refused(node, StoreProblem.Damaged));
    }

    [Test]
    public void A_missing_table_file_is_recognised()
    {
        using var node = new TestNode();
        Fill(node);
        using (NodeStore store = node.Open()) store.Records.Purge(H("none"));
        File.Delete(Files(node, "*.sst").OrderBy(f => new FileInfo(f).Length).Last());
        AssertSaysWhatToDo(Refused(node, StoreProblem.Damaged));
    }

    [Test]
    public void A_truncated_table_file_is_recognised()
    {
        using var node = new TestNode();
        Fill(node);
        using (NodeStore store = node.Open()) store.Records.Purge(H("none"));
        string largest = Files(node, "*.sst").OrderBy(f => new FileInfo(f).Length).Last();
        Overwrite(largest, b => b[..(b.Length / 2)]);
        AssertSaysWhatToDo(Refused(node, StoreProblem.Damaged));
    }

    [Test]
    public void A_flipped_byte_in_any_table_file_is_recognised_at_the_latest_when_it_is_read()
    {
        using var node = new TestNode();
        Fill(node);
        using (NodeStore store = node.Open()) store.Records.Purge(H("none"));
        string[] tables = [.. Files(node, "*.sst").Select(f => Path.GetFileName(f))];
        Assert.That(tables, Has.Length.GreaterThan(10));
        foreach (string table in tables)
        {
            using var copy = new TestNode();
            Directory.CreateDirectory(copy.StorePath);
            foreach (string file in Files(node, "*")) File.Copy(file, Path.Combine(copy.StorePath, Path.GetFileName(file)));
            Overwrite(Path.Combine(copy.StorePath, table), b => Flip(b, 20));
            AssertSaysWhatToDo(Refused(copy, StoreProblem.Damaged));
        }
    }

    [Test]
    public void A_damaged_record_in_the_middle_of_the_log_is_recognised()
    {
        using var node = new TestNode();
        Fill(node);
        string log = Files(node, "*.log").OrderBy(f => new FileInfo(f).Length).Last();
        Overwrite(log, b => Flip(b, b.Length / 3));
        AssertSaysWhatToDo(Refused(node, StoreProblem.Damaged));
    }

    [Test]
    public void A_torn_last_record_of_the_log_is_a_write_that_never_was()
    {
        using var node = new TestNode();
        Fill(node);
        string log = Files(node, "*.log").OrderBy(f => new FileInfo(f).Length).Last();
        Overwrite(log, b => b[..^10]);
        using NodeStore store = node.Open();
        store.Verify();
        Assert.That(store.Ledger.Last!.Height, Is.EqualTo(4).Or.EqualTo(5));
        Assert.That(store.State.Height, Is.EqualTo(store.Ledger.Last.Height));
    }

    [Test]
    public void A_value_moved_to_another_key_is_recognised()
    {
        using var node = new TestNode();
        Fill(node);
        using (RocksDb raw = OpenRaw(node))
        {
            ColumnFamilyHandle blocks = raw.GetColumnFamily("blocks");
            byte[] second = [0, 0, 0, 0, 0, 0, 0, 2], third = [0, 0, 0, 0, 0, 0, 0, 3];
            raw.Put(third, raw.Get(second, blocks), blocks);
        }
        using NodeStore store = node.Open();
        Assert.That(store.Ledger.Block(2)!.Header.Height, Is.EqualTo(2));
        StoreException damaged = Assert.Throws<StoreException>(() => store.Ledger.Block(3))!;
        Assert.That(damaged.Message, Does.Contain("a value of 'blocks' fails authentication"));
    }

    [Test]
    public void A_state_that_was_set_back_behind_the_ledger_is_recognised()
    {
        using var node = new TestNode();
        Fill(node);
        using (RocksDb raw = OpenRaw(node)) raw.Remove(new byte[] { 0, 0, 0, 0, 0, 0, 0, 5 }, raw.GetColumnFamily("state-roots"));
        Assert.That(Refused(node, StoreProblem.Damaged).Message, Does.Contain("different heights"));
    }

    [Test]
    public void A_directory_that_is_a_file_is_named()
    {
        using var node = new TestNode();
        File.WriteAllText(node.StorePath, "not a directory");
        StoreException refused = Assert.Throws<StoreException>(() => node.Open())!;
        Assert.That(refused.Message, Does.Contain(node.StorePath));
    }

    private static RocksDb OpenRaw(TestNode node)
    {
        var families = new ColumnFamilies();
        foreach (string name in RocksDb.ListColumnFamilies(new DbOptions(), node.StorePath).Where(n => n != "default"))
            families.Add(name, new ColumnFamilyOptions());
        return RocksDb.Open(new DbOptions(), node.StorePath, families);
    }
}
