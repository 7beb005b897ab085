using System.Text;
using NUnit.Framework;
using Ptoy.Services.Common;

namespace Ptoy.Services.Tests;

public sealed class SealedJournalTests
{
    private static readonly byte[] Key = Enumerable.Repeat((byte)5, 32).ToArray();
    private string _path = "";

    [SetUp]
    public void SetUp() => _path = Path.Combine(Directory.CreateTempSubdirectory("ptoy-journal-").FullName, "j");

    [TearDown]
    public void TearDown() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    private IReadOnlyList<string> Read()
    {
        using SealedJournal journal = SealedJournal.Open(_path, Key, "test", out IReadOnlyList<byte[]> entries);
        return [.. entries.Select(Encoding.UTF8.GetString)];
    }

    private void Write(params string[] entries)
    {
        using SealedJournal journal = SealedJournal.Open(_path, Key, "test", out _);
        foreach (string entry in entries) journal.Append(Encoding.UTF8.GetBytes(entry));
    }

    [Test]
    public void EntriesComeBackInOrder()
    {
        Write("one", "two");
        Write("three");
        Assert.That(Read(), Is.EqualTo(new[] { "one", "two", "three" }));
    }

    [Test]
    public void AHalfWrittenLastEntryIsDroppedWhereverItIsCut()
    {
        Write("one", "two");
        byte[] whole = File.ReadAllBytes(_path);
        int first = whole.Length / 2;
        for (int length = first; length < whole.Length; length++)
        {
            File.WriteAllBytes(_path, whole[..length]);
            Assert.That(Read(), Is.EqualTo(new[] { "one" }));
        }
        Write("again");
        Assert.That(Read(), Is.EqualTo(new[] { "one", "again" }));
    }

    [Test]
    public void AnyChangedByteIsNoticed()
    {
        Write("one", "two");
        byte[] whole = File.ReadAllBytes(_path);
        for (int at = 4; at < whole.Length / 2; at++)
        {
            byte[] changed = [.. whole];
            changed[at] ^= 1;
            File.WriteAllBytes(_path, changed);
            Assert.That(() => Read(), Throws.TypeOf<InvalidDataException>().With.Message.Contains("test: entry 0 does not open"));
        }
    }

    [Test]
    public void AnEntryCannotBeTakenOut()
    {
        Write("one", "two");
        byte[] whole = File.ReadAllBytes(_path);
        File.WriteAllBytes(_path, whole[(whole.Length / 2)..]);
        Assert.That(() => Read(), Throws.TypeOf<InvalidDataException>());
    }

    [Test]
    public void AnotherPurposeDoesNotOpenIt()
    {
        Write("one");
        Assert.That(() => SealedJournal.Open(_path, Key, "other", out _), Throws.TypeOf<InvalidDataException>().With.Message.StartsWith("other: "));
    }
}
