using System.Diagnostics;
using System.Globalization;
using System.Text;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Records;
using Ptoy.Services.Analytics.Cohort;
using Ptoy.Services.Analytics.Patient;
using Ptoy.Services.Fhir;
using Ptoy.Services.Grants;
using Ptoy.Services.Monitoring;

namespace Ptoy.Bench;

/// <summary>
/// Analytics over many generated patients: series of each, facts for the cohort, monitoring, then questions to all of them. One patient's records are held at
/// a time, as in the daemon; facts and database stay. Options: <c>--patients N --resources N --seed N</c>.
/// </summary>
internal static class AnalyticsBench
{
    private static readonly string[] Questions =
    [
        """{"kind":"count","epsilon":0.1}""",
        """{"kind":"count","epsilon":0.1,"where":[{"sex":"female"},{"ageFrom":40},{"measurement":"8480-6","unit":"mm[Hg]","op":">=","value":140}]}""",
        """{"kind":"table","epsilon":0.1,"by":["sex","age"],"ageEdges":[18,30,40,50,60,70,80]}""",
        """{"kind":"prevalence","epsilon":0.1,"codes":["http://snomed.info/sct|59621000","http://snomed.info/sct|44054006","http://www.nlm.nih.gov/research/umls/rxnorm|314076"],"maxPerPatient":3}""",
        """{"kind":"histogram","epsilon":0.1,"measurement":"8480-6","unit":"mm[Hg]","edges":[100,110,120,130,140,150,160]}""",
        """{"kind":"mean","epsilon":0.1,"measurement":"29463-7","unit":"kg","low":30,"high":200}""",
    ];

    public static async Task<int> RunAsync(string[] args)
    {
        int Option(string name, int otherwise)
        {
            int at = Array.IndexOf(args, name);
            return at < 0 ? otherwise : int.Parse(args[at + 1], CultureInfo.InvariantCulture);
        }
        var options = new GeneratorOptions((ulong)Option("--seed", 1), Option("--patients", 1_000), Option("--resources", 500));
        if (options.Problem() is { } problem)
        {
            Console.Error.WriteLine($"bench analytics: {problem}");
            return 2;
        }
        var rows = new List<(string What, double Value, string Unit)>();
        List<PatientFacts> facts = Patients(options, rows);
        await CohortAsync(facts, rows);
        using Process self = Process.GetCurrentProcess();
        rows.Add(("peak memory", self.PeakWorkingSet64 / 1048576.0, "MiB"));
        Directory.CreateDirectory("out/bench");
        var csv = new StringBuilder("what,value,unit\n");
        foreach ((string what, double value, string unit) in rows)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-48} {value,14:N1} {unit}"));
            csv.Append(CultureInfo.InvariantCulture, $"{what},{value},{unit}\n");
        }
        await File.WriteAllTextAsync("out/bench/analytics.csv", csv.ToString());
        return 0;
    }

    private static List<PatientFacts> Patients(GeneratorOptions options, List<(string, double, string)> rows)
    {
        var facts = new List<PatientFacts>();
        long resources = 0, points = 0, series = 0, findings = 0;
        TimeSpan seriesTime = default, factsTime = default, monitorTime = default;
        var now = new DateTimeOffset(2026, 1, 5, 0, 0, 0, TimeSpan.Zero);
        for (int i = 0; i < options.Patients; i++)
        {
            PatientRecords records = RecordsOf(BundleGenerator.Bundle(options, i), i, now);
            resources += records.Records.Count;
            long start = Stopwatch.GetTimestamp();
            SeriesResult result = PatientSeries.Analyse(records);
            seriesTime += Stopwatch.GetElapsedTime(start);
            series += result.Series.Count;
            points += result.Series.Sum(s => s.Points.Count);
            start = Stopwatch.GetTimestamp();
            facts.Add(PatientFacts.Of(records));
            factsTime += Stopwatch.GetElapsedTime(start);
            start = Stopwatch.GetTimestamp();
            findings += MonitorRules.Look(records, new MonitorOptions(), now).Findings.Count;
            monitorTime += Stopwatch.GetElapsedTime(start);
        }
        rows.AddRange(
        [
            ("patients", options.Patients, ""), ("resources", resources, ""), ("series", series, ""), ("points", points, ""), ("findings", findings, ""),
            ("series: resources a second", resources / seriesTime.TotalSeconds, "1/s"), ("facts: resources a second", resources / factsTime.TotalSeconds, "1/s"),
            ("monitoring: resources a second", resources / monitorTime.TotalSeconds, "1/s"),
        ]);
        return facts;
    }

    private static async Task CohortAsync(List<PatientFacts> facts, List<(string, double, string)> rows)
    {
        long start = Stopwatch.GetTimestamp();
        using CohortDatabase database = CohortDatabase.Build(facts);
        rows.Add(("database filled", Stopwatch.GetElapsedTime(start).TotalMilliseconds, "ms"));
        var release = new PrivateRelease(DiscreteLaplace.Secure, 11);
        foreach (string question in Questions)
        {
            CohortQuery query = CohortQuery.Parse(Encoding.UTF8.GetBytes(question));
            start = Stopwatch.GetTimestamp();
            CohortAnswer answer = release.Of(query, new CohortCounter(database, 2026).Count(query));
            rows.Add(($"question: {query.Kind} ({answer.Cells.Count} cells)", Stopwatch.GetElapsedTime(start).TotalMilliseconds, "ms"));
        }
        start = Stopwatch.GetTimestamp();
        using var file = new MemoryStream();
        ExtractReport report = await CohortExtract.WriteAsync(new ExtractQuery([], [new ExtractMeasurement("29463-7", "kg", 10)], 11), facts, 2026, file);
        rows.Add(($"extract: {report.Rows} rows of {report.SmallestClass} alike at least", Stopwatch.GetElapsedTime(start).TotalMilliseconds, "ms"));
    }

    private static PatientRecords RecordsOf(GeneratedBundle bundle, int number, DateTimeOffset now)
    {
        SlicedBundle sliced = BundleSlicer.Slice(bundle.Bytes);
        var seed = new byte[32];
        BitConverter.TryWriteBytes(seed, number + 1);
        using var key = new SigningKey(seed);
        return new PatientRecords(key.Address, [.. sliced.Slices.Select((s, i) => new FhirRecord(
            string.Create(CultureInfo.InvariantCulture, $"{number:x8}{i:x8}"), s.ResourceType, s.Id ?? "", Compartments.Of(s.ResourceType, []), sliced.BytesOf(s), "hospital",
            (ulong)i, now))]);
    }
}
