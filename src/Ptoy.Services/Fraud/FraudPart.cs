using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Fraud.Scoring;
using Ptoy.Services.Grants;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Fraud;

/// <summary>
/// The fraud service in a daemon: takes what patients let it see, reads their access logs, scans, and serves the review queue. It decides nothing by itself.
/// </summary>
public sealed class FraudPart : IDaemonPart, IGrantConsumer
{
    private const int MostDirectoryBytes = 256 * 1024 * 1024;

    private readonly FraudDesk _desk;
    private readonly IAccessLogs _logs;
    private readonly Func<string, CancellationToken, Task<(string Successor, DateTimeOffset Since)?>> _successorOf;
    private readonly FraudOptions _options;
    private readonly string _token;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private volatile string? _problem;
    private volatile string _scanned = "not scanned yet";

    internal FraudPart(
        FraudDesk desk, IAccessLogs logs, Func<string, CancellationToken, Task<(string Successor, DateTimeOffset Since)?>> successorOf, FraudOptions options, string token, TimeProvider time, ILogger log)
    {
        (_desk, _logs, _successorOf, _options, _token, _time, _log) = (desk, logs, successorOf, options, token, time, log);
    }

    /// <inheritdoc/>
    public string Name => "fraud";

    /// <summary>Makes the part with its account, its store and its grants. Throws <see cref="DaemonConfigException"/> naming what is wrong.</summary>
    public static async Task<IDaemonPart> MakeAsync(PartContext context, FraudOptions options, CancellationToken cancellation)
    {
        DaemonAccount account = await context.AccountAsync(options.Grantee.Account, cancellation);
        var desk = new FraudDesk(context.Store("fraud"), FraudModel.Shipped(), options.DailyBudget, context.Time);
        if (options.Staff is { } staff) TakeDirectory(desk, context.Config.PathOf(staff));
        var nodes = new List<NodeConnection> { account.Node };
        foreach (string url in options.Nodes) nodes.Add(await NodeConnection.ConnectAsync(new Uri(url), context.Chain, account.Keys.Signing, cancellation: cancellation));
        var part = new FraudPart(
            desk, new NodeAccessLogs(nodes, account.Keys.Address), (patient, stop) => SuccessorAsync(account.Node, patient, stop), options,
            TokenOf(context.Config.PathOf(options.ReviewerTokenFile)), context.Time, context.Logs.CreateLogger<FraudPart>());
        await context.GrantsAsync("fraud", options.Grantee, [part], cancellation);
        return part;
    }

    /// <inheritdoc/>
    public PartHealth Health()
    {
        (int open, int waiting) = _desk.Queue.Counts;
        string state = $"{_desk.Patients.Count} patients; {open} alerts open, {waiting} waiting; {_scanned}";
        if (_problem is { } problem) return new PartHealth(false, $"{state}; {problem}");
        return _desk.Queue.IsFull ? new PartHealth(false, $"{state}; nothing new is opened until reviewers have caught up") : new PartHealth(true, state);
    }

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder routes) => FraudRoutes.Map(
        routes, _desk.Queue, _token, (id, kind, state) => _log.LogInformation("alert {Alert} ({Kind}) was {State} by a reviewer", id, kind, state));

    /// <inheritdoc/>
    public Task PatientChangedAsync(PatientRecords records, CancellationToken cancellation)
    {
        IReadOnlyList<FhirRecord> current = records.Current();
        _desk.Take(
            records.Patient.ToString(), current.Where(r => r.Type.Length > 0).Select(r => (r.RecordId, r.Bytes)),
            [.. records.Records.GroupBy(r => r.Author, StringComparer.Ordinal).Where(g => g.Key != records.Patient.ToString()).Select(g => (g.Key, g.Min(r => r.Time)))]);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task PatientGoneAsync(Address patient, CancellationToken cancellation)
    {
        _desk.Forget(patient.ToString());
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(_options.ScanMinutes), _time);
        try
        {
            do await RoundAsync(stop);
            while (await timer.WaitForNextTickAsync(stop));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Told to stop.
        }
    }

    /// <summary>One round: access logs, new devices, scan.</summary>
    internal async Task RoundAsync(CancellationToken stop)
    {
        string? problem = null;
        foreach (string patient in _desk.Patients)
        {
            try
            {
                if (await _logs.ReadAsync(Address.Parse(patient), stop) is { } entries) _desk.TakeLog(patient, entries);
                else _desk.ForgetLog(patient);
                // The old account's grant may end with the old key: the successor's facts are told while both are here.
                if (await _successorOf(patient, stop) is { } next) _desk.TakeNewDevice(next.Successor, next.Since);
            }
            catch (Exception e) when (e is RpcConnectionException or TimeoutException or RpcException or UntrustedAnswerException or HttpRequestException)
            {
                // What was known stays, and the next round asks again.
                problem = e is UntrustedAnswerException ? "a node shows access entries that do not hold" : "a node's access log cannot be read at present";
            }
            catch (Common.StoreGoneException)
            {
                // The patient left meanwhile.
            }
        }
        if (problem is not null && problem != _problem) _log.LogWarning("{Problem}", problem);
        _problem = problem;
        int opened = _desk.Scan();
        _scanned = $"scanned {_time.GetUtcNow():u}";
        if (opened > 0) _log.LogInformation("{Opened} alerts were opened for review", opened);
    }

    private static async Task<(string, DateTimeOffset)?> SuccessorAsync(NodeConnection node, string patient, CancellationToken cancellation)
    {
        JsonElement identity = await node.ViewAsync(ContractId.Single("Identity"), "of", [patient], cancellation);
        return identity.ValueKind == JsonValueKind.Object && identity.TryGetProperty("successor", out JsonElement next) && next.ValueKind == JsonValueKind.String
            && identity.TryGetProperty("revokedAt", out JsonElement at) && at.TryGetInt64(out long ms) ? (next.GetString()!, DateTimeOffset.FromUnixTimeMilliseconds(ms)) : null;
    }

    private static void TakeDirectory(FraudDesk desk, string path)
    {
        try
        {
            if (!File.Exists(path)) throw new DaemonConfigException($"fraud.staff: there is no file '{path}'");
            if (new FileInfo(path).Length > MostDirectoryBytes) throw new DaemonConfigException($"fraud.staff: '{path}' has more than {MostDirectoryBytes} bytes");
            desk.TakeDirectory(File.ReadLines(path), Path.GetFileName(path));
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            throw new DaemonConfigException($"fraud.staff: {e.Message}");
        }
    }

    /// <summary>The reviewers' token: 32 characters at least; made when there is no file.</summary>
    internal static string TokenOf(string path)
    {
        const int Least = 32;
        if (!File.Exists(path))
        {
            string made = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using var writer = new StreamWriter(path, options);
            writer.WriteLine(made);
            return made;
        }
        string token = File.ReadAllText(path).Trim();
        return token.Length >= Least && !token.Contains('\n', StringComparison.Ordinal) ? token
            : throw new DaemonConfigException($"fraud.reviewerTokenFile: '{path}' does not hold one line of at least {Least} characters");
    }
}
