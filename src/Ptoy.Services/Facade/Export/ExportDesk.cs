using System.Collections.Concurrent;
using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Services.Common;
using Ptoy.Services.Facade.Http;
using Ptoy.Services.Facade.Index;
using Ptoy.Services.Facade.Search;
using Ptoy.Services.Facade.Smart;

namespace Ptoy.Services.Facade.Export;

/// <summary>
/// Bulk Data export: kick-off, status, files, deletion. A job's lists live in the sealed store; what they list is read when a file is
/// fetched,
/// each time by the gatekeeper's leave, so an export holds no copies and gives out nothing that was revoked since.
/// </summary>
internal sealed class ExportDesk : IDisposable
{
    /// <summary>First segment of status and file addresses.</summary>
    public const string Path = "$export-jobs";

    private const string Customers = "customers";
    private const int FileResources = 20_000;
    private readonly FacadeCore _core;
    private readonly SealedStore _store;
    private readonly SealedTable _jobs;
    private readonly SealedTable _lists;
    private readonly ConcurrentDictionary<string, ExportState> _states = new();
    private readonly ConcurrentDictionary<string, string> _progress = new();
    private readonly ConcurrentDictionary<string, CancellationTokenSource> _running = new();
    private readonly SemaphoreSlim _two = new(2, 2);
    private readonly Lock _lock = new();
    private readonly ILogger _log;

    public ExportDesk(FacadeCore core, SealedStore store, ILogger log)
    {
        (_core, _store, _log) = (core, store, log);
        _jobs = store.Table("facade/exports");
        _lists = store.Table("facade/export-lists");
        foreach ((string id, byte[] value) in _jobs.Scan())
        {
            if (JsonSerializer.Deserialize<ExportState>(value) is { } state) _states[id] = state;
        }
    }

    /// <summary>Jobs kept.</summary>
    public int Count => _states.Count;

    /// <summary>Goes on with jobs that a restart cut off.</summary>
    public void Resume()
    {
        foreach (ExportState state in _states.Values.Where(s => !s.IsDone)) Start(state.Request);
    }

    /// <summary>Deletes what has expired.</summary>
    public void Sweep()
    {
        long now = _core.Time.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (ExportState state in _states.Values.Where(s => s.IsDone && now >= s.UntilMs)) Delete(state);
    }

    public async Task AnswerAsync(RequestContext context, string[] parts)
    {
        if (context.Grant.Patient is not null || !context.Grant.Scopes.Any(s =>
            s.Letters.Contains('r', StringComparison.Ordinal))) throw FhirException.NoScope("system/*.rs");
        string method = context.Http.Request.Method;
        switch (parts)
        {
            case ["$export"] or ["Patient", "$export"] or ["Group", _, "$export"] when HttpMethods.IsGet(method)
                || HttpMethods.IsPost(method): await KickOffAsync(context, parts); break;
            case [Path, var id] when HttpMethods.IsGet(method): await StatusAsync(context, Job(context, id)); break;
            case [Path, var id] when HttpMethods.IsDelete(method):
                Delete(Job(context, id));
                context.Http.Response.StatusCode = StatusCodes.Status202Accepted;
                break;
            case [Path, var id, "errors.ndjson"] when HttpMethods.IsGet(method): await ErrorsAsync(context, Job(context, id)); break;
            case [Path, var id, var file] when HttpMethods.IsGet(method): await FileAsync(context, Job(context, id), file); break;
            default: throw new FhirException(405, "not-supported", "an export is asked for by GET or POST, and its job by GET or DELETE");
        }
    }

    public void Dispose()
    {
        foreach (CancellationTokenSource running in _running.Values) running.Cancel();
        _two.Dispose();
    }

    private async Task KickOffAsync(RequestContext context, string[] parts)
    {
        if (!context.Http.Request.Headers["Prefer"].Any(p => p?.Contains("respond-async", StringComparison.OrdinalIgnoreCase) == true))
            throw FhirException.BadRequest("Prefer: respond-async is needed for an export");
        ExportParameters asked = await ExportParameters.ReadAsync(context);
        context.Refuse(asked.NotApplied);
        string[]? patients = parts is ["Group", var group, _] && group != Customers ? Members(context, group) : null;
        Sweep();
        string id = SmartState.NewSecret();
        var request = new ExportRequest(
            id, context.Grant.Client.ToString(), $"{_core.Base}/{string.Join('/', parts)}{context.Http.Request.QueryString}",
                _core.Time.GetUtcNow().ToUnixTimeMilliseconds(),
            asked.Since, asked.Types, patients, [.. context.Grant.Scopes.Select(s => s.Text)], context.Grant.Purpose,
                [.. asked.NotApplied]);
        lock (_lock)
        {
            if (_states.Count >= _core.Options.MaxExports)
                throw new FhirException(429, "throttled",
                    $"{_core.Options.MaxExports} exports are kept already: delete one, or wait until one expires");
            Keep(new ExportState(request, false, null, [], 0));
        }
        Start(request);
        context.Http.Response.StatusCode = StatusCodes.Status202Accepted;
        context.Http.Response.Headers.ContentLocation = $"{_core.Base}/{Path}/{id}";
    }

