using System.Diagnostics;
using NUnit.Framework;
using static Ptoy.Storage.Tests.TestNode;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class DurabilityTests
{
    [Test]
    public void Whatever_was_acknowledged_is_there_after_kill_nine_at_any_moment()
    {
        using var node = new TestNode();
        var acknowledged = new Dictionary<string, ulong>();
        // Killed at different places of the writer's round, each time on what the round before left.
        foreach (int lines in new[] { 1, 6, 15, 40, 121 })
        {
            using Process writer = WriterProcess.Start(node.DirectoryPath);
            Task<string> errors = writer.StandardError.ReadToEndAsync();
            for (int i = 0; i < lines; i++)
            {
                string? line = writer.StandardOutput.ReadLine();
                if (line is null) Assert.Fail($"the writer ended by itself: {errors.Result}");
                Note(acknowledged, line!);
            }
            writer.Kill();
            writer.WaitForExit();
            // What it had said before it died counts too. The last line may be torn.
            string[] rest = writer.StandardOutput.ReadToEnd().Split('\n');
            foreach (string line in rest.SkipLast(1)) Note(acknowledged, line);
            AssertThere(node, acknowledged);
        }
        Assert.That(acknowledged["block"], Is.GreaterThan(10), "there was something to lose");
    }

    private static void Note(Dictionary<string, ulong> acknowledged, string line)
    {
        string[] words = line.Split(' ');
        if (words.Length == 2) acknowledged[words[0]] = ulong.Parse(words[1]);
    }

    private static void AssertThere(TestNode node, Dictionary<string, ulong> acknowledged)
    {
        using NodeStore store = node.Open();
        store.Verify();
        Assert.That(store.Consensus.MaySign, Is.True, store.Consensus.Problem);
        ulong block = acknowledged.GetValueOrDefault("block");
        Assert.That(store.Ledger.Last?.Height ?? 0, Is.GreaterThanOrEqualTo(block));
        for (ulong i = 1; i <= block; i++)
        {
            Assert.That(store.Ledger.Receipt(H($"n{i}"))!.Height, Is.EqualTo(i));
            Assert.That(store.Records.Sealed(H($"n{i}"), H($"n{i} record")), Is.EqualTo(Bytes($"sealed n{i}")));
        }
        if (block > 0) Assert.That(ulong.Parse(store.State.Get("Token//last")!), Is.EqualTo(store.Ledger.Last!.Height));
        HashSet<ulong> votes = [.. store.Consensus.LoadAll().Records.Select(r => r.Height)];
        for (ulong i = 1; i <= acknowledged.GetValueOrDefault("vote"); i++) Assert.That(votes, Does.Contain(i));
        if (acknowledged.TryGetValue("record", out ulong record)) Assert.That(store.Records.Has(H($"n{record}")), Is.True);
        if (acknowledged.TryGetValue("access", out ulong access)) Assert.That(store.Access.Count, Is.GreaterThan(access));
    }

    [Test]
    public void A_store_in_use_by_another_process_is_refused_with_what_to_do()
    {
        using var node = new TestNode();
        using Process writer = WriterProcess.Start(node.DirectoryPath);
        try
        {
            Assert.That(writer.StandardOutput.ReadLine(), Is.EqualTo("open"));
            StoreException locked = Assert.Throws<StoreException>(() => node.Open())!;
            Assert.That(locked.Problem, Is.EqualTo(StoreProblem.Locked));
            Assert.That(locked.Message, Does.Contain("in use by another process").And.Contain("Stop the other node"));
        }
        finally
        {
            writer.Kill();
            writer.WaitForExit();
        }
    }

    [Test]
    public void A_full_disk_is_reported_and_nothing_acknowledged_is_lost()
    {
        string mount = Directory.CreateTempSubdirectory("ptoy-full-").FullName;
        if (!OperatingSystem.IsLinux() || Run("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", mount) != 0)
        {
            Directory.Delete(mount);
            Assert.Ignore("needs the right to mount a small tmpfs; the seam test below covers the message");
        }
        try
        {
            using var node = new TestNode(Path.Combine(mount, "data"));
            int stored = 0;
            StoreException full;
            using (NodeStore store = node.Open())
            {
                Genesis(store);
                full = Assert.Throws<StoreException>(() =>
                {
                    for (; ; stored++) store.Records.Put(Big(stored));
                })!;
            }
            Assert.That(full.Problem, Is.EqualTo(StoreProblem.DiskFull));
            Assert.That(full.Message, Does.StartWith("disk full").And.Contain("Free space"));
            Assert.That(Run("mount", "-o", "remount,size=64m", mount), Is.Zero);
            using NodeStore again = node.Open();
            again.Verify();
            for (int i = 0; i < stored; i++) Assert.That(again.Records.Has(H($"big {i}")), Is.True);
            again.Records.Put(Big(stored));
            Assert.That(stored, Is.GreaterThan(3));
        }
        finally
        {
            Run("umount", mount);
            Directory.Delete(mount, recursive: true);
        }
    }

    [Test]
    public void A_failing_write_leaves_ledger_and_state_where_they_were()
    {
        using var node = new TestNode();
        bool full = false;
        using NodeStore store = node.Open(_ => { if (full) throw new IOException("No space left on device"); });
        Genesis(store, ("Token//a", "0"));
        full = true;
        StoreException failed = Assert.Throws<StoreException>(() => Commit(store, ["one"], Writes(("Token//a", "1"))))!;
        Assert.Multiple(() =>
        {
            Assert.That(failed.Problem, Is.EqualTo(StoreProblem.DiskFull));
            Assert.That(store.Ledger.Last!.Height, Is.Zero);
            Assert.That(store.State.Get("Token//a"), Is.EqualTo("0"));
        });
        full = false;
        Commit(store, ["one"], Writes(("Token//a", "1")));
        Assert.That(store.State.Get("Token//a"), Is.EqualTo("1"));
    }

    private static Records.ManifestUpload Big(int i)
    {
        // Does not compress.
        var bytes = new byte[512 * 1024];
        new Random(i).NextBytes(bytes);
        return WriterProcess.Upload($"big {i}") with { Records = [new Records.SealedRecord(H($"r{i}"), H("tag"), bytes)] };
    }

    private static int Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
