using System.Text;
using NUnit.Framework;
using Ptoy.Services.Connector;
using Ptoy.Services.Connector.Hl7;

namespace Ptoy.Services.Tests.Connector.Hl7;

public sealed class FeedTests
{
    private static string Code(string answer) => answer.Split('\r').First(l => l.StartsWith("MSA", StringComparison.Ordinal)).Split('|')[1];

    [Test]
    public async Task A_message_is_acknowledged_and_handed_over_with_its_original()
    {
        var intake = new RecordingIntake();
        await using Feed feed = await Feed.StartAsync(intake);
        byte[] message = Messages.Admission("CTRL-9");
        string answer = await feed.SendAsync(message);
        await feed.SettleAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer, Does.StartWith(@"MSH|^~\&|PTOY|NET|APP|HOSP|").And.Contain("|ACK^A01^ACK|").And.Contain(
                "\rMSA|AA|CTRL-9\r"));
            Assert.That(intake.Batches, Has.Count.EqualTo(1));
            Assert.That(intake.Batches[0].PatientId, Is.EqualTo("HOSP|4711"));
            Assert.That(intake.Batches[0].Resources.Single(r => r.Type == IntakeTypes.Hl7v2).Bytes.ToArray(), Is.EqualTo(message));
            Assert.That(intake.Batches[0].Resources
                .Select(r => r.Type), Does.Contain("Patient").And.Contain("Encounter").And.Contain("Provenance"));
        }
    }

    [Test]
    public async Task Three_replays_add_nothing_and_are_acknowledged()
    {
        var intake = new RecordingIntake();
        await using Feed feed = await Feed.StartAsync(intake);
        byte[][] messages = [Messages.Admission("1"), Messages.Result("2"), Messages.Admission("3", trigger: "A08"),
            Messages.Result("4", "C", "1.6")];
        foreach (byte[] message in messages) await feed.SendAsync(message);
        await feed.SettleAsync();
        (int things, int versions, int batches) = (intake.Things, intake.Versions, intake.Batches.Count);
        for (int round = 0; round < 3; round++)
        {
            foreach (byte[] message in messages) Assert.That(Code(await feed.SendAsync(message)), Is.EqualTo("AA"));
        }
        await feed.SettleAsync();
        Assert.That((intake.Things, intake.Versions, intake.Batches.Count), Is.EqualTo((things, versions, batches)));
        Assert.That(feed.Part.Report().Replayed, Is.EqualTo(12));
    }

    [Test]
    public async Task The_same_control_id_with_other_content_is_another_message()
    {
        var intake = new RecordingIntake();
        await using Feed feed = await Feed.StartAsync(intake);
        await feed.SendAsync(Messages.Admission("SAME", "1"));
        await feed.SendAsync(Messages.Admission("SAME", "2"));
        await feed.SettleAsync();
        Assert.That(intake.Batches.Select(b => b.PatientId), Is.EqualTo(new[] { "HOSP|1", "HOSP|2" }));
    }

    [Test]
    public async Task A_type_that_is_not_taken_is_answered_AR_kept_and_listed()
    {
        var intake = new RecordingIntake();
        await using Feed feed = await Feed.StartAsync(intake);
        byte[] query = Messages.Bytes(Messages.Header("QBP^Q22", "Q1"), "QPD|Q22|tag");
        string answer = await feed.SendAsync(query);
        Assert.That(answer, Does.Contain("\rMSA|AR|Q1\r").And.Contain("ERR||MSH^1^9|200^"));
        Assert.That(await feed.SendAsync(query), Does.Contain("\rMSA|AR|Q1\r"), "again the same, and not kept twice");
        Assert.That(await feed.SendAsync(Messages.Admission("E1", trigger: "A61")), Does.Contain("\rMSA|AR|").And.Contain("|201^"));
        Hl7Report report = feed.Part.Report();
        Assert.That(report.Kept.Select(k => (k.Because, k.Kind)), Is.EqualTo(new[] { ("NotTaken", "QBP^Q22"), ("NotTaken", "ADT^A61") }));
        Assert.That(report.NotTaken.Select(c => (c.Name, c.Count)), Is.EquivalentTo(new[] { ("QBP^Q22", 1L), ("ADT^A61", 1L) }));
    }

    [Test]
    public async Task An_old_version_reads_the_reason_in_MSA_and_a_new_one_in_ERR()
    {
        await using Feed feed = await Feed.StartAsync(new RecordingIntake());
        string old = await feed.SendAsync(Messages.Bytes(Messages.Header("ADT^A01", "1", "2.3"), "PID|1||^^^HOSP"));
        string modern = await feed.SendAsync(Messages.Bytes(Messages.Header("ADT^A01", "2", "2.8"), "PID|1||^^^HOSP"));
        Assert.That(old, Does.Contain("MSA|AE|1|PID-3: missing: whose record is it?\r").And.Contain(
            "ERR|PID^1^3^101&Required field missing&HL70357\r"));
        Assert.That(modern, Does.Contain("MSA|AE|2\r").And.Contain("ERR||PID^1^3|101^Required field missing^HL70357|E||||PID-3: missing"));
    }

    [TestCase("AL", "AL", new[] { "CA", "AA" }, new[] { "CE" })]
    [TestCase("AL", "NE", new[] { "CA" }, new[] { "CE" })]
    [TestCase("NE", "AL", new[] { "AA" }, new[] { "AE" })]
    [TestCase("ER", "SU", new[] { "AA" }, new[] { "CE" })]
    [TestCase("SU", "ER", new[] { "CA" }, new[] { "AE" })]
    public async Task Enhanced_mode_answers_what_was_asked_for(string accept, string application, string[] good, string[] bad)
    {
        await using Feed feed = await Feed.StartAsync(new RecordingIntake());
        using Sender sender = await feed.ConnectAsync();
        foreach ((string pid, string[] expected) in new[] { (Messages.Pid(), good), ("PID|1", bad) })
        {
            await sender.SendRawAsync([0x0B, .. Messages.Bytes($"{Messages.Header("ADT^A01")}|||{accept}|{application}", pid), 0x1C, 0x0D]);
            var codes = new List<string>();
            foreach (string _ in expected) codes.Add(Code((await sender.ReadAsync())!));
            Assert.That(codes, Is.EqualTo(expected));
        }
    }

    [Test]
    public async Task A_batch_is_answered_by_a_batch()
    {
        var intake = new RecordingIntake();
        await using Feed feed = await Feed.StartAsync(intake);
        byte[] batch = [.. "BHS|^~\\&|A|B|C|D|2026||||77\r"u8, .. Messages.Admission("1"),
            .. Messages.Bytes(Messages.Header("ADT^A01", "2"), "PID|1"), .. Messages.Result("3"), .. "BTS|3\r"u8];
        string answer = await feed.SendAsync(batch);
        await feed.SettleAsync();
        Assert.That(answer, Does.StartWith("BHS|^~\\&|C|D|A|B|").And.EndWith("BTS|3\r"));
        Assert.That(answer.Split('\r').Where(l => l.StartsWith("MSA", StringComparison.Ordinal))
            .Select(l => string.Join('/', l.Split('|').Skip(1).Take(2))), Is.EqualTo(new[] { "AA/1", "AE/2", "AA/3" }));
        Assert.That(intake.Batches, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task What_was_acknowledged_is_worked_on_after_a_restart()
    {
        string folder = Directory.CreateTempSubdirectory("ptoy-hl7").FullName;
        try
        {
            var full = new RecordingIntake { Failure = new IntakeFullException(2, 1) };
            await using (Feed feed = await Feed.StartAsync(full, folder: folder))
            {
                Assert.That(Code(await feed.SendAsync(Messages.Admission("1"))), Is.EqualTo("AA"));
                Assert.That(Code(await feed.SendAsync(Messages.Admission("2", "99"))), Is.EqualTo("AA"));
            }
            var intake = new RecordingIntake();
            await using (Feed again = await Feed.StartAsync(intake, folder: folder))
            {
                await again.SettleAsync();
                Assert.That(intake.Batches.Select(b => b.PatientId), Is.EqualTo(new[] { "HOSP|4711", "HOSP|99" }),
                    "in the order in which they came");
                Assert.That(Code(await again.SendAsync(Messages.Admission("1"))), Is.EqualTo("AA"));
                await again.SettleAsync();
                Assert.That((intake.Batches.Count, again.Part.Report().Replayed), Is.EqualTo((2, 1L)));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public async Task Too_many_waiting_messages_are_answered_AE_until_there_is_room()
    {
        var intake = new RecordingIntake { Failure = new IntakeFullException(2, 1) };
        await using Feed feed = await Feed.StartAsync(intake, new Hl7Options { MaxWaiting = 1 });
        Assert.That(Code(await feed.SendAsync(Messages.Admission("1"))), Is.EqualTo("AA"));
        Assert.That(await feed.SendAsync(Messages.Admission("2")), Does.Contain("MSA|AE|2").And.Contain("207^"));
        intake.Failure = null;
        await feed.SettleAsync();
        Assert.That(Code(await feed.SendAsync(Messages.Admission("2"))), Is.EqualTo("AA"));
    }

    [Test]
    public async Task A_message_that_cannot_be_mapped_is_kept_and_the_next_goes_on()
    {
        var intake = new RecordingIntake { Failure = new FormatException("boom") };
        await using Feed feed = await Feed.StartAsync(intake);
        await feed.SendAsync(Messages.Admission("1"));
        await feed.SettleAsync();
        intake.Failure = null;
        await feed.SendAsync(Messages.Admission("2", "99"));
        await feed.SettleAsync();
        Assert.That(intake.Batches.Select(b => b.PatientId), Is.EqualTo(new[] { "HOSP|99" }));
        Assert.That(feed.Part.Report().Kept.Select(k => (k.Because, k.Kind)), Is.EqualTo(new[] { ("Failed", "ADT^A01") }));
    }

    [Test]
    public async Task The_report_names_segments_and_fields_that_were_not_mapped_and_no_values()
    {
        await using Feed feed = await Feed.StartAsync(new RecordingIntake());
        await feed.SendAsync(Messages.Bytes(
            Messages.Header("ADT^A01"), Messages.Pid() + "||||||||||||||||||Secret^Breed", "ZPI|1|own value",
            "PV1|1|O||||||||||||||||V7||unused"));
        await feed.SettleAsync();
        Hl7Report report = feed.Part.Report();
        Assert.That(report.SegmentsNotMapped.Select(s => s.Name), Is.EqualTo(new[] { "ZPI" }));
        Assert.That(report.FieldsNotMapped.Select(s => s.Name), Does.Contain("PV1-20"));
        Assert.That(System.Text.Json.JsonSerializer.Serialize(report),
            Does.Not.Contain("own value").And.Not.Contain("Beispiel").And.Not.Contain("Secret"));
    }

    [Test]
    public async Task A_message_about_two_patients_goes_to_each_with_their_own_part()
    {
        var intake = new RecordingIntake();
        await using Feed feed = await Feed.StartAsync(intake);
        await feed.SendAsync(Messages.Bytes(
            Messages.Header("ORU^R01"), Messages.Pid("1", name: "First"), "OBR|1||A|1-1^X^LN", "OBX|1|ST|1-1^X^LN||one",
            Messages.Pid("2", name: "Second"), "OBR|1||B|1-1^X^LN", "OBX|1|ST|1-1^X^LN||two"));
        await feed.SettleAsync();
        Assert.That(intake.Batches.Select(b => b.PatientId), Is.EqualTo(new[] { "HOSP|1", "HOSP|2" }));
        foreach ((IntakeBatch batch, string other) in intake.Batches.Zip(new[] { "Second", "First" }))
            Assert.That(batch.Resources.Select(r => Encoding.UTF8.GetString(r.Bytes.Span)), Has.None.Contains(other));
    }

    [Test]
    public void Options_that_cannot_be_used_are_named()
    {
        Assert.That(new Hl7Options().Problems(), Is.Empty);
        var wrong = new Hl7Options { Host = "0.0.0.0", Port = -1, MaxConnections = 0, TimeZone = "Nowhere", ProcessingIds = ["X"],
            Certificate = "/no/such.pem", ClientAuthorities = "/none" };
        Assert.That(wrong.Problems().Select(p => p.Split(':')[0]), Is.EqualTo(new[]
        {
            "port", "certificateKey", "maxConnections", "processingIds", "timeZone",
        }));
        Assert.That((new Hl7Options { Host = "0.0.0.0" }).Problems().Single(), Does.StartWith("insecure:"));
    }

    [Test]
    public async Task Every_message_of_the_folder_goes_through_and_three_replays_add_nothing()
    {
        string? folder = Messages.Folder();
        if (folder is null) Assert.Ignore("PTOY_HL7V2 names no folder of messages");
        var intake = new RecordingIntake();
        await using Feed feed = await Feed.StartAsync(intake);
        byte[][] messages = [.. Directory.GetFiles(folder!, "*.hl7").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
        foreach (byte[] message in messages) Assert.That(Code(await feed.SendAsync(message)), Is.EqualTo("AA").Or.EqualTo("CA"));
        await feed.SettleAsync();
        (int things, int versions) = (intake.Things, intake.Versions);
        for (int round = 0; round < 3; round++)
        {
            foreach (byte[] message in messages) await feed.SendAsync(message);
        }
        await feed.SettleAsync();
        Assert.That((intake.Things, intake.Versions), Is.EqualTo((things, versions)));
        Assert.That(feed.Part.Report().Kept, Is.Empty);
        TestContext.Out.WriteLine($"{messages.Length} messages, {things} things, {versions} versions; not mapped: {feed.Part.Report().SegmentsNotMapped.Count} kinds of segment, {feed.Part.Report().FieldsNotMapped.Count} fields");
    }
}
