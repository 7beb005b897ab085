using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Ptoy.Services.Connector.Fhir;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Connector.Imaging;

/// <summary>Part of the connector that takes imaging studies in from a DICOM server.</summary>
public sealed class ImagingPart : IDaemonPart, IDisposable
{
    private readonly ImagingOptions _options;
    private readonly ImagingIntake _intake;
    private readonly ConnectorState _state;
    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private DateTimeOffset? _complete;
    private volatile PartHealth _health = new(true, "not begun yet");

    /// <summary>A part for a DICOM server.</summary>
    /// <param name="options">Without problems.</param>
    /// <param name="connector">Takes in what comes.</param>
    /// <param name="time">Clock.</param>
    /// <param name="log">Messages without personal data.</param>
    public ImagingPart(ImagingOptions options, EhrConnector connector, TimeProvider time, ILogger<ImagingPart> log)
    {
        (_options, _state, _time, _log) = (options, connector.State, time, log);
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = Timeout.InfiniteTimeSpan };
        var client = new DicomWebClient(new FhirClient(_http, options, time, Random.Shared.NextDouble));
        // What waits for the nodes is handed over by the connector itself: here is only time to give it.
        Func<CancellationToken, Task> makeRoom = cancellation => Task.Delay(TimeSpan.FromSeconds(1), time, cancellation);
        _intake = new ImagingIntake(options, client, connector.State, connector.Intake, makeRoom, time);
    }

    /// <inheritdoc/>
    public string Name => "imaging";

    /// <summary>Makes the part from its section.</summary>
    public static Task<IDaemonPart> MakeAsync(PartContext context, ImagingOptions options, CancellationToken cancellation)
    {
        ImagingOptions resolved = options with { Auth = options.Auth.Resolved("imaging", context.Config) };
        var connector = context.Need<EhrConnector>("hospital");
        return Task.FromResult<IDaemonPart>(context.Own(new ImagingPart(resolved, connector, context.Time, context.Logs.CreateLogger<ImagingPart>())));
    }

    /// <inheritdoc/>
    public PartHealth Health() => _health;

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder routes) => routes.MapPost("/imaging/assign", (string study, string patient) =>
    {
        try
        {
            ImagingIntake.Assign(_state, study, patient);
            return Results.Ok();
        }
        catch (ArgumentException e)
        {
            return Results.BadRequest(e.Message);
        }
    }).AddEndpointFilter(HospitalPart.Local);

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

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task LookAsync(CancellationToken stop)
    {
        DateTimeOffset now = _time.GetUtcNow();
        bool complete = _complete is not { } last || now - last >= TimeSpan.FromHours(_options.CompleteHours);
        try
        {
            ImagingRound round = await _intake.RunAsync(complete ? null : DateOnly.FromDateTime(now.UtcDateTime).AddDays(-_options.RecentDays), stop);
            if (complete) _complete = now;
            string text = string.Create(
                CultureInfo.InvariantCulture, $"last look ended {_time.GetUtcNow():u}: {round.Studies} studies, {round.Taken} taken, {round.Review} for review");
            _health = new PartHealth(true, text);
            if (round.Taken > 0 || round.Review > 0) _log.LogInformation("imaging: {Text}", text);
        }
        catch (FhirServerException e)
        {
            _health = new PartHealth(false, string.Create(CultureInfo.InvariantCulture, $"last look was cut off {_time.GetUtcNow():u}: {e.Message}; it goes on from there"));
            _log.LogWarning("imaging: the look was cut off: {Problem}", e.Message);
        }
    }
}
