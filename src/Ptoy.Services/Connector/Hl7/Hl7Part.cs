using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Ptoy.Services.Common;
using Ptoy.Services.Connector.Hl7.Mapping;
using Ptoy.Services.Connector.Hl7.Mllp;
using Ptoy.Services.Connector.Hl7.Rules;
using Ptoy.Services.Connector.Hl7.State;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Connector.Hl7;

/// <summary>
/// The HL7 v2 feed as a part of the connector: an MLLP listener, a durable inbox, and a worker that maps messages to FHIR R4 and hands
/// them to the intake.
/// </summary>
public sealed class Hl7Part : IDaemonPart
{
    private readonly Hl7Options _options;
    private readonly Hl7Store _store;
    private readonly Tally _tally;
    private readonly Hl7Inbox _inbox;
    private readonly Hl7Worker _worker;
    private readonly MllpListener _listener;

    /// <summary>
    /// Makes the part. Throws <see cref="FieldException"/> for options that cannot be used.
    /// </summary>
    /// <param name="options">The <c>mllp</c> section.</param>
    /// <param name="store">The connector's store; stays the caller's to dispose.</param>
    /// <param name="intake">Takes what messages become.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Gets no content of messages.</param>
    public Hl7Part(Hl7Options options, SealedStore store, IIntake intake, TimeProvider time, ILogger<Hl7Part> log)
    {
        if (options.Problems() is [{ } problem, ..])
        {
            string[] parts = problem.Split(": ", 2);
            throw new FieldException($"mllp.{parts[0]}", parts[^1]);
        }
        _options = options;
        _store = new Hl7Store(store);
        _tally = new Tally(_store.Counts());
        var keys = new PatientKeys(options.Authorities);
        var rules = new MessageRules(keys, options.ProcessingIds.ToHashSet());
        var mapper = new MessageMapper(new MapSettings(options.Source, TimeZoneInfo.FindSystemTimeZoneById(options.TimeZone), keys));
        _inbox = new Hl7Inbox(_store, _tally, rules, options, time, log);
        _worker = new Hl7Worker(_store, _inbox, _tally, rules, mapper, intake, options, time, log);
        _listener = new MllpListener(options, _inbox, time, log);
    }

    /// <summary>Makes the part from its section; the intake is another part's.</summary>
    public static Task<IDaemonPart> MakeAsync(PartContext context, Hl7Options options, CancellationToken cancellation)
    {
        string? At(string field, string? file)
        {
            if (file is null) return null;
            string path = context.Config.PathOf(file);
            return File.Exists(path) ? path : throw new DaemonConfigException($"mllp.{field}: there is no file '{path}'");
        }

        Hl7Options found = options with
        {
            Certificate = At("certificate", options.Certificate), CertificateKey = At("certificateKey", options.CertificateKey),
            ClientAuthorities = At("clientAuthorities", options.ClientAuthorities),
        };
        var part = new Hl7Part(found, context.Store("mllp"), context.Need<IIntake>("hospital"), context.Time, context.Logs.CreateLogger<Hl7Part>());
        return Task.FromResult<IDaemonPart>(part);
    }

    /// <inheritdoc/>
    public string Name => "mllp";

    /// <summary>Where the listener listens, once it does.</summary>
    public Task<IPEndPoint> Bound => _listener.Bound;

    /// <summary>Completes once every acknowledged message was worked on.</summary>
    public Task WhenEmptyAsync() => _inbox.WhenEmptyAsync();

    /// <inheritdoc/>
    public PartHealth Health() => _worker.Stuck is { } stuck
        ? new PartHealth(false, $"{_inbox.Waiting} messages wait: {stuck}")
        : new PartHealth(true, $"{_listener.Open} connections, {_tally.Of("received")} messages received, {_inbox.Waiting} wait");

    /// <summary>What was received and what was not mapped.</summary>
    public Hl7Report Report() => Hl7Report.Of(_tally, _store, _inbox.Waiting);

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder routes)
    {
        // For staff at the machine itself: what is kept may be shown, and it is patients' data.
        RouteGroupBuilder group = routes.MapGroup("/hl7").AddEndpointFilter(async (context, next) =>
            context.HttpContext.Connection.RemoteIpAddress is { } from && IPAddress.IsLoopback(from) ? await next(context)
                : Results.StatusCode(StatusCodes.Status403Forbidden));
        group.MapGet("/report", Report);
        group.MapGet("/kept/{number:long}", (long number) =>
            _store.KeptMessage(number) is { } message ? Results.Bytes(message, "application/octet-stream") : Results.NotFound());
        group.MapPost("/kept/{number:long}/retry", (long number, bool approve = false) => Retry(number, approve) ? Results.Ok()
            : Results.NotFound());
        group.MapDelete("/kept/{number:long}", (long number) => Drop(number) ? Results.Ok() : Results.NotFound());
    }

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken stop)
    {
        _inbox.Resume();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task[] work = [_inbox.RunAsync(ending.Token), _worker.RunAsync(ending.Token), _listener.RunAsync(ending.Token)];
        Task first = await Task.WhenAny(work);
        await ending.CancelAsync();
        try
        {
            await Task.WhenAll(work);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
        catch (OperationCanceledException)
        {
            await first;
            throw;
        }
    }

    private bool Retry(long number, bool approve)
    {
        if (_store.KeptMessage(number) is not { } message || !_store.Retry(number, approve)) return false;
        _inbox.Returned(number, message.Length + Hl7Store.Overhead);
        return true;
    }

    private bool Drop(long number)
    {
        if (!_store.Forget(number)) return false;
        _inbox.Dropped();
        return true;
    }
}
