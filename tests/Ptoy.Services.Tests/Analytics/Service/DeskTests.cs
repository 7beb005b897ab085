using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Ptoy.Protocol;
using Ptoy.Services.Analytics.Cohort;
using Ptoy.Services.Analytics.Patient;
using Ptoy.Services.Analytics.Service;
using Ptoy.Services.Common;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Tests.Analytics.Service;

/// <summary>A ledger in memory, as the contract behaves.</summary>
internal sealed class FakeLedger(long budget, Address analyst) : IStudyLedger
{
    private readonly HashSet<Hash> _paid = [];

    public long Left { get; private set; } = budget;

    public int Spends { get; private set; }

    /// <summary>The payment is made, and the answer of the node is lost.</summary>
    public bool LosesAnswers { get; set; }

    public Task<bool> MayAskAsync(long study, Address account, CancellationToken cancellation) => Task.FromResult(study == 1 && account == analyst);

    public Task<bool> IsOursAsync(Address account, CancellationToken cancellation) => Task.FromResult(account == analyst);

    public Task<long> SpendAsync(long study, long microEpsilon, Hash query, CancellationToken cancellation)
    {
        if (microEpsilon > Left) throw new StudyRefusedException("more than is left", isBudget: true);
        Left -= microEpsilon;
        Spends++;
        _paid.Add(query);
        if (LosesAnswers) throw new TimeoutException("the node does not answer");
        return Task.FromResult(Left);
    }

    public Task<bool> IsPaidAsync(long study, Hash query, CancellationToken cancellation) => Task.FromResult(_paid.Contains(query));

    public Task<long> LeftAsync(long study, CancellationToken cancellation) => Task.FromResult(Left);
}

[TestFixture]
internal sealed class DeskTests
{
    private static readonly Address Analyst = Resources.PatientNumber(900);
    private string _folder = "";
    private byte[] _key = [];

    [SetUp]
    public void Make()
    {
        _folder = Directory.CreateTempSubdirectory("ptoy-desk-").FullName;
        _key = RandomNumberGenerator.GetBytes(SealedStore.KeySize);
    }

    [TearDown]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    private static PatientRecords Person(int number, bool isDiabetic = true)
    {
        var r = new Resources { Owner = Resources.PatientNumber(number) };
        r.Person(number % 2 == 0 ? "female" : "male", $"{1940 + (number % 50)}-01-01");
        if (isDiabetic) r.Condition("44054006");
        r.Observe("4548-4", "7.1", "%", "2026-01-01");
        return r.Records;
    }

    private static CohortDesk Desk(SealedStore store, FakeLedger ledger) => new(store, ledger, new CohortLimits(11, 2, 128), "self", new ManualTime());

    private static CohortQuery Query(decimal epsilon) => CohortQuery.Parse(Encoding.UTF8.GetBytes(
        $$"""{"kind":"count","epsilon":{{epsilon.ToString(System.Globalization.CultureInfo.InvariantCulture)}},"where":[{"has":"http://snomed.info/sct|44054006"}]}"""));

    [Test]
    public async Task A_question_is_paid_once_answered_with_noise_and_kept()
    {
        using SealedStore store = SealedStore.Open(_folder, _key);
        var ledger = new FakeLedger(3_000_000, Analyst);
        using CohortDesk desk = Desk(store, ledger);
        for (int i = 1; i <= 60; i++) await desk.PatientChangedAsync(Person(i), default);
        StudyAnswer first = await desk.AskAsync(1, Analyst, Query(1), false, default);
        StudyAnswer again = await desk.AskAsync(1, Analyst, Query(1), false, default);
        // Noise of more than 25 at epsilon 1 comes once in 10^11.
        Assert.That(first.Answer.Cells[0].Count, Is.InRange(35, 85));
        Assert.That((again.Answer.Cells[0].Count, again.IsKept, ledger.Spends, again.Left), Is.EqualTo((first.Answer.Cells[0].Count, true, 1, 2_000_000L)));
        await desk.AskAsync(1, Analyst, Query(1), fresh: true, default);
        Assert.That(ledger.Left, Is.EqualTo(1_000_000));
    }

