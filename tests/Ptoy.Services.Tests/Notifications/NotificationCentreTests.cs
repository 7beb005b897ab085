using System.Text.Json;
using NUnit.Framework;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Services.Common;
using Ptoy.Services.Grants;
using Ptoy.Services.Hosting;
using Ptoy.Services.Notifications;

namespace Ptoy.Services.Tests.Notifications;

public sealed class NotificationCentreTests
{
    private static readonly byte[] Key = Enumerable.Repeat((byte)3, 32).ToArray();
    private static readonly NotificationOptions Options = new(new AccountOptions("none")) { Smtp = new SmtpOptions("h", 25, "from@example.org"), MaxWaiting = 3, MaxInbox = 10, MaxAttempts = 3 };
    private static readonly Address Ana = AddressOf(1), Ben = AddressOf(2);
    private string _folder = "";
    private ManualTime _time = new();
    private SealedStore _store = null!;
    private NotificationCentre _centre = null!;

    [SetUp]
    public void SetUp()
    {
        _folder = Directory.CreateTempSubdirectory("ptoy-notices-").FullName;
        _time = new ManualTime(); // noon, UTC
        Open();
    }

    [TearDown]
    public void TearDown()
    {
        Close();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void ANoticeIsTakenOnceAndIsInTheInboxOfItsPersonOnly()
    {
        Hook(Ana);
        Hook(Ben);
        var notice = new Notice(Ana, NoticeKind.Written, "written/1", "r1") { By = Ben };
        Assert.That((_centre.Raise(notice), _centre.Raise(notice)), Is.EqualTo((true, false)));
        Reopen();
        Assert.That(_centre.Raise(notice), Is.False, "nor after a restart");
        NoticeItem item = _centre.Inbox(Ana, 0).Single();
        Assert.That((item.Sequence, item.Kind, item.Reference, item.By), Is.EqualTo((1L, "written", "r1", Ben.ToString())));
        Assert.That(_centre.Inbox(Ben, 0), Is.Empty);
        Assert.That(_centre.Inbox(Ana, 1), Is.Empty);
    }

    [Test]
    public void WhoSetNothingAndKindsThatAreNotWantedAreLeftAlone()
    {
        Assert.That(_centre.Raise(new Notice(Ana, NoticeKind.Read, "a")), Is.False);
        _centre.Set(Ana, new NotificationPreferences { Kinds = ["written"], Webhook = "https://hook.example/x" });
        Assert.That(_centre.Raise(new Notice(Ana, NoticeKind.Read, "b")), Is.False);
        Assert.That(_centre.Raise(new Notice(Ana, NoticeKind.Account, "c")), Is.True, "what is about the account itself is always told");
    }

    [Test]
    public void DeliveriesStayDueUntilTheyArriveAlsoOverARestart()
    {
        Hook(Ana);
        _centre.Raise(new Notice(Ana, NoticeKind.Written, "1"));
        _centre.Raise(new Notice(Ana, NoticeKind.Written, "2"));
        DueDeliveries lost = _centre.TakeDue()!;
        Assert.That((lost.Channel, lost.Target, lost.Notices.Count), Is.EqualTo((NotificationCentre.Webhook, "https://hook.example/x", 2)));
        Reopen();
        DueDeliveries again = _centre.TakeDue()!;
        Assert.That(again.Notices.Select(n => n.Id), Is.EqualTo(lost.Notices.Select(n => n.Id)), "the ids are the same each time");
        _centre.Delivered(again);
        Assert.That(_centre.TakeDue(), Is.Null);
        Reopen();
        Assert.That(_centre.TakeDue(), Is.Null);
    }

    [Test]
    public void WhatFailsIsPutOffLongerEachTimeAndGivenUpInTheEnd()
    {
        Hook(Ana);
        _centre.Raise(new Notice(Ana, NoticeKind.Written, "1"));
        TimeSpan before = TimeSpan.Zero;
        for (int attempt = 1; attempt < Options.MaxAttempts; attempt++)
        {
            _centre.Failed(_centre.TakeDue()!, "no answer", forGood: false);
            Assert.That(_centre.TakeDue(), Is.Null, "not at once");
            TimeSpan delay = _centre.NextDue!.Value - _time.GetUtcNow();
            Assert.That(delay, Is.GreaterThan(before));
            before = delay;
            _time.Advance(delay + TimeSpan.FromSeconds(1));
        }
        _centre.Failed(_centre.TakeDue()!, "no answer", forGood: false);
        Assert.That((_centre.TakeDue(), _centre.NextDue), Is.EqualTo(((DueDeliveries?)null, (DateTimeOffset?)null)));
        DeadLetter dead = _centre.DeadLetters().Single();
        Assert.That((dead.Account, dead.Channel, dead.Attempts, dead.Problem), Is.EqualTo((Ana.ToString(), "webhook", 3, "no answer")));
        Assert.That(_centre.Inbox(Ana, 0), Has.Count.EqualTo(1), "the notice itself is kept");
    }

    [Test]
    public void AnAddressThatDoesNotExistIsGivenUpAtOnce()
    {
        Hook(Ana);
        _centre.Raise(new Notice(Ana, NoticeKind.Written, "1"));
        _centre.Failed(_centre.TakeDue()!, "gone", forGood: true);
        Assert.That(_centre.DeadLetters(), Has.Count.EqualTo(1));
    }

    [Test]
    public void QueueAndInboxAreBounded()
    {
        Hook(Ana);
        for (int i = 1; i <= 8; i++) Assert.That(_centre.Raise(new Notice(Ana, NoticeKind.Written, $"{i}")), Is.True);
        Assert.That(_centre.TakeDue()!.Notices.Select(n => n.Sequence), Is.EqualTo(new long[] { 1, 2, 3 }), "three wait, the others are in the inbox only");
        for (int i = 9; i <= 15; i++) _centre.Raise(new Notice(Ana, NoticeKind.Written, $"{i}"));
        Assert.That(_centre.Inbox(Ana, 0).Select(n => n.Sequence), Is.EqualTo(Enumerable.Range(6, 10).Select(i => (long)i)));
        Reopen();
        Assert.That(_centre.TakeDue(), Is.Null);
        Assert.That(_centre.DeadLetters().Select(d => d.Sequence), Is.EqualTo(new long[] { 1, 2, 3 }), "what waited too long to be there still is not dropped without a word");
        Assert.That(_centre.Raise(new Notice(Ana, NoticeKind.Written, "15")), Is.False, "a key is known as long as its notice is kept");
    }

    [Test]
    public void AnEmailAddressIsUsedOnceItsCodeCameBack()
    {
        string code = _centre.Set(Ana, new NotificationPreferences { Email = "ana@example.org" })!;
        _centre.Raise(new Notice(Ana, NoticeKind.Written, "1"));
        Assert.That(_centre.TakeDue(), Is.Null);
        Assert.That(() => _centre.Confirm(Ana, "XXXX-000000"), Throws.TypeOf<FieldException>().With.Message.StartsWith("code"));
        Assert.That(_centre.Confirm(Ana, code).EmailConfirmed, Is.True);
        _centre.Raise(new Notice(Ana, NoticeKind.Written, "2"));
        Assert.That(_centre.TakeDue()!.Target, Is.EqualTo("ana@example.org"));
        Assert.That(_centre.Set(Ana, new NotificationPreferences { Email = "ana@example.org", QuietFrom = "22:00", QuietTo = "07:00" }), Is.Null, "the same address needs no new code");
        Assert.That(_centre.Set(Ana, new NotificationPreferences { Email = "other@example.org" }), Is.Not.Null);
        Assert.That(_centre.State(Ana).EmailConfirmed, Is.False);
        for (int i = 0; i < 3; i++) _centre.Set(Ana, new NotificationPreferences { Email = $"a{i}@example.org" });
        Assert.That(() => _centre.Set(Ana, new NotificationPreferences { Email = "victim@example.org" }), Throws.TypeOf<RateLimitException>());
    }

    [Test]
    public void WhoEndsItLeavesNothing()
    {
        Hook(Ana);
        _centre.Raise(new Notice(Ana, NoticeKind.Written, "1"));
        _centre.Set(Ana, null);
        Assert.That((_centre.TakeDue(), _centre.Inbox(Ana, 0).Count, _centre.People.Count, _store.HasPartition(Ana.ToString())), Is.EqualTo(((DueDeliveries?)null, 0, 0, false)));
    }

    [TestCase("22:00", "07:00", "UTC", "2026-03-01T23:30Z", "2026-03-02T07:00Z")]
    [TestCase("22:00", "07:00", "UTC", "2026-03-01T06:59Z", "2026-03-01T07:00Z")]
    [TestCase("22:00", "07:00", "UTC", "2026-03-01T07:00Z", "2026-03-01T07:00Z")]
    [TestCase("13:00", "14:30", "UTC", "2026-03-01T13:15Z", "2026-03-01T14:30Z")]
    [TestCase("22:00", "07:00", "America/New_York", "2026-03-01T05:00Z", "2026-03-01T12:00Z")]
    [TestCase("22:00", "07:00", "America/New_York", "2026-03-08T04:00Z", "2026-03-08T11:00Z")] // clocks go forward in this night
    [TestCase("01:00", "02:30", "America/New_York", "2026-03-08T06:30Z", "2026-03-08T07:30Z")] // 02:30 does not exist: an hour later
    [TestCase("22:00", "07:00", "UTC", "2026-03-01T12:00Z", "2026-03-01T12:00Z")]
    public void QuietHoursPutOffWhatIsNotUrgent(string from, string to, string zone, string raised, string sent)
    {
        var preferences = new NotificationPreferences { QuietFrom = from, QuietTo = to, TimeZone = zone };
        DateTimeOffset at = DateTimeOffset.Parse(raised);
        Assert.That(PreferenceRules.SendAt(preferences, at, NoticeUrgency.Normal), Is.EqualTo(DateTimeOffset.Parse(sent)));
        Assert.That(PreferenceRules.SendAt(preferences, at, NoticeUrgency.Urgent), Is.EqualTo(at));
    }

    [Test]
    public void PreferencesThatCannotBeUsedAreRefusedByName()
    {
        (NotificationPreferences Bad, string Field)[] cases =
        [
            (new() { Email = "no address" }, "email"), (new() { Email = "a@b,c@d" }, "email"), (new() { Email = "a@b\r\nBcc: c@d" }, "email"),
            (new() { Webhook = "http://elsewhere.example/" }, "webhook"), (new() { Webhook = "https://user:pw@host/" }, "webhook"), (new() { Webhook = "file:///etc/passwd" }, "webhook"),
            (new() { QuietFrom = "22:00" }, "quietTo"), (new() { QuietFrom = "25:00", QuietTo = "07:00" }, "quietFrom"), (new() { TimeZone = "Mars/Olympus" }, "timeZone"),
            (new() { Kinds = ["everything"] }, "kinds"),
        ];
        foreach ((NotificationPreferences bad, string field) in cases) Assert.That(() => _centre.Set(Ana, bad), Throws.TypeOf<FieldException>().With.Property("Field").EqualTo(field));
        Assert.That(_centre.People, Is.Empty);
    }

    [Test]
    public void EventsBecomeNoticesToThePeopleTheyConcern()
    {
        ChainEvent Happened(string contract, string name, object data) => new(5, "t", contract, name, JsonSerializer.SerializeToElement(data));
        Notice Only(ChainEvent happened) => EventNotices.Of(happened).Single();
        Notice written = Only(Happened("Records", "registered", new { root = "r", owner = Ana.ToString(), author = Ben.ToString() }));
        Assert.That((written.To, written.Kind, written.Reference, written.By), Is.EqualTo((Ana, NoticeKind.Written, "r", (Address?)Ben)));
        Assert.That(EventNotices.Of(Happened("Records", "registered", new { root = "r", owner = Ana.ToString(), author = Ana.ToString() })), Is.Empty, "what one writes oneself is no news");
        Notice granted = Only(Happened($"Patient/{Ana}", "granted", new { id = 3, type = "permit", actor = new { organisation = Ben.ToString() } }));
        Assert.That((granted.To, granted.Kind, granted.Reference, granted.By), Is.EqualTo((Ana, NoticeKind.Granted, "3", (Address?)Ben)));
        Assert.That(Only(Happened("Token", "transfer", new { from = Ana.ToString(), to = Ben.ToString(), amount = "5" })).To, Is.EqualTo(Ben));
        Assert.That(Only(Happened("Identity", "revoked", new { account = Ana.ToString() })).Urgency, Is.EqualTo(NoticeUrgency.Urgent));
        Assert.That(EventNotices.Of(Happened("Governance", "proposed", new { id = 1 })), Is.Empty);
        Assert.That(EventNotices.Of(Happened("Records", "registered", new { root = 7 })), Is.Empty, "an event of another shape breaks nothing");
    }

    private void Hook(Address person) => _centre.Set(person, new NotificationPreferences { Webhook = "https://hook.example/x" });

    private void Open()
    {
        _store = SealedStore.Open(_folder, Key);
        _centre = new NotificationCentre(Options, _store, _time);
    }

    private void Close()
    {
        _centre.Dispose();
        _store.Dispose();
    }

    private void Reopen()
    {
        Close();
        Open();
    }

    private static Address AddressOf(byte seed)
    {
        using var key = new SigningKey(Enumerable.Repeat(seed, 32).ToArray());
        return key.Address;
    }
}
