using System.Text;
using NUnit.Framework;
using Parquet;
using Ptoy.Services.Analytics.Cohort;
using Ptoy.Services.Common;

namespace Ptoy.Services.Tests.Analytics;

[TestFixture]
internal sealed class CohortTests
{
    private const string Diabetes = "http://snomed.info/sct|44054006", Metformin = "rx|6809";

    /// <summary>Forty people: 1..40 years before 2026 born, even ones female; every fourth diabetic; weight 50 + number, and an older one.</summary>
    private static PatientFacts[] Forty() => [.. Enumerable.Range(1, 40).Select(i => new PatientFacts(
        i % 2 == 0 ? "female" : "male", 2026 - i, i == 40, i % 4 == 0 ? [Diabetes] : [], i % 8 == 0 ? [Metformin] : [],
        [new MeasuredFact("29463-7", "kg", 500, 10), new MeasuredFact("29463-7", "kg", 50 + i, 20), new MeasuredFact("29463-7", "[lb_av]", 1, 30)]))];

    private static CohortCells Count(string query)
    {
        using CohortDatabase database = CohortDatabase.Build(Forty(), 128);
        return new CohortCounter(database, 2026).Count(CohortQuery.Parse(Encoding.UTF8.GetBytes(query)));
    }

    [TestCase("""{"kind":"count","epsilon":1}""", 40)]
    [TestCase("""{"kind":"count","epsilon":1,"where":[{"sex":"female"}]}""", 20)]
    [TestCase("""{"kind":"count","epsilon":1,"where":[{"sex":"female"},{"ageFrom":10,"ageBelow":21}]}""", 6)]
    [TestCase("""{"kind":"count","epsilon":1,"where":[{"has":"http://snomed.info/sct|44054006"}]}""", 10)]
    [TestCase("""{"kind":"count","epsilon":1,"where":[{"has":"http://snomed.info/sct|44054006"},{"has":"rx|6809","not":true}]}""", 5)]
    [TestCase("""{"kind":"count","epsilon":1,"where":[{"measurement":"29463-7","unit":"kg","op":">=","value":85}]}""", 6)]
    [TestCase("""{"kind":"count","epsilon":1,"where":[{"deceased":true}]}""", 1)]
    [TestCase("""{"kind":"count","epsilon":1,"where":[{"has":"x' OR '1'='1"}]}""", 0)]
    public void Counts_are_of_those_of_whom_every_condition_holds(string query, long expected) =>
        Assert.That(Count(query).Counts, Is.EqualTo(new[] { expected }));

    [Test]
    public void A_table_has_every_cell_that_the_query_fixes_the_empty_ones_too()
    {
        CohortCells cells = Count("""{"kind":"table","epsilon":1,"by":["sex","age"],"ageEdges":[18,30]}""");
        Assert.That(cells.Labels.Take(3), Is.EqualTo(new[] { "female, below 18 or unknown", "female, 18 to 29", "female, 30 and over" }));
        Assert.That(cells.Counts, Is.EqualTo(new long[] { 8, 6, 6, 9, 6, 5, 0, 0, 0, 0, 0, 0 }));
        Assert.That((cells.Columns, cells.Sensitivity), Is.EqualTo((3, 1L)));
    }

    [Test]
    public void One_patient_counts_in_so_many_cells_of_a_prevalence_and_no_more()
    {
        const string Codes = "\"codes\":[\"http://snomed.info/sct|44054006\",\"rx|6809\",\"none|0\"]";
        CohortCells two = Count($$"""{"kind":"prevalence","epsilon":1,"maxPerPatient":2,{{Codes}} }""");
        CohortCells one = Count($$"""{"kind":"prevalence","epsilon":1,"maxPerPatient":1,{{Codes}} }""");
        Assert.That((two.Counts, two.Sensitivity), Is.EqualTo((new long[] { 10, 5, 0 }, 2L)));
        Assert.That((one.Counts, one.Sensitivity), Is.EqualTo((new long[] { 10, 0, 0 }, 1L)));
    }

    [Test]
    public void A_histogram_takes_each_patients_latest_value_in_its_unit()
    {
        CohortCells cells = Count("""{"kind":"histogram","epsilon":1,"measurement":"29463-7","unit":"kg","edges":[60,80.5,400]}""");
        Assert.That(cells.Labels, Is.EqualTo(new[] { "below 60", "60 to below 80.5", "80.5 to below 400", "400 and over" }));
        Assert.That(cells.Counts, Is.EqualTo(new long[] { 9, 21, 10, 0 }));
    }

