using Microsoft.AspNetCore.Routing;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Services.Common;
using Ptoy.Services.Facade.Export;
using Ptoy.Services.Facade.Http;
using Ptoy.Services.Facade.Index;
using Ptoy.Services.Facade.Smart;
using Ptoy.Services.Grants;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Facade;

/// <summary>
/// FHIR out of a connector: what patients let the hospital read, for the hospital's apps and for apps that patients authorise. Records
/// come in
/// from the hospital's grants and go when a grant ends.
/// </summary>
public sealed class FacadePart : IDaemonPart, IGrantConsumer, IDisposable
{
    private static readonly TimeSpan SweepEvery = TimeSpan.FromMinutes(1);
    private readonly FacadeOptions _options;
    private readonly FacadeCore _core;
    private readonly FacadeLibrary _library;
    private readonly ExportDesk _exports;
    private readonly FhirServer _server;
    private readonly ILogger _log;
    private volatile bool _isLoaded;

    internal FacadePart(
        FacadeOptions options, SealedStore store, IAccessGate gate, IVaultWriter? writer, Address organisation, TimeProvider time,
            ILoggerFactory logs)
    {
        if (options.Problems() is { Count: > 0 } problems) throw new ArgumentException(string.Join("; ", problems), nameof(options));
        _options = options;
        _log = logs.CreateLogger<FacadePart>();
        _library = new FacadeLibrary(store);
        _core = new FacadeCore(options, _library, gate, writer, new SmartState(store, time), time);
        _exports = new ExportDesk(_core, store, _log);
        _server = new FhirServer(_core, organisation, _exports, _log);
    }

    /// <summary>Puts a façade together. Throws <see cref="ArgumentException"/> naming what is wrong in the options.</summary>
    /// <param name="options">The façade's section of the configuration.</param>
    /// <param name="store">The daemon's sealed store; stays the caller's to dispose.</param>
    /// <param name="node">Connection to the hospital's node, signing with the hospital's account.</param>
    /// <param name="tagKeys">A patient's tag key, as the patient's letter told it; null where there is none. It is what writing
    /// needs.</param>
    /// <param name="time">Clock.</param>
    /// <param name="logs">Makes loggers.</param>
    public static FacadePart Create(
        FacadeOptions options, SealedStore store, NodeConnection node, Func<Address, CancellationToken, Task<byte[]?>> tagKeys,
            TimeProvider time, ILoggerFactory logs)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(node);
        return new FacadePart(options, store, new NodeGate(node), new VaultWriter(node, tagKeys), node.Key.Address, time, logs);
    }

    /// <summary>Makes the part for a daemon: its grants are those of the daemon's account, followed by a feed of its own.</summary>
    public static async Task<IDaemonPart> MakeAsync(PartContext context, FacadeOptions options, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(options);
        DaemonAccount account = await context.AccountAsync(cancellation: cancellation);
        GrantFeed? feed = null;
        FacadePart part = context.Own(Create(
            options, context.Store("facade"), account.Node, (patient, stop) => feed is null ? Task.FromResult<byte[]?>(null)
                : feed.Session.TagKeyAsync(patient, stop),
            context.Time, context.Logs));
        var grantee = new GranteeOptions(context.Config.Settings.Account!, options.Name, options.Purpose) { Role = options.Role,
            Feed = options.Feed };
        feed = await context.GrantsAsync("facade", grantee, [part], cancellation);
        return part;
    }

    /// <inheritdoc/>
    public string Name => "facade";

    internal FacadeCore Core => _core;

    /// <inheritdoc/>
    public PartHealth Health() => new(
        _isLoaded, _isLoaded
            ? $"{_core.Index.Shelves.Length} patients, {_core.Index.Documents} resources, {_core.Smart.Count} grants, {_exports.Count} exports"
            : "making the index from the sealed copies");

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder routes)
    {
        string path = new Uri(_options.BaseUrl).AbsolutePath.TrimEnd('/');
        routes.Map(path + "/{**rest}", (HttpContext http) => _server.AnswerAsync(http, http.Request.RouteValues["rest"] as string ?? ""));
    }

    /// <summary>Makes the index from the sealed copies; requests before that find what is there so far.</summary>
    public void Load(CancellationToken cancellation)
    {
        int patients = _library.Load(cancellation);
        _isLoaded = true;
        _log.LogInformation("facade: {Patients} patients, {Resources} resources in the index", patients, _core.Index.Documents);
        _exports.Resume();
    }

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken stop)
    {
        Load(stop);
        using var timer = new PeriodicTimer(SweepEvery);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                _core.Smart.Sweep();
                _exports.Sweep();
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Told to stop.
        }
    }

    /// <inheritdoc/>
    public Task PatientChangedAsync(PatientRecords records, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(records);
        Change(records.Patient, [.. records.Records.Where(r => r.Type.Length > 0 && r.Id.Length > 0)
            .Select(r => new IndexedResource(r.RecordId, r.Type, r.Id, r.Compartment, r.Bytes, r.Height, r.Time))]);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task PatientGoneAsync(Address patient, CancellationToken cancellation)
    {
        Forget(patient);
        return Task.CompletedTask;
    }

    /// <summary>Takes a patient's records as they are now.</summary>
    internal void Change(Address patient, IReadOnlyCollection<IndexedResource> resources)
    {
        _library.Change(patient, resources);
        _core.Memory.Forget(patient);
    }

    /// <summary>Forgets a patient: index, tokens, what is remembered; the sealed copies went with the patient's partition.</summary>
    internal void Forget(Address patient)
    {
        _library.Forget(patient);
        _core.Memory.Forget(patient);
        _core.Smart.EndOf(patient);
    }

    /// <inheritdoc/>
    public void Dispose() => _exports.Dispose();
}
