using System.Globalization;
using Ptoy.Services.Common;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Connector.Fhir;

/// <summary>A folder to take in: section <c>folder</c> of the connector's configuration.</summary>
public sealed record FolderOptions : IPartOptions
{
    /// <summary>One line for help.</summary>
    public const string Summary = "FHIR R4 bundles and NDJSON in a folder are taken as they come";

    /// <summary>What <c>init</c> writes.</summary>
    public static FolderOptions Example { get; } = new() { Path = "export" };

    /// <summary>Holds bundles (<c>*.json</c>) and lists of resources (<c>*.ndjson</c>).</summary>
    public string Path { get; init; } = "";

    /// <summary>Name of the source.</summary>
    public string Source { get; init; } = EhrConnector.FolderSource;

    /// <summary>Seconds from one look to the next.</summary>
    public int IntervalSeconds { get; init; } = 10;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems() => [.. Find()];

    private IEnumerable<string> Find()
    {
        if (Path.Length == 0) yield return "path: missing";
        if (Source.Length == 0) yield return "source: missing";
        if (IntervalSeconds is < 1 or > 86_400) yield return $"intervalSeconds: {IntervalSeconds} is not 1 to 86,400";
    }
}

/// <summary>Part of the connector that takes in what an EHR exports to a folder. Files are read again only when they change.</summary>
public sealed class FolderPart : IDaemonPart
{
    private readonly FolderOptions _options;
    private readonly EhrConnector _connector;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly SealedTable _files;
    private readonly Dictionary<string, string> _refused = [];
    private volatile PartHealth _health = new(true, "not begun yet");

    /// <summary>A part for a folder.</summary>
    public FolderPart(FolderOptions options, EhrConnector connector, TimeProvider time, ILogger<FolderPart> log)
    {
        (_options, _connector, _time, _log) = (options, connector, time, log);
        _files = connector.State.Store.Table("folder-files");
    }

    /// <inheritdoc/>
    public string Name => "folder";

    /// <summary>Makes the part from its section.</summary>
    public static Task<IDaemonPart> MakeAsync(PartContext context, FolderOptions options, CancellationToken cancellation)
    {
        string path = context.Config.PathOf(options.Path);
        if (!Directory.Exists(path)) throw new DaemonConfigException($"folder.path: there is no directory '{path}'");
        var connector = context.Need<EhrConnector>("hospital");
        return Task.FromResult<IDaemonPart>(new FolderPart(options with { Path = path }, connector, context.Time, context.Logs.CreateLogger<FolderPart>()));
    }

    /// <inheritdoc/>
    public PartHealth Health() => _health;

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken stop)
    {
        using var interval = new PeriodicTimer(TimeSpan.FromSeconds(_options.IntervalSeconds), _time);
        try
        {
            do await LookAsync(stop);
            while (await interval.WaitForNextTickAsync(stop));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
    }

    private async Task LookAsync(CancellationToken stop)
    {
        try
        {
            var import = new FolderIntake(
                _options.Source, _connector.Intake, _connector.SharedResources(_options.Source), c => Task.Delay(TimeSpan.FromSeconds(1), _time, c), _log)
            {
                Wanted = IsChanged, Finished = Remember,
            };
            var progress = new Forward(done => _health = new PartHealth(true, string.Create(CultureInfo.InvariantCulture, $"reading: {done} files")));
            ImportResult result = await import.TakeAsync(_options.Path, progress, stop);
            string text = string.Create(
                CultureInfo.InvariantCulture, $"last look {_time.GetUtcNow():u}: {result.Files} files taken, {result.Stored} newly stored, {_refused.Count} files refused");
            _health = new PartHealth(_refused.Count == 0, text);
            if (result.Files > 0) _log.LogInformation("folder: {Text}", text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Its message may name a file, and a file's name a person.
            _health = new PartHealth(false, $"the folder or a file in it cannot be read ({e.GetType().Name})");
            _log.LogWarning("folder: {Problem}", e.GetType().Name);
        }
    }

    private bool IsChanged(FileInfo file)
    {
        string stamp = StampOf(file);
        if (_refused.GetValueOrDefault(file.Name) == stamp) return false;
        return _files.Get(KeyOf(file)) is not { } row || ConnectorState.Read<string>(row) != stamp;
    }

    private void Remember(FileInfo file, bool taken)
    {
        _refused.Remove(file.Name);
        if (taken) _connector.State.Store.Write(b => b.Put(_files, KeyOf(file), ConnectorState.Bytes(StampOf(file))));
        else _refused[file.Name] = StampOf(file);
    }

    private string KeyOf(FileInfo file) => $"{_options.Source}/{file.Name}";

    private static string StampOf(FileInfo file) => string.Create(CultureInfo.InvariantCulture, $"{file.Length} {file.LastWriteTimeUtc.Ticks}");

    private sealed class Forward(Action<int> report) : IProgress<int>
    {
        public void Report(int value) => report(value);
    }
}
