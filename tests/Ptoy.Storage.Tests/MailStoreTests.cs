using NUnit.Framework;
using Ptoy.Storage.Mail;
using static Ptoy.Storage.Tests.TestNode;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class MailStoreTests
{
    private static StoredMail Item(string id, ulong expiry = 100, int size = 10) => new(H(id), expiry, new byte[size]);

    [Test]
    public void Messages_are_listed_until_they_are_removed_or_expire()
    {
        using var node = new TestNode();
        using (NodeStore store = node.Open())
        {
            Assert.That(store.Mail.Put(A("ann"), Item("a", expiry: 10)), Is.EqualTo(MailResult.Stored));
            Assert.That(store.Mail.Put(A("ann"), Item("b", expiry: 20)), Is.EqualTo(MailResult.Stored));
            Assert.That(store.Mail.Put(A("bob"), Item("a", expiry: 20)), Is.EqualTo(MailResult.Stored));
            Assert.That(store.Mail.Put(A("ann"), Item("a", expiry: 99)), Is.EqualTo(MailResult.Duplicate));
        }
        using NodeStore again = node.Open();
        Assert.Multiple(() =>
        {
            Assert.That(again.Mail.List(A("ann"), 5).Select(m => m.Id), Is.EquivalentTo(new[] { H("a"), H("b") }));
            Assert.That(again.Mail.List(A("ann"), 10).Select(m => m.Id), Is.EqualTo(new[] { H("b") }));
            Assert.That(again.Mail.Expire(10), Is.EqualTo(1));
            Assert.That(again.Mail.List(A("ann"), 0).Select(m => m.Id), Is.EqualTo(new[] { H("b") }));
            Assert.That(again.Mail.Remove(A("ann"), H("b")), Is.True);
            Assert.That(again.Mail.Remove(A("ann"), H("b")), Is.False);
            Assert.That(again.Mail.List(A("bob"), 0), Has.Count.EqualTo(1));
            Assert.That(again.Mail.Expire(10), Is.Zero);
        });
    }

    [Test]
    public void A_box_is_bounded_in_count_bytes_and_size_of_a_message()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        for (int i = 0; i < MailStore.MaxCount; i++) store.Mail.Put(A("ann"), Item($"{i}"));
        for (int i = 0; i < MailStore.MaxBoxBytes / MailStore.MaxBytes; i++) store.Mail.Put(A("bob"), Item($"{i}", size: MailStore.MaxBytes));
        Assert.Multiple(() =>
        {
            Assert.That(store.Mail.Put(A("ann"), Item("one more")), Is.EqualTo(MailResult.Full));
            Assert.That(store.Mail.Put(A("bob"), Item("one more")), Is.EqualTo(MailResult.Full));
            Assert.That(store.Mail.Put(A("eve"), Item("x", size: MailStore.MaxBytes + 1)), Is.EqualTo(MailResult.WrongSize));
            Assert.That(store.Mail.Put(A("eve"), Item("x", size: 0)), Is.EqualTo(MailResult.WrongSize));
            Assert.That(store.Mail.Put(A("eve"), Item("x")), Is.EqualTo(MailResult.Stored));
        });
    }
}
