using System.Globalization;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Connector.Fhir;

/// <summary>Part of the connector that takes a FHIR R4 server in, round after round.</summary>
public sealed class RestIntakePart : IDaemonPart, IDisposable
{
    private readonly RestIntakeOptions _options;
    private readonly RestIntake _intake;
    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private volatile PartHealth _health = new(true, "not begun yet");

    /// <summary>A part for a server.</summary>
    /// <param name="options">Without problems.</param>
    /// <param name="connector">Takes in what comes.</param>
    /// <param name="time">Clock.</param>
    /// <param name="log">Messages without personal data.</param>
    public RestIntakePart(RestIntakeOptions options, EhrConnector connector, TimeProvider time, ILogger<RestIntakePart> log)
    {
        (_options, _time, _log) = (options, time, log);
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = Timeout.InfiniteTimeSpan };
        var client = new FhirClient(_http, options, time, Random.Shared.NextDouble);
        // What waits for the nodes is handed over by the connector itself: here is only time to give it.
        Func<CancellationToken, Task> makeRoom = cancellation => Task.Delay(TimeSpan.FromSeconds(1), time, cancellation);
        _intake = new RestIntake(options, client, connector.State, connector.Intake, connector.SharedResources(options.Source), makeRoom, log);
    }

    /// <inheritdoc/>
    public string Name => "rest";

    /// <summary>Makes the part from its section.</summary>
    public static Task<IDaemonPart> MakeAsync(PartContext context, RestIntakeOptions options, CancellationToken cancellation)
    {
        RestIntakeOptions resolved = options with { Auth = options.Auth.Resolved("rest", context.Config) };
        var connector = context.Need<EhrConnector>("hospital");
        return Task.FromResult<IDaemonPart>(context.Own(new RestIntakePart(resolved, connector, context.Time, context.Logs.CreateLogger<RestIntakePart>())));
    }

    /// <inheritdoc/>
    public PartHealth Health() => _health;

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken stop)
    {
        using var interval = new PeriodicTimer(TimeSpan.FromSeconds(_options.IntervalSeconds), _time);
        try
        {
            do await RoundAsync(stop);
            while (await interval.WaitForNextTickAsync(stop));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task RoundAsync(CancellationToken stop)
    {
        var progress = new Forward(p => _health = new PartHealth(true, Line($"reading {p.Type}: {p.Resources} resources, {p.Stored} newly stored")));
        try
        {
            RestRound round = await _intake.RunAsync(progress, stop);
            string text = Line($"last round ended {_time.GetUtcNow():u}: {round.Resources} resources, {round.Stored} newly stored, {round.Refused} not taken");
            _health = new PartHealth(round.Refused == 0, text);
            if (round.Stored > 0 || round.Refused > 0) _log.LogInformation("rest: {Text}", text);
        }
        catch (FhirServerException e)
        {
            _health = new PartHealth(false, Line($"last round was cut off {_time.GetUtcNow():u}: {e.Message}; it goes on from there"));
            _log.LogWarning("rest: the round was cut off: {Problem}", e.Message);
        }
    }

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>Reports in order, on the thread that reports.</summary>
    private sealed class Forward(Action<RestProgress> report) : IProgress<RestProgress>
    {
        public void Report(RestProgress value) => report(value);
    }
}