    [Test]
    public async Task When_the_budget_is_spent_the_answer_is_refused_and_so_is_a_stranger()
    {
        using SealedStore store = SealedStore.Open(_folder, _key);
        var ledger = new FakeLedger(1_500_000, Analyst);
        using CohortDesk desk = Desk(store, ledger);
        await desk.PatientChangedAsync(Person(1), default);
        await desk.AskAsync(1, Analyst, Query(1), false, default);
        Assert.That((await Assert.ThrowsAsync<StudyRefusedException>(() => desk.AskAsync(1, Analyst, Query(0.6m), false, default)))!.IsBudget);
        Assert.That((await Assert.ThrowsAsync<StudyRefusedException>(() => desk.AskAsync(1, Resources.PatientNumber(901), Query(0.1m), false, default)))!.IsBudget, Is.False);
        await Assert.ThrowsAsync<StudyRefusedException>(() => desk.AskAsync(2, Analyst, Query(0.1m), false, default));
        Assert.That(ledger.Left, Is.EqualTo(500_000));
    }

    [Test]
    public async Task An_answer_whose_payment_was_made_while_the_node_fell_silent_is_not_paid_twice()
    {
        var ledger = new FakeLedger(1_000_000, Analyst) { LosesAnswers = true };
        using (SealedStore store = SealedStore.Open(_folder, _key))
        {
            using CohortDesk desk = Desk(store, ledger);
            await desk.PatientChangedAsync(Person(1), default);
            await Assert.ThrowsAsync<TimeoutException>(() => desk.AskAsync(1, Analyst, Query(1), false, default));
        }
        using SealedStore reopened = SealedStore.Open(_folder, _key);
        using CohortDesk after = Desk(reopened, ledger);
        StudyAnswer answer = await after.AskAsync(1, Analyst, Query(1), false, default);
        Assert.That((answer.IsKept, ledger.Spends), Is.EqualTo((true, 1)));
    }

    [Test]
    public async Task When_a_patient_leaves_facts_and_every_answer_with_that_patient_go()
    {
        using SealedStore store = SealedStore.Open(_folder, _key);
        var ledger = new FakeLedger(50_000_000, Analyst);
        using CohortDesk desk = Desk(store, ledger);
        for (int i = 1; i <= 40; i++) await desk.PatientChangedAsync(Person(i), default);
        await desk.AskAsync(1, Analyst, Query(10), false, default);
        for (int i = 1; i <= 35; i++)
        {
            // As the feed does: the partition first.
            store.Destroy(Resources.PatientNumber(i).ToString());
            await desk.PatientGoneAsync(Resources.PatientNumber(i), default);
        }
        Assert.That(store.Table("answers").Keys(), Is.Empty);
        Assert.That(store.Owners, Has.Count.EqualTo(5));
        StudyAnswer answer = await desk.AskAsync(1, Analyst, Query(10), false, default);
        Assert.That(answer.IsKept, Is.False);
        // Five are left: with noise of at most 5 (once in 10^22 more) the count is below the threshold of 11.
        Assert.That(answer.Answer.Cells[0].Count, Is.Null);
    }

    [Test]
    public async Task A_narrowed_grant_forgets_the_answers_that_rested_on_more()
    {
        using SealedStore store = SealedStore.Open(_folder, _key);
        using CohortDesk desk = Desk(store, new FakeLedger(5_000_000, Analyst));
        await desk.PatientChangedAsync(Person(1), default);
        await desk.AskAsync(1, Analyst, Query(1), false, default);
        await desk.PatientChangedAsync(Person(1), default);
        Assert.That(store.Table("answers").Keys(), Has.Count.EqualTo(1), "nothing less than before");
        await desk.PatientChangedAsync(Person(1, isDiabetic: false), default);
        Assert.That(store.Table("answers").Keys(), Is.Empty);
    }

    [Test]
    public async Task Tables_withhold_small_counts_and_are_for_employees()
    {
        using SealedStore store = SealedStore.Open(_folder, _key);
        using CohortDesk desk = Desk(store, new FakeLedger(1, Analyst));
        for (int i = 1; i <= 45; i++) await desk.PatientChangedAsync(Person(i), default);
        var query = new CohortQuery("table", 1, By: ["sex"]);
        HospitalTable table = (await desk.TablesAsync([query], Analyst, default)).Single();
        Assert.That(table.Rows, Is.EqualTo(new[] { "female", "male", "other", "unknown" }));
        Assert.That(table.Counts.Select(c => c[0]), Is.EqualTo(new long?[] { 22, 23, 0, 0 }));
        await Assert.ThrowsAsync<StudyRefusedException>(() => desk.TablesAsync([query], Resources.PatientNumber(901), default));
    }

