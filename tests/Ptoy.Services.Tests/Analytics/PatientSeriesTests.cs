using System.Globalization;
using System.Text.Json;
using NUnit.Framework;
using Ptoy.Services.Analytics.Patient;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Tests.Analytics;

[TestFixture]
internal sealed class PatientSeriesTests
{
    private static Series Only(Resources resources, string? self = null) => PatientSeries.Analyse(resources.Records, self).Series.Single();

    [Test]
    public void Values_in_several_units_become_one_series_in_order_of_time_each_citing_its_record()
    {
        var r = new Resources();
        string second = r.Observe("2093-3", "1.9", "g/L", "2021-05-01");
        string first = r.Observe("2093-3", "210", "mg/dL", "2020-05-01");
        Series series = Only(r);
        Assert.That(series.Unit, Is.EqualTo("mg/dL"));
        Assert.That(series.Points.Select(p => (p.RecordId, p.Value)), Is.EqualTo(new[] { (first, 210m), (second, 190m) }));
    }

    [Test]
    public void What_does_not_convert_stands_apart_and_says_so()
    {
        var r = new Resources();
        r.Observe("2093-3", "210", "mg/dL", "2020-05-01");
        r.Observe("2093-3", "5.4", "mmol/L", "2021-05-01");
        r.Add("Observation", """{"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2093-3"}]},"effectiveDateTime":"2022","valueQuantity":{"value":3,"unit":"milligrams"}}""", compartment: "laboratory");
        IReadOnlyList<Series> all = PatientSeries.Analyse(r.Records).Series;
        Assert.That(all.Select(s => (s.Unit, s.Note)), Is.EqualTo(new[]
        {
            ("mg/dL", null), ("milligrams", "the unit is not given in UCUM, so it cannot be converted to mg/dL"), ("mmol/L", "does not convert to mg/dL"),
        }));
    }

    [Test]
    public void Components_of_blood_pressure_are_series_of_their_own_with_the_same_record()
    {
        var r = new Resources();
        r.Person();
        string id = r.Pressure("2024-02-03T10:00:00+01:00", 120, 79);
        IReadOnlyList<Series> all = PatientSeries.Analyse(r.Records).Series;
        Assert.That(all.Select(s => (s.Code, s.Points[0].Value, s.Points[0].RecordId, s.Points[0].Mark)), Is.EquivalentTo(new[]
        {
            ("8480-6", 120m, id, (Mark?)Mark.High), ("8462-4", 79m, id, (Mark?)Mark.Within),
        }));
        Assert.That(all[0].Points[0].Time, Is.EqualTo(new DateTimeOffset(2024, 2, 3, 9, 0, 0, TimeSpan.Zero)));
    }

    [Test]
    public void The_observations_own_range_goes_before_the_table_and_the_laboratorys_word_before_both()
    {
        var r = new Resources();
        r.Person();
        const string Range = ""","referenceRange":[{"low":{"value":3.0,"system":"http://unitsofmeasure.org","code":"mmol/L"},"high":{"value":3.4,"system":"http://unitsofmeasure.org","code":"mmol/L"}}]""";
        r.Observe("6298-4", "3.6", "mmol/L", "2020-01-01");
        r.Observe("6298-4", "3.6", "mmol/L", "2020-01-02", Range);
        r.Observe("6298-4", "3.6", "mmol/L", "2020-01-03", Range + ""","interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"N"}]}]""");
        Assert.That(Only(r).Points.Select(p => (p.Mark, p.MarkedBy, p.High)), Is.EqualTo(new (Mark?, string?, decimal?)[]
        {
            (Mark.Within, "table", null), (Mark.High, "observation", 3.4m), (Mark.Within, "laboratory", 3.4m),
        }));
    }

    [Test]
    public void A_range_in_another_unit_is_converted_and_one_of_several_is_not_guessed()
    {
        var r = new Resources();
        const string High = "\"high\":{\"value\":2,\"system\":\"http://unitsofmeasure.org\",\"code\":\"g/L\"}";
        r.Observe("99999-9", "210", "mg/dL", "2020-01-01", $$""","referenceRange":[{{{High}}}]""");
        r.Observe("99999-9", "210", "mg/dL", "2020-01-02", $$""","referenceRange":[{{{High}}},{{{High}}}]""");
        Assert.That(Only(r).Points.Select(p => (p.Mark, p.High)), Is.EqualTo(new (Mark?, decimal?)[] { (Mark.High, 200m), (null, null) }));
    }

    [TestCase("male", "1970-01-01", "13", Mark.Low)]
    [TestCase("female", "1970-01-01", "13", Mark.Within)]
    [TestCase("unknown", "1970-01-01", "13", null)]
    [TestCase("male", "2010-01-01", "13", null)]
    public void The_table_is_for_adults_and_by_sex_where_sex_matters(string sex, string birth, string haemoglobin, Mark? mark)
    {
        var r = new Resources();
        r.Person(sex, birth);
        r.Observe("718-7", haemoglobin, "g/dL", "2020-01-01");
        Assert.That(Only(r).Points[0].Mark, Is.EqualTo(mark));
    }

    [TestCase("<", "3.0", Mark.Low)]
    [TestCase("<", "4.0", null)]
    [TestCase(">", "6.0", Mark.High)]
    [TestCase(">", "4.0", null)]
    public void A_bound_is_marked_only_where_it_decides_and_takes_no_part_in_the_trend(string comparator, string value, Mark? mark)
    {
        var r = new Resources();
        r.Person();
        for (int day = 1; day <= 5; day++)
        {
            r.Add("Observation", $$"""{"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"6298-4"}]},"effectiveDateTime":"2020-01-0{{day}}","valueQuantity":{"value":{{value}},"comparator":"{{comparator}}","system":"http://unitsofmeasure.org","code":"mmol/L"} }""");
        }
        Series series = Only(r);
        Assert.That(series.Points.Select(p => p.Mark).Distinct(), Is.EqualTo(new[] { mark }));
        Assert.That(series.Trend, Is.Null);
    }

