using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Protocol;
using Ptoy.Protocol.Records;
using Ptoy.Services.Common;
using Ptoy.Services.Facade;
using Ptoy.Services.Facade.Index;
using Ptoy.Services.Facade.Smart;
using Ptoy.Services.Fhir;

namespace Ptoy.Bench;

/// <summary>
/// <c>./dev bench facade</c>: a façade over many generated patients, asked over HTTP. Reads and searches go through routing, tokens,
/// scopes, index, the
/// sealed store (each resource is decrypted) and JSON; the gatekeeper is a stand-in in this process that permits and counts, so what the
/// node's
/// decision and log entry cost comes on top (see <c>gets</c> in the load runs).
/// </summary>
internal static class FacadeBench
{
    private const string Usage = "facade: [--patients N] [--resources N] [--seconds N] [--clients N] [--port N]";

    private sealed record Options(int Patients, int Resources, int Seconds, int Clients, int Port);

    private sealed record Row(string Name, double PerSecond, double P50, double P99, long Errors);

    private sealed class OpenGate : IAccessGate
    {
        private long _decisions;

        public long Decisions => Interlocked.Read(ref _decisions);

        public Task<GateAnswer> AccessAsync(Asker asker, Address patient, bool isSearch, IReadOnlyCollection<string> records,
            CancellationToken cancellation)
        {
            Interlocked.Increment(ref _decisions);
            return Task.FromResult(new GateAnswer(records.ToHashSet(StringComparer.Ordinal), null));
        }

        public Task<GatePermits> PermitsAsync(
            Asker asker, Address patient, IReadOnlyCollection<string> records, string action, IReadOnlyCollection<string> tags,
                CancellationToken cancellation) =>
            Task.FromResult(new GatePermits(true, records.ToHashSet(StringComparer.Ordinal), tags.ToHashSet(StringComparer.Ordinal)));

        public Task<bool> IsEmployeeAsync(Address account, CancellationToken cancellation) => Task.FromResult(true);
    }

