using System.Security.Cryptography;
using System.Text;
using NUnit.Framework;
using Ptoy.Storage.Consensus;
using static Ptoy.Storage.Tests.TestNode;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class ScannerTests
{
    private const string Planted = "planted-marker-0815";

    private static async Task Fill(NodeStore store)
    {
        Genesis(store, ($"Token//{Planted}", $"\"{Planted}\""));
        store.Consensus.Append([new ConsensusRecord(2, 1, 0, Bytes(Planted))], [new ConsensusBody(1, H("b"), Bytes(Planted))], synced: true);
        Commit(store, [Planted], Writes());
        store.Records.Put(WriterProcess.Upload("m") with { Manifest = Bytes(Planted), Wraps = [new(H("r"), H("k"), Bytes(Planted))] });
        store.Mail.Put(A("ann"), new(H("mail"), 5, Bytes(Planted)));
        store.Local.Put("note", Bytes(Planted));
        await store.Access.AppendAsync(WriterProcess.Entry(1) with { Reason = Planted });
        store.Access.Seal();
    }

    [Test]
    public async Task A_copy_of_the_files_gives_every_value_of_every_table_decrypted()
    {
        using var node = new TestNode();
        using var copy = new TestNode();
        using (NodeStore store = node.Open())
        {
            await Fill(store);
            foreach (string file in Directory.GetFiles(node.DirectoryPath, "*", SearchOption.AllDirectories).Where(f => Path.GetFileName(f) != "LOCK"))
            {
                string target = Path.Combine(copy.DirectoryPath, Path.GetRelativePath(node.DirectoryPath, file));
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(file, target);
            }
        }
        using StoreScanner scanner = StoreScanner.Open(copy.DirectoryPath, node.Options.StorageKey);
        string[] found = [.. scanner.Entries().Where(e => e.Value.AsSpan().IndexOf(Bytes(Planted)) >= 0).Select(e => $"{e.Database}/{e.Table}")];
        Assert.That(found, Is.EquivalentTo(new[]
        {
            "store/state-values", "store/bodies", "store/manifests", "store/wraps", "store/mail", "store/meta", "store/access",
            "consensus/votes", "consensus/pending-bodies",
        }));
    }

    [Test]
    public async Task No_value_but_sealed_bytes_is_readable_in_the_raw_files()
    {
        using var node = new TestNode();
        using (NodeStore store = node.Open())
        {
            await Fill(store);
            store.Records.Purge(H("none"));
            Commit(store, [Planted + " again"], Writes());
        }
        foreach (string file in Directory.GetFiles(node.DirectoryPath, "*", SearchOption.AllDirectories))
        {
            Assert.That(File.ReadAllBytes(file).AsSpan().IndexOf(Bytes(Planted)), Is.EqualTo(-1), file);
            Assert.That(File.ReadAllBytes(file).AsSpan().IndexOf(Encoding.UTF8.GetBytes("wrap m")), Is.EqualTo(-1), file);
        }
    }

    [Test]
    public async Task An_open_store_lists_the_same_entries()
    {
        using var node = new TestNode();
        int open;
        using (NodeStore store = node.Open())
        {
            await Fill(store);
            open = store.Entries().Count();
        }
        using StoreScanner scanner = StoreScanner.Open(node.DirectoryPath, node.Options.StorageKey);
        Assert.That(scanner.Entries().Count(), Is.EqualTo(open).And.GreaterThan(20));
    }

    [Test]
    public void A_directory_without_a_store_and_a_wrong_key_are_named()
    {
        using var node = new TestNode();
        Assert.That(() => StoreScanner.Open(node.DirectoryPath, new byte[32]), Throws.TypeOf<StoreException>().With.Message.Contain("holds no store"));
        using (NodeStore store = node.Open()) Genesis(store);
        Assert.That(() => StoreScanner.Open(node.DirectoryPath, SHA256.HashData("x"u8)), Throws.TypeOf<StoreException>().With.Message.Contain("storage key does not fit"));
    }

    [Test]
    public void Notes_are_kept_and_listed_by_prefix()
    {
        using var node = new TestNode();
        using (NodeStore store = node.Open())
        {
            store.Local.Put("skip/1", [1]);
            store.Local.Put("skip/2", [2]);
            store.Local.Put("other", [3]);
            store.Local.Remove("skip/1");
        }
        using NodeStore again = node.Open();
        Assert.That(again.Local.Names("skip/"), Is.EqualTo(new[] { "skip/2" }));
        Assert.That(again.Local.Get("skip/2"), Is.EqualTo(new byte[] { 2 }));
        Assert.That(again.Local.Get("skip/1"), Is.Null);
    }
}
