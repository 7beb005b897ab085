using NUnit.Framework;
using Ptoy.Services.Connector.Hl7;

namespace Ptoy.Services.Tests.Connector.Hl7;

public sealed class MergeTests
{
    private static int s_number;

    private static byte[] Person(string number, string authority = "HOSP", string name = "Beispiel^Erika", string birth = "19700102") =>
        Messages.Bytes(Messages.Header("ADT^A28", $"{++s_number}"), Messages.Pid(number, authority, name, birth));

    private static byte[] Merge(string from, string into, string trigger = "A40", string authority = "HOSP",
        string fromAuthority = "HOSP") =>
        Messages.Bytes(Messages.Header($"ADT^{trigger}", $"{++s_number}"), Messages.Pid(into, authority),
            $"MRG|{from}^^^{fromAuthority}^MR");

    private static async Task<(RecordingIntake Intake, Hl7Report Report)> PlayAsync(params byte[][] messages)
    {
        var intake = new RecordingIntake();
        await using Feed feed = await Feed.StartAsync(intake);
        foreach (byte[] message in messages) Assert.That(await feed.SendAsync(message), Does.Contain("\rMSA|AA|"));
        await feed.SettleAsync();
        return (intake, feed.Part.Report());
    }

    [TestCase("A34")]
    [TestCase("A40")]
    [TestCase("A47")]
    public async Task A_merge_makes_two_numbers_one_and_the_survivor_says_so(string trigger)
    {
        (RecordingIntake intake, Hl7Report report) = await PlayAsync(Person("1"), Person("2"), Merge("1", "2", trigger));
        Assert.That(intake.Merges, Is.EqualTo(new[] { "HOSP|1 -> HOSP|2" }));
        Assert.That(intake.Newest("Patient").Count(p => p.Contains("\"type\":\"replaces\"", StringComparison.Ordinal)), Is.EqualTo(1));
        Assert.That(report.Kept, Is.Empty);
    }

    [Test]
    public async Task A_survivor_keeps_its_link_when_it_is_updated()
    {
        (RecordingIntake intake, _) = await PlayAsync(
            Person("1"), Person("2"), Merge("1", "2"), Messages.Bytes(Messages.Header("ADT^A08", "u"), "PID|1||2^^^HOSP^MR||Neu^Erika"));
        Assert.That(intake.Newest("Patient").Single(p => p.Contains("Neu", StringComparison.Ordinal)), Does.Contain("\"replaces\""));
    }

    [Test]
    public async Task A_merge_that_is_sent_again_changes_nothing()
    {
        (RecordingIntake intake, Hl7Report report) = await PlayAsync(Person("1"), Person("2"), Merge("1", "2"), Merge("1", "2"));
        Assert.That(intake.Merges, Has.Count.EqualTo(1));
        Assert.That(report.Merges.Select(m => m.Name), Is.EqualTo(new[] { "already", "done" }));
    }

    [Test]
    public async Task A_circle_is_for_staff()
    {
        (RecordingIntake intake, Hl7Report report) = await PlayAsync(
            Person("1"), Person("2"), Person("3"), Merge("1", "2"), Merge("2", "3"), Merge("3", "1"));
        Assert.That(intake.Merges, Is.EqualTo(new[] { "HOSP|1 -> HOSP|2", "HOSP|2 -> HOSP|3" }));
        Assert.That(report.Kept.Select(k => (k.Because, k.Kind)), Is.EqualTo(new[] { ("Review", "ADT^A40") }));
    }

    [Test]
    public async Task Two_people_are_not_made_one()
    {
        (RecordingIntake intake, Hl7Report report) = await PlayAsync(
            Person("1", name: "Anders^Karl", birth: "19550505"), Person("2"), Merge("1", "2"));
        Assert.That(intake.Merges, Is.Empty);
        Assert.That(report.Kept.Single().Reason, Does.Contain("different birth dates"));
    }

    [Test]
    public async Task The_same_number_at_two_hospitals_merges_only_where_it_is_meant()
    {
        (RecordingIntake intake, _) = await PlayAsync(
            Person("1", "A"), Person("1", "B"), Person("2", "B"), Merge("1", "2", authority: "B", fromAuthority: "B"));
        Assert.That(intake.Merges, Is.EqualTo(new[] { "B|1 -> B|2" }));
    }

    [Test]
    public async Task A_number_that_does_not_say_whose_it_is_is_for_staff_when_two_gave_it()
    {
        (RecordingIntake intake, Hl7Report report) = await PlayAsync(
            Person("1", "A"), Person("1", "B"), Person("2", "B"), Merge("1", "2", authority: "B", fromAuthority: ""));
        Assert.That(intake.Merges, Is.Empty);
        Assert.That(report.Kept.Single().Because, Is.EqualTo("Review"));
        (intake, _) = await PlayAsync(Person("1", "B"), Person("2", "B"), Merge("1", "2", authority: "B", fromAuthority: ""));
        Assert.That(intake.Merges, Is.EqualTo(new[] { "B|1 -> B|2" }), "and the survivor's where only one did");
    }

    [Test]
    public async Task An_account_that_was_merged_is_inactive_and_the_patient_stays()
    {
        byte[] merge = Messages.Bytes(Messages.Header("ADT^A41", "acc"), Messages.Pid("2") + "|||||NEW^^^HOSP", "MRG|2^^^HOSP||OLD^^^HOSP");
        (RecordingIntake intake, _) = await PlayAsync(Person("2"), merge);
        Assert.That(intake.Merges, Is.Empty);
        Assert.That(intake.Newest("Account")
            .Select(a => a.Contains("\"status\":\"inactive\"", StringComparison.Ordinal)), Is.EquivalentTo(new[] { true, false }));
    }
}