    /// <summary>Weights 51 to 90 have the mean 70.5; clamped to 60..80 they are 10 times 60, 61..79, 11 times 80: mean 70.25.</summary>
    [TestCase(0, 200, 70.5)]
    [TestCase(60, 80, 70.25)]
    public void A_mean_is_of_values_clamped_to_its_bounds(double low, double high, double expected)
    {
        CohortQuery query = CohortQuery.Parse(Encoding.UTF8.GetBytes($$"""{"kind":"mean","epsilon":10,"measurement":"29463-7","unit":"kg","low":{{low}},"high":{{high}} }"""));
        using CohortDatabase database = CohortDatabase.Build(Forty(), 128);
        CohortCells cells = new CohortCounter(database, 2026).Count(query);
        double mean = ((low + high) / 2) + (cells.Sum!.Value * (high - low) / CohortCounter.MeanSteps / cells.Counts[0]);
        Assert.That(mean, Is.EqualTo(expected).Within((high - low) / CohortCounter.MeanSteps));
        CohortAnswer answer = new PrivateRelease(Silent, 11).Of(query, cells);
        Assert.That(answer.Mean!.Value, Is.EqualTo(mean).Within(1e-9));
        // sqrt(2) / 5 / 40 * sqrt(half width squared + offset squared), twice.
        double offset = mean - ((low + high) / 2);
        Assert.That(answer.Mean.Within, Is.EqualTo(2 * Math.Sqrt(2) / 5 / 40 * Math.Sqrt(Math.Pow((high - low) / 2, 2) + (offset * offset))).Within(1e-9));
    }

    [Test]
    public void Noisy_counts_below_the_threshold_are_withheld_and_nothing_exact_leaves()
    {
        var cells = new CohortCells(["few", "many"], [3, 500], 1, 1);
        CohortQuery query = CohortQuery.Parse("""{"kind":"histogram","epsilon":0.5,"measurement":"x","unit":"kg","edges":[1]}"""u8);
        CohortAnswer silent = new PrivateRelease(Silent, 11).Of(query, cells);
        Assert.That(silent.Cells.Select(c => c.Count), Is.EqualTo(new long?[] { null, 500 }));
        var noisy = new HashSet<long?>();
        for (int i = 0; i < 100; i++) noisy.Add(new PrivateRelease(DiscreteLaplace.Secure, 11).Of(query, cells).Cells[1].Count);
        Assert.That(noisy, Has.Count.GreaterThan(3));
        // P(|noise| > 60) at epsilon 0.5 is 2 e^(-30.5) / (1 + e^(-0.5)), once in 10^13.
        Assert.That(noisy, Has.All.InRange(440, 560));
    }

    [TestCase("""{"kind":"sql","epsilon":1}""", "kind: ")]
    [TestCase("""{"kind":"count","epsilon":0}""", "epsilon: ")]
    [TestCase("""{"kind":"count","epsilon":11}""", "epsilon: ")]
    [TestCase("""{"kind":"count","epsilon":0.1234567}""", "epsilon: ")]
    [TestCase("""{"kind":"count"}""", "query: ")]
    [TestCase("""{"kind":"count","epsilon":1,"sql":"SELECT 1"}""", "sql: ")]
    [TestCase("""{"kind":"count","epsilon":1,"epsilon":2}""", "epsilon: ")]
    [TestCase("""{"kind":"count","epsilon":1,"by":["sex"]}""", "by: ")]
    [TestCase("""{"kind":"count","epsilon":1,"where":[{}]}""", "where[0]: ")]
    [TestCase("""{"kind":"count","epsilon":1,"where":[{"sex":"female","deceased":true}]}""", "where[0]: ")]
    [TestCase("""{"kind":"count","epsilon":1,"where":[{"measurement":"x","unit":"kg","op":"; DROP","value":1}]}""", "where[0].op: ")]
    [TestCase("""{"kind":"table","epsilon":1,"by":["name"]}""", "by: ")]
    [TestCase("""{"kind":"table","epsilon":1,"by":["age"]}""", "ageEdges: ")]
    [TestCase("""{"kind":"table","epsilon":1,"by":["age"],"ageEdges":[30,18]}""", "ageEdges: ")]
    [TestCase("""{"kind":"prevalence","epsilon":1,"codes":["a|b"],"maxPerPatient":2}""", "maxPerPatient: ")]
    [TestCase("""{"kind":"histogram","epsilon":1,"measurement":"x","unit":"kg","edges":[]}""", "edges: ")]
    [TestCase("""{"kind":"mean","epsilon":1,"measurement":"x","unit":"kg","low":2,"high":2}""", "low: ")]
    [TestCase("[]", "query: ")]
    [TestCase("{", "query: ")]
    [TestCase("null", "query: ")]
    public void A_wrong_query_is_refused_naming_the_field(string json, string begins)
    {
        string message = Assert.Throws<FieldException>(() => CohortQuery.Parse(Encoding.UTF8.GetBytes(json)))!.Message;
        Assert.That(message, Does.StartWith(begins).And.Not.Contain("DROP"));
    }

