using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Ptoy.Protocol;
using Ptoy.Services.Common;
using Ptoy.Services.Connector.Fhir;
using Ptoy.Services.Grants;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Connector.Back;

/// <summary>
/// Part of the connector that brings what other hospitals wrote about shared patients into the hospital's EHR, as far as they are granted to the
/// hospital. What the hospital wrote itself is not sent back. When a grant ends, nothing more of that patient is delivered.
/// </summary>
public sealed class BackPart : IDaemonPart, IGrantConsumer, IDisposable
{
    private readonly BackOptions _options;
    private readonly BackOutbox _outbox;
    private readonly BackWriter _writer;
    private readonly string _organisation;
    private readonly TimeProvider _time;
    private readonly HttpClient? _http;

    /// <summary>A part for an EHR.</summary>
    /// <param name="options">Without problems.</param>
    /// <param name="connector">Knows which of the EHR's patients an account is.</param>
    /// <param name="organisation">The hospital's account: what it wrote is its own.</param>
    /// <param name="store">Sealed; keeps what is to be delivered, per patient.</param>
    /// <param name="time">Clock.</param>
    /// <param name="log">Messages without personal data.</param>
    public BackPart(BackOptions options, EhrConnector connector, Address organisation, SealedStore store, TimeProvider time, ILogger<BackPart> log)
    {
        (_options, _organisation, _time) = (options, organisation.ToString(), time);
        _outbox = new BackOutbox(store);
        IBackTarget target;
        if (options.Server is { } server)
        {
            _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = Timeout.InfiniteTimeSpan };
            target = new ServerTarget(new FhirClient(_http, server, time, Random.Shared.NextDouble));
        }
        else
        {
            target = new FolderTarget(options.Folder!);
        }
        _writer = new BackWriter(options, _outbox, target, account => PatientIn(connector.State, account, options.Source), log);
    }

    /// <inheritdoc/>
    public string Name => "back";

    /// <summary>Makes the part from its section, and the feed of what is granted to the hospital's account.</summary>
    public static async Task<IDaemonPart> MakeAsync(PartContext context, BackOptions options, CancellationToken cancellation)
    {
        var connector = context.Need<EhrConnector>("hospital");
        BackOptions resolved = options with
        {
            Folder = options.Folder is { } folder ? context.Config.PathOf(folder) : null,
            Server = options.Server is { } server ? server with { Auth = server.Auth.Resolved("back.server", context.Config) } : null,
        };
        if (resolved.Folder is { } path && !Directory.Exists(path)) throw new DaemonConfigException($"back.folder: there is no directory '{path}'");
        AccountOptions account = context.Config.Settings.Account ?? throw new DaemonConfigException("account: missing, and a part needs it");
        DaemonAccount own = await context.AccountAsync(account, cancellation);
        var part = context.Own(new BackPart(resolved, connector, own.Keys.Address, context.Store("back"), context.Time, context.Logs.CreateLogger<BackPart>()));
        await context.GrantsAsync("back", new GranteeOptions(account, connector.Organisation, options.Purpose), [part], cancellation);
        return part;
    }

    /// <summary>What the EHR refused too often.</summary>
    public IReadOnlyList<BackFailure> Failures => _writer.Failures();

    /// <inheritdoc/>
    public PartHealth Health() => new(_writer.TargetOk && _writer.Refused == 0, _writer.Describe());

    /// <summary>Tries what is listed again.</summary>
    public void TryAgain() => _writer.TryAgain();

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/back").AddEndpointFilter(HospitalPart.Local);
        group.MapGet("/refused", () => Failures);
        group.MapPost("/retry", TryAgain);
    }

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                await _writer.DeliverAsync(stop);
                await _writer.WaitAsync(TimeSpan.FromSeconds(_options.RetrySeconds), _time, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
    }

    /// <inheritdoc/>
    public Task PatientChangedAsync(PatientRecords records, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(records);
        var foreign = records.Current().Where(IsForeign)
            .Select(r => (new BackRecord(r.Author, r.Type, r.Id, r.Bytes, IsUpdate: false), r.Height));
        if (_outbox.Put(records.Patient.ToString(), foreign) > 0) _writer.Wake();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task PatientGoneAsync(Address patient, CancellationToken cancellation)
    {
        _outbox.Forget(patient.ToString());
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose() => _http?.Dispose();

    /// <summary>The EHR has its own Patient; and what is not a FHIR resource it could not take.</summary>
    private bool IsForeign(FhirRecord record) =>
        record.Author != _organisation && record.Type.Length > 0 && record.Id.Length > 0 && record.Type is not ("Patient" or "Bundle");

    internal static string? PatientIn(ConnectorState state, string account, string source) =>
        state.BoundTo(account).SelectMany(p => state.Family(state.Survivor(p)).Prepend(state.Survivor(p)))
            .Where(p => p.Source == source).Select(p => p.SourceId).FirstOrDefault();
}
