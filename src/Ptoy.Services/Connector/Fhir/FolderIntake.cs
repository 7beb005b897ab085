using Ptoy.Protocol.Records;
using Ptoy.Services.Common;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Connector.Fhir;

/// <summary>
/// Takes a folder's files in: bundles of one patient each (<c>*.json</c>), and lists of resources of any number of patients (<c>*.ndjson</c>, as a
/// bulk export writes them). A file, or a line, that cannot be taken is reported and the others go on.
/// </summary>
internal sealed class FolderIntake(string source, IIntake intake, SharedResources shared, Func<CancellationToken, Task> makeRoom, ILogger log)
{
    private const long BatchBytes = 64L * 1024 * 1024;
    private const int MaxFailures = 1000;
    private const int MaxLine = 32 * 1024 * 1024;
    private readonly List<string> _failures = [];
    private int _resources;
    private int _stored;
    private long _bytes;

    /// <summary>Which files are read; all unless told otherwise.</summary>
    public Func<FileInfo, bool> Wanted { get; init; } = _ => true;

    /// <summary>Told of each file whether it was taken whole, as it was before it was read.</summary>
    public Action<FileInfo, bool>? Finished { get; init; }

    public async Task<ImportResult> TakeAsync(string folder, IProgress<int>? progress, CancellationToken cancellation)
    {
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"EHR folder '{folder}' does not exist");
        FileInfo[] bundles = FilesOf(folder, "*.json"), lists = FilesOf(folder, "*.ndjson");
        int done = 0, refused = 0;
        foreach (FileInfo file in bundles)
        {
            bool taken = await TryBundleAsync(file.FullName, done + 1, cancellation);
            Finished?.Invoke(file, taken);
            if (!taken) refused++;
            done++;
            progress?.Report(done);
        }
        // What patients' resources refer to has to be there first, whichever file it is in.
        var halves = new HashSet<FileInfo>();
        foreach (FileInfo file in lists)
        {
            if (!await TakeListAsync(file.FullName, firstPass: true, cancellation)) halves.Add(file);
        }
        foreach (FileInfo file in lists)
        {
            bool taken = await TakeListAsync(file.FullName, firstPass: false, cancellation) && !halves.Contains(file);
            Finished?.Invoke(file, taken);
            if (!taken) refused++;
            done++;
            progress?.Report(done);
        }
        return new ImportResult(done - refused, _resources, _stored, _bytes, _failures);
    }

    /// <summary>Takes one bundle in, with the skeleton that puts it together again.</summary>
    public static async Task<IntakeOutcome> TakeBundleAsync(IIntake intake, string source, SlicedBundle bundle, CancellationToken cancellation)
    {
        int fresh = 0, versions = 0, known = 0;
        foreach (IReadOnlyList<IntakeResource> part in Parts(ResourcesOf(bundle)))
        {
            IntakeOutcome outcome = await intake.TakeAsync(new IntakeBatch(source, bundle.PatientId, part), cancellation);
            (fresh, versions, known) = (fresh + outcome.Fresh, versions + outcome.Versions, known + outcome.Known);
        }
        return new IntakeOutcome(fresh, versions, known);
    }

    private FileInfo[] FilesOf(string folder, string pattern) =>
        [.. new DirectoryInfo(folder).GetFiles(pattern).Where(Wanted).OrderBy(f => f.Name, StringComparer.Ordinal)];

    private async Task<bool> TryBundleAsync(string file, int number, CancellationToken cancellation)
    {
        try
        {
            byte[] content = await File.ReadAllBytesAsync(file, cancellation);
            SlicedBundle bundle = BundleSlicer.Slice(content, Path.GetFileName(file));
            _stored += await WithRoomAsync(async () => (await TakeBundleAsync(intake, source, bundle, cancellation)).Stored, cancellation);
            _resources += bundle.Slices.Count;
            _bytes += content.Length;
            return true;
        }
        catch (BundleException e)
        {
            Fail(number, e.Message, e.Describe());
        }
        catch (FieldException e)
        {
            Fail(number, e.Message, $"{Path.GetFileName(file)}: {e.Message}");
        }
        return false;
    }

    /// <summary>The first pass keeps what is about no patient, the second the rest.</summary>
    private async Task<bool> TakeListAsync(string file, bool firstPass, CancellationToken cancellation)
    {
        var sorter = new ResourceSorter(source, intake, shared, isCurrent: false, makeRoom);
        bool whole = true;
        await using FileStream stream = File.OpenRead(file);
        await foreach (NdjsonLine line in NdjsonReader.ReadAsync(stream, MaxLine, cancellation))
        {
            bool own = false;
            try
            {
                if (line.Bytes is not { } bytes) throw new BundleException(Path.GetFileName(file), line.Position, $"the line is longer than {MaxLine} bytes");
                ResourceHead head = ResourceScan.Read(bytes, Path.GetFileName(file), line.Position);
                own = ResourceSorter.PatientOf(head).Length == 0;
                if (own == firstPass) await sorter.AddAsync(Checked(head, bytes, file, line), bytes, cancellation);
            }
            catch (BundleException e)
            {
                // What cannot be read at all is reported once, on the second pass.
                if (own != firstPass) continue;
                whole = false;
                Fail(line.Number, e.Message, $"{e.Describe()} (line {line.Number})");
            }
        }
        await sorter.FlushAsync(cancellation);
        _resources += sorter.Count.Resources;
        _stored += sorter.Count.Stored;
        if (!firstPass) _bytes += stream.Length;
        return whole;
    }

    /// <summary>What the intake would refuse is refused here, line by line, so that it does not take the rest of a batch with it.</summary>
    private static ResourceHead Checked(ResourceHead head, byte[] bytes, string file, NdjsonLine line)
    {
        try
        {
            FhirScan.CompartmentOf(bytes);
            if (Intake.Problem(head) is { } problem) throw new FormatException(problem);
            if (head.Type == "Patient") PatientDemographics.Read(bytes);
            return head;
        }
        catch (FormatException e)
        {
            throw new BundleException(Path.GetFileName(file), line.Position, e.Message);
        }
    }

    private static IEnumerable<IntakeResource> ResourcesOf(SlicedBundle bundle)
    {
        foreach (BundleSlice slice in bundle.Slices)
        {
            ReadOnlyMemory<byte> bytes = bundle.BytesOf(slice);
            yield return new IntakeResource(bytes, slice.ResourceType, slice.Id, FhirScan.CompartmentOf(bytes.Span));
        }
        yield return new IntakeResource(bundle.Skeleton(), IntakeTypes.Skeleton, null, Compartments.Of("Bundle", []));
    }

    private static IEnumerable<IReadOnlyList<IntakeResource>> Parts(IEnumerable<IntakeResource> resources)
    {
        var part = new List<IntakeResource>();
        long bytes = 0;
        foreach (IntakeResource resource in resources)
        {
            if (part.Count > 0 && (part.Count == IntakeBatch.MaxResources || bytes + resource.Bytes.Length > BatchBytes))
            {
                yield return part;
                (part, bytes) = ([], 0);
            }
            part.Add(resource);
            bytes += resource.Bytes.Length;
        }
        if (part.Count > 0) yield return part;
    }

    private async Task<int> WithRoomAsync(Func<Task<int>> take, CancellationToken cancellation)
    {
        while (true)
        {
            try { return await take(); }
            catch (IntakeFullException) { await makeRoom(cancellation); }
        }
    }

    private void Fail(int number, string problem, string description)
    {
        log.LogWarning("import: file or line {Number} refused: {Problem}", number, problem);
        if (_failures.Count < MaxFailures) _failures.Add(description);
    }
}