    private sealed class RecordingWriter(params string[] allowed) : IResultWriter
    {
        public List<ResultDocument> Written { get; } = [];

        public Task<IReadOnlyList<string>> WriteAsync(Address patient, IReadOnlyList<ResultDocument> documents, CancellationToken cancellation)
        {
            ResultDocument[] may = [.. documents.Where(d => allowed.Contains(d.Compartment))];
            Written.AddRange(may);
            return Task.FromResult<IReadOnlyList<string>>([.. may.Select(d => d.Compartment)]);
        }
    }

    [Test]
    public async Task Results_are_sealed_under_the_compartment_they_rest_on_and_written_back_only_when_new_and_permitted()
    {
        using SealedStore store = SealedStore.Open(_folder, _key);
        var writer = new RecordingWriter("laboratory");
        var time = new ManualTime();
        var desk = new SeriesDesk(new ResultShelf(store, "series", writer, TimeSpan.FromHours(24), time), "self", time);
        var r = new Resources();
        r.Observe("4548-4", "7.1", "%", "2026-01-01");
        r.Order("6809", "2026-01-01");
        await desk.PatientChangedAsync(r.Records, default);
        await desk.PatientChangedAsync(r.Records, default);
        Assert.That(writer.Written.Select(d => d.Compartment), Is.EqualTo(new[] { "laboratory" }));
        Assert.That(store.Partition(Resources.Patient.ToString()).Table("series").Keys(), Is.EqualTo(new[] { "laboratory", "medications" }));
        using JsonDocument document = JsonDocument.Parse(writer.Written[0].Bytes);
        JsonElement attachment = document.RootElement.GetProperty("content")[0].GetProperty("attachment");
        Assert.That(attachment.GetProperty("contentType").GetString(), Is.EqualTo("application/vnd.ptoy.series+json"));
        SeriesResult content = JsonSerializer.Deserialize<SeriesResult>(attachment.GetProperty("data").GetBytesFromBase64(), SeriesResult.Json)!;
        Assert.That((content.Series.Single().Points.Single().RecordId, content.Medications.Count), Is.EqualTo(("0000", 0)));
        r.Observe("4548-4", "7.2", "%", "2026-02-01");
        await desk.PatientChangedAsync(r.Records, default);
        Assert.That(writer.Written, Has.Count.EqualTo(1), "not twice in a day");
        time.Advance(TimeSpan.FromHours(24));
        await desk.PatientChangedAsync(r.Records, default);
        Assert.That(writer.Written, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task When_the_grant_goes_the_series_go_and_a_late_analysis_leaves_nothing()
    {
        using SealedStore store = SealedStore.Open(_folder, _key);
        var time = new ManualTime();
        var desk = new SeriesDesk(new ResultShelf(store, "series", new NoResultWriter(), TimeSpan.FromHours(24), time), "self", time);
        var r = new Resources();
        r.Observe("4548-4", "7.1", "%", "2026-01-01");
        await desk.PatientChangedAsync(r.Records, default);
        SealedTable before = store.Partition(Resources.Patient.ToString()).Table("series");
        Assert.That(before.Keys(), Is.Not.Empty);
        store.Destroy(Resources.Patient.ToString());
        await desk.PatientGoneAsync(Resources.Patient, default);
        Assert.That(store.HasPartition(Resources.Patient.ToString()), Is.False);
        Assert.Throws<StoreGoneException>(() => before.Get("laboratory"));
    }

    [Test]
    public void Wrong_options_are_named()
    {
        var grantee = new GranteeOptions(new Ptoy.Services.Hosting.AccountOptions("k.json"), "Study", "HRESCH");
        var options = new CohortOptions(grantee)
        {
            Threshold = 1, Tables = [new CohortQuery("count", 1), new CohortQuery("table", 1, By: ["name"])], Extract = new ExtractQuery([], [], 1),
        };
        Assert.That(options.Problems().Select(p => p[..p.IndexOf(':', StringComparison.Ordinal)]), Is.EqualTo(new[]
        {
            "threshold", "tables", "tables[0].kind", "tables[1].by", "extract.k",
        }));
        Assert.That(new CohortOptions(grantee with { Purpose = "HOPERAT" }) { Tables = [new CohortQuery("table", 1, By: ["sex"])] }.Problems(), Is.Empty);
        Assert.That(new AnalyticsOptions(grantee) { WriteEveryHours = 0 }.Problems(), Has.Count.EqualTo(1));
    }
}
