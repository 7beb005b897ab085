using System.Text;
using NUnit.Framework;
using Ptoy.Services.Connector.Hl7.Parsing;
using Ptoy.Services.Connector.Hl7.Rules;

namespace Ptoy.Services.Tests.Connector.Hl7;

public sealed class ParserTests
{
    [Test]
    public void Fields_components_repetitions_and_subcomponents_are_found_where_they_stand()
    {
        Hl7Message message = Messages.Parse(Messages.Header("ADT^A01"), "PID|1||1^^^A&1.2.3&ISO^MR~2^^^B||Sub&von^Given^Second Third");
        Hl7Segment pid = message.First("PID")!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(pid[3].Repetitions.Select(r => r[1].Text), Is.EqualTo(new[] { "1", "2" }));
            Assert.That(pid[3][4].Sub(2).Text, Is.EqualTo("1.2.3"));
            Assert.That(pid[5][1].Text, Is.EqualTo("Sub"), "the first subcomponent stands for a component");
            Assert.That(pid[5].Text, Is.EqualTo("Sub"), "and the first component for a field");
            Assert.That(pid[5][9].IsEmpty && pid[40].IsEmpty);
            Assert.That((message.Type, message.Event, message.Version), Is.EqualTo(("ADT", "A01", "2.5")));
        }
    }

    [Test]
    public void Delimiters_are_those_of_the_header()
    {
        Hl7Message message = Hl7Parser.Parse(
            Encoding.UTF8.GetBytes("MSH#*!?%#A#B#C#D###ADT*A01#7#P#2.3\rPID#1##9***H##Name*Given!Other#?F?#|^~\\&"));
        Hl7Segment pid = message.First("PID")!;
        Assert.That((pid[5].Repetitions.Count(), pid[5][2].Text, pid[6].Text, pid[7].Text), Is.EqualTo((2, "Given", "#", "|^~\\&")));
        Hl7Value kept = new("a*b!c%d?F?e", message.Syntax, Hl7Level.Field);
        Assert.That(message.Syntax.Rewrite(kept.Raw + "|", Hl7Syntax.Standard), Is.EqualTo(@"a^b~c&d\F\e\F\"));
    }

    [TestCase(@"a\F\b\S\c\T\d\R\e\E\f", @"a|b^c&d~e\f")]
    [TestCase(@"one\.br\two\.sp2\three", "one\ntwo\n\nthree")]
    [TestCase(@"\H\bold\N\ text", "bold text")]
    [TestCase(@"\X4142\ \XC3A4\", "AB ä")]
    [TestCase(@"\Zlocal\ and \unknown\ stay", @"\Zlocal\ and \unknown\ stay")]
    [TestCase(@"open \F", @"open \F")]
    [TestCase(@"C:\dir", @"C:\dir")]
    public void Escapes_are_read_and_what_is_none_stays(string written, string meant) =>
        Assert.That(new Hl7Value(written, Hl7Syntax.Standard, Hl7Level.Field).Text, Is.EqualTo(meant));

    [TestCase("\r")]
    [TestCase("\n")]
    [TestCase("\r\n")]
    [TestCase("\r\r\n")]
    public void Segments_end_as_senders_end_them(string end)
    {
        string text = string.Concat(new[] { Messages.Header("ADT^A01"), Messages.Pid(), "ZPI|own" }.Select(s => s + end));
        Assert.That(Hl7Parser.Parse(Encoding.UTF8.GetBytes(text)).Segments.Select(s => s.Name), Is.EqualTo(new[] { "MSH", "PID", "ZPI" }));
    }

    [Test]
    public void A_line_feed_inside_a_field_is_a_line_break_when_segments_end_with_a_return()
    {
        Hl7Message message = Hl7Parser.Parse(
            Encoding.UTF8.GetBytes($"{Messages.Header("ORU^R01")}\rNTE|1||first line\nsecond line\rNTE|2||next\r"));
        Assert.That(message.All("NTE").Select(n => n[3].WholeText), Is.EqualTo(new[] { "first line\nsecond line", "next" }));
    }

    [TestCase("", "utf-8", true)]
    [TestCase("UNICODE UTF-8", "utf-8", true)]
    [TestCase("8859/1", "iso-8859-1", true)]
    [TestCase("8859/15", "iso-8859-15", true)]
    [TestCase("ASCII", "utf-8", false)]
    [TestCase("", "iso-8859-1", false)]
    [TestCase("UNICODE UTF-8", "iso-8859-1", false)]
    [TestCase("no such set", "utf-8", false)]
    public void Text_is_read_in_the_declared_character_set_else_UTF8_else_Latin(string declared, string written, bool asDeclared)
    {
        string text = $"{Messages.Header("ADT^A01")}||||||{declared}\rPID|1||1||Müßig^Zoë\r";
        Encoding encoding = CodePagesEncodingProvider.Instance.GetEncoding(written) ?? Encoding.GetEncoding(written);
        Hl7Message message = Hl7Parser.Parse(encoding.GetBytes(text));
        Assert.That(message.First("PID")![5].Raw, Is.EqualTo("Müßig^Zoë"));
        // A message without a declaration that is not plain ASCII is read by the rule too, and counted.
        Assert.That(message.CharsetAsDeclared, Is.EqualTo(asDeclared && declared.Length > 0));
    }

    [Test]
    public void UTF16_is_read_with_and_without_mark_in_both_orders([Values] bool big, [Values] bool mark)
    {
        var encoding = new UnicodeEncoding(big, mark);
        byte[] bytes = [.. encoding.GetPreamble(), .. encoding.GetBytes($"{Messages.Header("ADT^A01")}\rPID|1||1||Łukasz\r")];
        Assert.That(Hl7Parser.Parse(bytes).First("PID")![5].Text, Is.EqualTo("Łukasz"));
    }

    [TestCase("PID|1||1", "does not begin with MSH")]
    [TestCase("MSH", "ends before its delimiters")]
    [TestCase("MSH|^~\\&^&&|A", "encoding characters")]
    [TestCase("MSH||A|B", "encoding characters")]
    [TestCase("MSH|^^\\&|A", "same character")]
    [TestCase("MSHA^~\\&A", "letter")]
    public void A_header_that_cannot_be_read_is_nothing_to_answer_to(string text, string reason)
    {
        Hl7Exception refused = Assert.Throws<Hl7Exception>(() => Hl7Parser.Parse(Encoding.UTF8.GetBytes(text)));
        Assert.That((refused.HeaderReadable, refused.Message), Is.EqualTo((false, refused.Message)));
        Assert.That(refused.Message, Does.Contain(reason));
    }

    [TestCase("pid|1||1", "segment 2")]
    [TestCase("PIDx1", "segment 2")]
    [TestCase("MSH|^~\\&|second", "segment 2")]
    [TestCase("DSC|more", "DSC")]
    public void A_body_that_cannot_be_read_is_refused_by_place_without_its_content(string line, string place)
    {
        Hl7RefusedException refused = Assert.Throws<Hl7RefusedException>(() => Messages.Parse(Messages.Header("ADT^A01", "77"), line));
        Assert.That((refused.Problem.Place, refused.Header.ControlId), Is.EqualTo((place, "77")));
        Assert.That(refused.Message, Does.Not.Contain("second"));
    }

    [TestCase("20260301", "2026-03-01")]
    [TestCase("202603", "2026-03")]
    [TestCase("2026", "2026")]
    [TestCase("202603011530", "2026-03-01T15:30:00+01:00")]
    [TestCase("20260301153045.1234-0500", "2026-03-01T15:30:45.1234-05:00")]
    [TestCase("2026030115", "2026-03-01")]
    [TestCase("20260301153045+0000", "2026-03-01T15:30:45Z")]
    [TestCase("20260230", null)]
    [TestCase("20261301", null)]
    [TestCase("202603012530", null)]
    [TestCase("20260301153045+2500", null)]
    [TestCase("yesterday", null)]
    [TestCase("00000000", null)]
    public void Times_are_written_as_FHIR_writes_them(string written, string? meant) =>
        Assert.That(new Hl7Dates(TimeZoneInfo.Utc, "+01:00").DateTime(written), Is.EqualTo(meant));

    [Test]
    public void A_time_without_offset_is_of_the_configured_zone_on_that_day()
    {
        var dates = new Hl7Dates(TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin"), null);
        Assert.That((dates.DateTime("202601011200"), dates.DateTime("202607011200")),
            Is.EqualTo(("2026-01-01T12:00:00+01:00", "2026-07-01T12:00:00+02:00")));
    }

    [Test]
    public void A_batch_is_taken_apart_into_the_exact_bytes_of_its_messages()
    {
        byte[] one = Messages.Admission("1"), two = Messages.Result("2");
        byte[] batch = [.. "FHS|^~\\&|A\rBHS|^~\\&|A|B\r"u8, .. one, .. two, .. "BTS|2\rFTS|1\r"u8];
        Hl7Batch read = Hl7Batch.Read(batch);
        Assert.That((read.Problem, read.Messages.Count), Is.EqualTo(((Hl7Problem?)null, 2)));
        Assert.That(read.Messages[0].ToArray(), Is.EqualTo(one));
        Assert.That(read.Messages[1].ToArray(), Is.EqualTo(two));
    }

    [TestCase("BHS|^~\\&\r", "", "BTS")]
    [TestCase("FHS|^~\\&\rBHS|^~\\&\r", "BTS|1\r", "FTS")]
    [TestCase("BHS|^~\\&\r", "BTS|2\r", "BTS-1")]
    [TestCase("BHS|^~\\&\rPID|1\r", "BTS|1\r", "before the first MSH")]
    public void A_batch_of_which_a_part_was_lost_says_so(string start, string end, string problem)
    {
        Hl7Batch read = Hl7Batch.Read((byte[])[.. Encoding.UTF8.GetBytes(start), .. Messages.Admission(), .. Encoding.UTF8.GetBytes(end)]);
        Assert.That(read.Problem?.Reason, Does.Contain(problem));
    }

    [Test]
    public void An_old_message_without_trigger_event_has_the_one_that_its_type_had()
    {
        Assert.That(Messages.Parse(Messages.Header("ORU", version: "2.1")).Event, Is.EqualTo("R01"));
        Assert.That(Messages.Parse(Messages.Header("ADT", version: "2.1"), "EVN|A04|20260301").Event, Is.EqualTo("A04"));
    }
}