    /// <summary>The accounts of the patients that a Group names.</summary>
    private string[] Members(RequestContext context, string group)
    {
        var sight = new Sight(context.Grant, _core.Parser, 'r') { IsProvisional = true };
        Hit[] hits = [.. _core.Index.Find("Group", group).Where(h => sight.Sees(h.Shelf, h.Doc))];
        if (hits.Length == 0)
            throw FhirException.NotFound($"there is no such Group here; Group/{Customers} is everybody who lets this hospital read");
        var accounts = new HashSet<string>(StringComparer.Ordinal);
        foreach (Hit hit in hits)
        {
            if (_core.Bytes.Read(hit.Shelf.Patient, hit.Document.RecordId) is not { } bytes) continue;
            using JsonDocument json = JsonDocument.Parse(bytes);
            if (!json.RootElement.TryGetProperty("member", out JsonElement members) || members.ValueKind != JsonValueKind.Array) continue;
            foreach (JsonElement member in members.EnumerateArray())
            {
                if (member.TryGetProperty("entity", out JsonElement entity) && entity.TryGetProperty("reference", out JsonElement text)
                    && ReferenceText.Parse(text.GetString() ?? "") is { } reference) accounts.UnionWith(_core.Index.Find("Patient",
                        reference.Id).Select(h => h.Shelf.PatientText));
            }
        }
        return [.. accounts];
    }

    private void Start(ExportRequest request)
    {
        var stop = new CancellationTokenSource();
        _running[request.Id] = stop;
        _ = Task.Run(() => RunAsync(request, stop.Token), CancellationToken.None);
    }

    private async Task RunAsync(ExportRequest request, CancellationToken stop)
    {
        try
        {
            await _two.WaitAsync(stop);
            try { await PrepareAsync(request, stop); }
            finally { _two.Release(); }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Deleted, or the daemon ends: then it goes on after the next start.
        }
        catch (FhirException e)
        {
            Finish(request, e.Message, []);
        }
#pragma warning disable CA1031 // the job's end, whatever it is, has to be told to the client that polls for it
        catch (Exception e)
#pragma warning restore CA1031
        {
            _log.LogError(e, "facade: an export failed");
            Finish(request, "a fault of the server; its log has the details", []);
        }
        finally
        {
            _running.TryRemove(request.Id, out _);
            _progress.TryRemove(request.Id, out _);
        }
    }