    [Test]
    public void The_database_reads_and_writes_no_file_and_cannot_be_told_to()
    {
        using CohortDatabase database = CohortDatabase.Build(Forty(), 128);
        string file = Path.Combine(Path.GetTempPath(), $"ptoy-{Guid.NewGuid():N}.csv");
        Assert.Throws<DuckDB.NET.Data.DuckDBException>(() => database.Query($"COPY patient TO '{file}'", []));
        Assert.Throws<DuckDB.NET.Data.DuckDBException>(() => database.Query("SELECT * FROM read_text('/etc/hostname')", []));
        Assert.Throws<DuckDB.NET.Data.DuckDBException>(() => database.Query("SET enable_external_access = true", []));
        Assert.Throws<DuckDB.NET.Data.DuckDBException>(() => database.Query("SET temp_directory = '/tmp'", []));
        Assert.That(File.Exists(file), Is.False);
        Assert.That(database.Query("SELECT current_setting('temp_directory')", [])[0][0], Is.EqualTo(""));
    }

    [Test]
    public void Facts_hold_codes_and_numbers_and_no_names_or_record_ids()
    {
        var r = new Resources();
        r.Person("female", "1980-05-05", ""","name":[{"family":"Nightingale"}]""");
        r.Condition("44054006");
        r.Add("Condition", """{"verificationStatus":{"coding":[{"code":"refuted"}]},"code":{"coding":[{"system":"s","code":"c"}]}}""");
        r.Order("6809", "2020-01-01");
        r.Observe("29463-7", "154.3", "[lb_av]", "2020-03-04T10:00:00Z");
        PatientFacts facts = PatientFacts.Of(r.Records);
        Assert.That((facts.Sex, facts.BirthYear, facts.Conditions.Single(), facts.Medications.Single()), Is.EqualTo(("female", (int?)1980, Diabetes, Metformin)));
        Assert.That(facts.Measurements.Single().Value, Is.EqualTo(69.989302691).Within(1e-9), "154.3 pounds in kilogrammes");
        Assert.That(facts.Measurements.Single().Day, Is.EqualTo(18_325), "days from 1970 to 4 March 2020");
        string json = Encoding.UTF8.GetString(facts.ToJson());
        Assert.That(json, Does.Not.Contain("Nightingale").And.Not.Contain("0004"));
        Assert.That(PatientFacts.FromJson(facts.ToJson()).Measurements, Is.EqualTo(facts.Measurements));
    }

    [Test]
    public async Task An_extract_keeps_no_row_that_fewer_than_k_share()
    {
        PatientFacts[] facts = [.. Forty(), new PatientFacts("other", 1930, false, [], [], [])];
        using var file = new MemoryStream();
        ExtractReport report = await CohortExtract.WriteAsync(new ExtractQuery([Diabetes], [new ExtractMeasurement("29463-7", "kg", 5)], 3), facts, 2026, file);
        Assert.That(report.SmallestClass, Is.GreaterThanOrEqualTo(3));
        Assert.That(report.Rows + report.Withheld, Is.EqualTo(41));
        file.Position = 0;
        await using ParquetReader reader = await ParquetReader.CreateAsync(file);
        using ParquetRowGroupReader group = reader.OpenRowGroupReader(0);
        var (sexes, ages, has) = (new string?[report.Rows], new string?[report.Rows], new bool[report.Rows]);
        await group.ReadAsync(reader.Schema.DataFields[0], sexes.AsMemory());
        await group.ReadAsync(reader.Schema.DataFields[1], ages.AsMemory());
        await group.ReadAsync<bool>(reader.Schema.DataFields[2], has.AsMemory());
        Assert.That(CohortExtract.AnonymityOf(Enumerable.Range(0, report.Rows), i => $"{sexes[i]}{ages[i]}{has[i]}"), Is.EqualTo(report.SmallestClass));
        Assert.That(sexes, Does.Not.Contain("other"), "the one of a kind is withheld");
        Assert.That(reader.CustomMetadata["has_1"], Is.EqualTo(Diabetes));
    }

    [TestCase(1), TestCase(1_001)]
    public async Task An_extract_with_a_senseless_k_is_refused(int k) =>
        await Assert.ThrowsAsync<ArgumentException>(() => CohortExtract.WriteAsync(new ExtractQuery([], [], k), Forty(), 2026, Stream.Null));

    /// <summary>A source whose noise is always nought: of the five draws that a sample then takes, only the fourth, which ends a geometric loop, is 1.</summary>
    private static DiscreteLaplace Silent
    {
        get
        {
            int draw = 0;
            return new DiscreteLaplace(bytes => BitConverter.TryWriteBytes(bytes, draw++ % 5 == 3 ? 1UL : 0UL));
        }
    }
}
