using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters.Csv;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;

if (args is ["analytics", .. string[] ofAnalytics]) return await Ptoy.Bench.AnalyticsBench.RunAsync(ofAnalytics);
if (args is ["transport", .. string[] options]) return await Ptoy.Bench.TransportBench.RunAsync(options);
if (args is ["facade", .. string[] ofFacade]) return await Ptoy.Bench.FacadeBench.RunAsync(ofFacade);
if (args is ["fraud", .. string[] fraud]) return await Ptoy.Bench.Fraud.FraudBench.RunAsync(fraud);

// In this process: no second build, so the run is short and measures exactly this build. --long takes more iterations.
bool isLong = args.Contains("--long");
Job job = (isLong ? Job.MediumRun : Job.ShortRun)
    .WithToolchain(InProcessEmitToolchain.Instance)
    .WithIterationTime(TimeInterval.FromMilliseconds(isLong ? 500 : 150));
IConfig config = ManualConfig.CreateEmpty()
    .AddJob(job)
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddColumnProvider(DefaultColumnProviders.Instance)
    .AddLogger(ConsoleLogger.Default)
    .AddExporter(CsvExporter.Default, BenchmarkDotNet.Exporters.MarkdownExporter.GitHub)
    .WithOption(ConfigOptions.JoinSummary | ConfigOptions.DisableLogFile, true)
    .WithArtifactsPath(Path.Combine("out", "bench", "micro"));
string[] rest = [.. args.Where(a => a != "--long")];
if (rest.Length == 0) rest = ["--filter", "*"];
var summaries = BenchmarkSwitcher.FromAssembly(typeof(Ptoy.Bench.TransactionBenchmarks).Assembly).Run(rest, config);
return summaries.All(s => !s.HasCriticalValidationErrors && s.Reports.All(r => r.Success)) ? 0 : 1;