    private async Task PrepareAsync(ExportRequest request, CancellationToken stop)
    {
        SmartGrant grant = GrantOf(request);
        PatientShelf[] shelves = [.. _core.Index.Shelves.Where(s => request.Patients is null || request.Patients.Contains(s.PatientText))];
        var lists = new ExportLists(_store, _lists, request.Id, FileResources);
        long until = new DateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(request.TransactionTime).UtcDateTime).UtcTicks;
        for (int i = 0; i < shelves.Length; i++)
        {
            stop.ThrowIfCancellationRequested();
            _progress[request.Id] = $"{i} of {shelves.Length} patients";
            (IReadOnlySet<int> compartments, _) = await _core.Memory.OfAsync(grant.Asker, shelves[i], stop);
            var sight = new Sight(grant, _core.Parser, 'r');
            sight.Permit(shelves[i], compartments);
            for (int doc = 0; doc < shelves[i].Documents.Length; doc++)
            {
                ShelfDocument document = shelves[i].Documents[doc];
                if (!document.IsCurrent || document.UpdatedTicks < request.Since || document.UpdatedTicks > until) continue;
                if (request.Types.Length > 0 && !request.Types.Contains(document.Type)) continue;
                if (sight.Sees(shelves[i], doc)) lists.Add(document.Type, shelves[i].PatientText, document.RecordId);
            }
        }
        Finish(request, null, lists.Close());
    }

    private static SmartGrant GrantOf(ExportRequest request) => new(
        request.Id, Address.Parse(request.Client), null, null, [.. request.Scopes.Select(SmartScope.Parse).OfType<SmartScope>()], [],
            request.Purpose, DateTimeOffset.MaxValue);

    private void Finish(ExportRequest request, string? problem, ExportFile[] files)
    {
        lock (_lock)
        {
            if (_states.ContainsKey(request.Id))
                Keep(new ExportState(request, true, problem, files,
                    _core.Time.GetUtcNow().AddHours(_core.Options.ExportHours).ToUnixTimeMilliseconds()));
        }
    }

    private void Keep(ExportState state)
    {
        _store.Write(b => b.Put(_jobs, state.Request.Id, JsonSerializer.SerializeToUtf8Bytes(state)));
        _states[state.Request.Id] = state;
    }

    private void Delete(ExportState state)
    {
        lock (_lock)
        {
            string id = state.Request.Id;
            if (_running.TryGetValue(id, out CancellationTokenSource? running)) running.Cancel();
            _states.TryRemove(id, out _);
            string[] lists = [.. _lists.Keys(id + "/")];
            _store.Write(b =>
            {
                b.Delete(_jobs, id);
                foreach (string list in lists) b.Delete(_lists, list);
            });
        }
    }

    private ExportState Job(RequestContext context, string id) =>
        _states.TryGetValue(id, out ExportState? state) && state.Request.Client == context.Grant.Client.ToString()
        && (!state.IsDone || _core.Time.GetUtcNow().ToUnixTimeMilliseconds() < state.UntilMs)
            ? state : throw FhirException.NotFound("there is no such export of yours");

    private async Task StatusAsync(RequestContext context, ExportState job)
    {
        HttpResponse response = context.Http.Response;
        if (!job.IsDone)
        {
            response.StatusCode = StatusCodes.Status202Accepted;
            response.Headers["X-Progress"] = _progress.GetValueOrDefault(job.Request.Id, "waiting");
            response.Headers.RetryAfter = "2";
            return;
        }
        if (job.Problem is { } problem) throw new FhirException(500, "exception", problem);
        response.Headers.Expires = DateTimeOffset.FromUnixTimeMilliseconds(job.UntilMs).ToString("R",
            System.Globalization.CultureInfo.InvariantCulture);
        string url = $"{_core.Base}/{Path}/{job.Request.Id}";
        object[] errors = job.Request.NotApplied.Length > 0 ? [new { type = "OperationOutcome", url = url + "/errors.ndjson", count = 1 }]
            : [];
        await response.WriteAsJsonAsync(new
        {
            transactionTime = ResourceMeta.Instant(DateTimeOffset.FromUnixTimeMilliseconds(job.Request.TransactionTime)),
            request = job.Request.Url,
            requiresAccessToken = true,
            output = job.Files.Select(f => new { type = f.Type, url = $"{url}/{f.Name}", count = f.Count }),
            error = errors,
        }, context.Cancellation);
    }

    private static async Task ErrorsAsync(RequestContext context, ExportState job)
    {
        context.Http.Response.ContentType = "application/fhir+ndjson";
        byte[] line = Outcomes.Of("warning", "not-supported", job.Request.NotApplied.Select(n =>
            $"{RequestContext.Printable(n)}: not known or not supported, so it was not applied"));
        await context.Http.Response.Body.WriteAsync((byte[])[.. line, (byte)'\n'], context.Cancellation);
    }

    private async Task FileAsync(RequestContext context, ExportState job, string name)
    {
        if (!job.IsDone || job.Files.FirstOrDefault(f =>
            f.Name == name) is not { } file) throw FhirException.NotFound("there is no such file of this export");
        context.Http.Response.ContentType = "application/fhir+ndjson";
        // A file takes as long as its reader: the time of a request is for what is answered at once.
        CancellationToken aborted = context.Http.RequestAborted;
        foreach ((string patient, string[] records) in ExportLists.Read(_lists, job.Request.Id, file))
        {
            if (_core.Index.Of(Address.Parse(patient)) is not { } shelf) continue;
            IReadOnlySet<string> permitted = await _core.AccessAsync(context.Grant, shelf, false, records, aborted);
            var wanted = records.Where(permitted.Contains).ToHashSet(StringComparer.Ordinal);
            for (int doc = 0; doc < shelf.Documents.Length; doc++)
            {
                if (!wanted.Contains(shelf.Documents[doc].RecordId) || context.Resource(new Hit(shelf, doc)) is not { } bytes) continue;
                await context.Http.Response.Body.WriteAsync((byte[])[.. ResourceMeta.OneLine(bytes), (byte)'\n'], aborted);
            }
        }
    }
}