    [Test]
    public void A_trend_has_direction_only_when_its_interval_leaves_out_zero()
    {
        var rising = new Resources();
        var unclear = new Resources();
        for (int i = 0; i < 10; i++)
        {
            string year = (2010 + i).ToString(CultureInfo.InvariantCulture);
            rising.Observe("29463-7", (70 + (2 * i)).ToString(CultureInfo.InvariantCulture), "kg", year + "-01-01");
            unclear.Observe("29463-7", i % 2 == 0 ? "70" : "71", "kg", year + "-01-01");
        }
        Trend trend = Only(rising).Trend!;
        Assert.That(trend.Direction, Is.EqualTo("rising"));
        // Two kilogrammes in 365 or 366 days, told for 365.25.
        Assert.That(trend.SlopePerYear, Is.EqualTo(2).Within(0.003));
        Assert.That(trend.ValueAtEnd, Is.EqualTo(88).Within(0.05));
        Assert.That(Only(unclear).Trend!.Direction, Is.EqualTo("unclear"));
    }

    [Test]
    public void Long_stretches_without_values_are_gaps()
    {
        var r = new Resources();
        foreach (string day in new[] { "2020-01-01", "2020-02-01", "2020-03-01", "2020-04-01", "2020-09-01", "2020-10-01" }) r.Observe("29463-7", "70", "kg", day);
        Gap gap = Only(r).Gaps.Single();
        Assert.That((gap.From.Month, gap.To.Month), Is.EqualTo((4, 9)));
    }

    [Test]
    public void A_newer_version_replaces_the_older_and_what_does_not_count_is_counted()
    {
        var r = new Resources();
        r.Observe("29463-7", "70", "kg", "2020-01-01", id: "same");
        string kept = r.Observe("29463-7", "71", "kg", "2020-01-01", id: "same");
        r.Observe("29463-7", "999", "kg", "2020-01-02", status: "entered-in-error");
        r.Observe("29463-7", "72", "kg", "2020-01-03", author: "this service");
        r.Add("Observation", "{not json");
        r.Add("Observation", """{"status":"final","code":{"text":"weight"},"effectiveDateTime":"2020","valueQuantity":{"value":1}}""");
        r.Add("Observation", """{"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"valueQuantity":{"value":1}}""");
        SeriesResult result = PatientSeries.Analyse(r.Records, "this service");
        Assert.That(result.Series.Single().Points.Select(p => p.RecordId), Is.EqualTo(new[] { kept }));
        Assert.That(result.LeftOut.Select(l => (l.Why, l.Count)), Is.EquivalentTo(new[]
        {
            ("not readable", 1), ("status says that it does not count", 1), ("no LOINC code", 1), ("no time of measurement", 1),
        }));
    }

    [Test]
    public void The_patients_own_device_and_diary_are_read_and_marked_as_such()
    {
        var r = new Resources();
        string self = Resources.Patient.ToString();
        r.Observe("8867-4", "64", "{beats}/min", "2020-01-01", author: self, compartment: "vital-signs");
        r.Add("QuestionnaireResponse",
            """{"status":"completed","authored":"2020-01-02T08:00:00Z","item":[{"linkId":"/74728-7","item":[{"linkId":"/74728-7/8867-4","answer":[{"valueInteger":66}]}]},{"linkId":"mood","answer":[{"valueInteger":3}]}]}""",
            author: self, compartment: "vital-signs");
        IReadOnlyList<Series> all = PatientSeries.Analyse(r.Records).Series;
        Assert.That(all.SelectMany(s => s.Points).Select(p => (p.Value, p.ByPatient)), Is.EquivalentTo(new[] { (64m, true), (66m, true) }));
    }

    [Test]
    public void Medicines_lie_over_time_as_ordered_or_taken()
    {
        var r = new Resources();
        r.Order("1", "2020-01-01", ""","dispenseRequest":{"numberOfRepeatsAllowed":2,"expectedSupplyDuration":{"value":30,"code":"d"}}""");
        r.Order("2", "2021-01-01");
        r.Order("3", "2022-01-01", status: "entered-in-error");
        r.Add("MedicationStatement", """{"status":"completed","medicationCodeableConcept":{"text":"aspirin"},"effectivePeriod":{"start":"2019-01-01","end":"2019-02-01"}}""", compartment: "medications");
        SeriesResult result = PatientSeries.Analyse(r.Records);
        Assert.That(result.Medications.Select(m => (m.Name, m.From.Year, m.To?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), m.IsOngoing)), Is.EqualTo(new[]
        {
            ("aspirin", 2019, "2019-02-01", false), ("drug 1", 2020, "2020-03-31", false), ("drug 2", 2021, null, true),
        }));
    }

    [Test]
    public void The_same_records_in_any_order_give_the_same_json()
    {
        var r = new Resources();
        r.Person();
        for (int i = 1; i < 9; i++) r.Pressure($"2024-0{i}-03", 118 + i, 78);
        PatientRecords reversed = r.Records with { Records = [.. r.Records.Records.Reverse()] };
        string Json(PatientRecords records) => JsonSerializer.Serialize(PatientSeries.Analyse(records), SeriesResult.Json);
        Assert.That(Json(reversed), Is.EqualTo(Json(r.Records)));
        Assert.That(Json(r.Records), Does.Contain("\"mark\":\"within\"").And.Contain("\"recordId\":\"0001\"").And.Not.Contain("null"));
    }
}