    public static async Task<int> RunAsync(string[] args)
    {
        if (Parse(args) is not { } options)
        {
            await Console.Error.WriteLineAsync(Usage);
            return 2;
        }
        string folder = Path.Combine(Path.GetTempPath(), "ptoy-bench-facade-" + Guid.NewGuid().ToString("N"));
        try
        {
            using SealedStore store = SealedStore.Open(folder, RandomNumberGenerator.GetBytes(SealedStore.KeySize));
            await RunAsync(options, store);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Options? Parse(string[] args)
    {
        var values = new Dictionary<string, int> { ["--patients"] = 1000, ["--resources"] = 500, ["--seconds"] = 10, ["--clients"] = 8,
            ["--port"] = 24_590 };
        if (args.Length % 2 != 0) return null;
        for (int i = 0; i < args.Length; i += 2)
        {
            if (!values.ContainsKey(args[i]) || !int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int value)
                || value < 1) return null;
            values[args[i]] = value;
        }
        var options = new Options(values["--patients"], values["--resources"], values["--seconds"], values["--clients"], values["--port"]);
        return new GeneratorOptions(1, options.Patients, options.Resources).Problem() is null ? options : null;
    }

    private static async Task RunAsync(Options options, SealedStore store)
    {
        var app = new FacadeApp { ClientId = Account(1_000_000).ToString(), Name = "bench", Scopes = "patient/*.rs user/*.rs" };
        var facadeOptions = new FacadeOptions { BaseUrl = $"http://127.0.0.1:{options.Port}/fhir", Apps = [app] };
        var gate = new OpenGate();
        using var part = new FacadePart(facadeOptions, store, gate, null, Account(1_000_001), TimeProvider.System,
            NullLoggerFactory.Instance);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        var watch = Stopwatch.StartNew();
        Fill(part, options);
        double fill = watch.Elapsed.TotalSeconds;
        long index = GC.GetTotalMemory(forceFullCollection: true) - before;
        int resources = part.Core.Index.Documents;
        Console.WriteLine($"{options.Patients} patients, {resources:N0} resources: generated, sealed and indexed in {fill:0.0} s; index {index >> 20} MiB ({index / resources} bytes a resource)");
        part.Load(default);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using WebApplication web = builder.Build();
        web.Urls.Add($"http://127.0.0.1:{options.Port}");
        part.Map(web);
        await web.StartAsync();
        Row[] rows = await MeasureAsync(part, options, facadeOptions.BaseUrl);
        await web.StopAsync();
        Print(rows, gate, resources, index);
    }

    private static void Fill(FacadePart part, Options options)
    {
        var generator = new GeneratorOptions(1, options.Patients, options.Resources);
        Parallel.For(0, options.Patients, i =>
        {
            SlicedBundle bundle = BundleSlicer.Slice(BundleGenerator.Bundle(generator, i).Bytes);
            var resources = new List<IndexedResource>();
            foreach (BundleSlice slice in bundle.Slices)
            {
                byte[] bytes = bundle.BytesOf(slice).ToArray();
                resources.Add(new IndexedResource(
                    Convert.ToHexStringLower(SHA256.HashData(bytes)), slice.ResourceType, slice.Id!, FhirScan.CompartmentOf(bytes), bytes,
                        (ulong)resources.Count, DateTimeOffset.UnixEpoch.AddYears(55)));
            }
            part.Change(Account(i), resources);
        });
    }

    private static async Task<Row[]> MeasureAsync(FacadePart part, Options options, string url)
    {
        PatientShelf[] shelves = [.. part.Core.Index.Shelves.Take(200)];
        string[] tokens = [.. shelves.Select(s => Token(part, s.Patient, "patient/*.rs"))];
        string all = Token(part, null, "user/*.rs");
        (PatientShelf Shelf, string Token) Pick(Random random) { int i = random.Next(shelves.Length); return (shelves[i], tokens[i]); }
        string[] codes = ["8302-2", "29463-7", "8867-4", "4548-4", "2093-3"];
        var rows = new List<Row>();
        async Task Run(string name, Func<Random, (string Path, string Token)> ask) =>
            rows.Add(await LoadAsync(name, options, r => { var (p, t) = ask(r); return ($"{url}/{p}", t); }));
        await Run("warm-up", r => { var (s, t) = Pick(r); return ($"Observation?code={codes[r.Next(codes.Length)]}&_count=10", t); });
        rows.Clear();
        await Run("read", r =>
        {
            (PatientShelf shelf, string token) = Pick(r);
            ShelfDocument document = shelf.Documents[r.Next(shelf.Documents.Length)];
            return ($"{document.Type}/{document.Id}", token);
        });
        await Run("search: patient, code", r =>
            { var (s, t) = Pick(r); return ($"Observation?patient={s.PatientResourceId}&code={codes[r.Next(codes.Length)]}&_count=10",
            t); });
        await Run("search: patient, date, sorted", r =>
            { var (s, t) = Pick(r); return ($"Observation?patient={s.PatientResourceId}&date=ge{2012 + r.Next(8)}&_sort=-date&_count=10",
            t); });
        await Run("search: quantity, include", r =>
            { var (_, t) = Pick(r); return ($"Observation?value-quantity=gt{50 + r.Next(50)}&_include=Observation:encounter&_count=10",
            t); });
        await Run("search: chained", r => { var (_, t) = Pick(r); return ("Condition?encounter.status=finished&_count=10", t); });
        await Run($"search: name, all {options.Patients} patients", r => ($"Patient?family={(char)('a' + r.Next(26))}&_count=10", all));
        await Run($"search: identifier, all {options.Patients}", r =>
            ($"Patient?identifier=urn:example:mrn|MRN-{r.Next(options.Patients):D7}", all));
        return [.. rows];
    }

    private static async Task<Row> LoadAsync(string name, Options options, Func<Random, (string Url, string Token)> ask)
    {
        using var handler = new SocketsHttpHandler { MaxConnectionsPerServer = options.Clients };
        using var http = new HttpClient(handler);
        var latencies = new List<double>();
        long errors = 0;
        var watch = Stopwatch.StartNew();
        TimeSpan length = TimeSpan.FromSeconds(options.Seconds);
        await Task.WhenAll(Enumerable.Range(0, options.Clients).Select(async client =>
        {
            var random = new Random(client);
            var own = new List<double>();
            while (watch.Elapsed < length)
            {
                (string url, string token) = ask(random);
                long start = Stopwatch.GetTimestamp();
                using var request = new HttpRequestMessage(HttpMethod.Get,
                    new Uri(url)) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
                using HttpResponseMessage answer = await http.SendAsync(request);
                await answer.Content.ReadAsByteArrayAsync();
                if (!answer.IsSuccessStatusCode) Interlocked.Increment(ref errors);
                own.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
            lock (latencies) latencies.AddRange(own);
        }));
        double seconds = watch.Elapsed.TotalSeconds;
        latencies.Sort();
        return new Row(name, latencies.Count / seconds, latencies[latencies.Count / 2], latencies[(int)(latencies.Count * 0.99)], errors);
    }

    private static void Print(Row[] rows, OpenGate gate, int resources, long index)
    {
        using Process self = Process.GetCurrentProcess();
        Console.WriteLine();
        Console.WriteLine($"  {"over HTTP",-40} {"per second",12} {"p50 ms",9} {"p99 ms",9} {"errors",7}");
        foreach (Row row in rows) Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {row.Name,-40} {row.PerSecond,12:N0} {row.P50,9:0.00} {row.P99,9:0.00} {row.Errors,7}"));
        Console.WriteLine($"  peak memory {self.PeakWorkingSet64 >> 20} MiB with client and server in one process on {Environment.ProcessorCount} cores; {gate.Decisions:N0} decisions asked");
        Console.WriteLine("  reference on 8 cores, plaintext: C# incumbent 440 CRUD/s and 261 searches/s; the best 5,212 and 3,404");
        string file = Path.Combine("out", "bench", "facade.csv");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllLines(file, (string[])["name,perSecond,p50ms,p99ms,errors,resources,indexBytes,peakBytes",
            .. rows.Select(r => string.Create(
            CultureInfo.InvariantCulture, $"{r.Name.Replace(',', ';')},{r.PerSecond:0.0},{r.P50:0.000},{r.P99:0.000},{r.Errors},{resources},{index},{self.PeakWorkingSet64}"))]);
        Console.WriteLine($"  {file}");
    }

    private static string Token(FacadePart part, Address? patient, string scope)
    {
        var grant = new SmartGrant(Guid.NewGuid().ToString("N"), Account(1_000_000), patient, null, [SmartScope.Parse(scope)!], [],
            "TREAT", TimeProvider.System.GetUtcNow().AddHours(6));
        return part.Core.Smart.Begin(grant, 3600, false).Access;
    }

    private static Address Account(int number) => new(new Hash(SHA256.HashData(BitConverter.GetBytes(number))));
}
