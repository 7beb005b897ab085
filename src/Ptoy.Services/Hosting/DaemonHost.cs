using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Services.Hosting;

/// <summary>A part ended that should not have; the message names it and says why.</summary>
public sealed class DaemonFailedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// Runs parts together: their routes, <c>/health</c> and <c>/metrics</c> on one port. When a part ends by itself, the others are stopped and the
/// daemon ends with that part's reason: nothing is restarted silently.
/// </summary>
public sealed class DaemonHost : IAsyncDisposable
{
    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(30);

    private readonly IReadOnlyList<IDaemonPart> _parts;
    private readonly MetricsText _metrics = new();
    private readonly WebApplication _app;
    private readonly ILogger _log;

    private DaemonHost(IReadOnlyList<IDaemonPart> parts, WebApplication app, ILogger log)
    {
        (_parts, _app, _log) = (parts, app, log);
    }

    /// <summary>Where it listens, with the real port.</summary>
    public Uri Address => new(_app.Urls.First());

    /// <summary>
    /// Starts to listen. Throws <see cref="DaemonConfigException"/> when the address is taken or the certificate cannot be used.
    /// </summary>
    /// <param name="http">Where.</param>
    /// <param name="folder">What the certificate's path is relative to.</param>
    /// <param name="parts">What runs.</param>
    /// <param name="logs">Makes loggers.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<DaemonHost> StartAsync(
        HttpOptions http, string folder, IReadOnlyList<IDaemonPart> parts, ILoggerFactory logs, CancellationToken cancellation = default)
    {
        ILogger log = logs.CreateLogger<DaemonHost>();
        ServerCertificate? certificate = http.Certificate is { } file ? new ServerCertificate(Path.GetFullPath(file, folder), log) : null;
        WebApplication app = Build(http, certificate, logs);
        var host = new DaemonHost(parts, app, log);
        app.MapGet("/health", host.HealthAsync);
        app.MapGet("/metrics", host.MetricsAsync);
        foreach (IDaemonPart part in parts) part.Map(app);
        try
        {
            await app.StartAsync(cancellation);
            return host;
        }
        catch (IOException e)
        {
            await host.DisposeAsync();
            throw new DaemonConfigException($"http.port: cannot listen on {http.Listen}:{http.Port}: {e.Message}");
        }
    }

    /// <summary>Runs the parts until told to stop. Throws <see cref="DaemonFailedException"/> when one ends before.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Dictionary<Task, IDaemonPart> running = _parts.ToDictionary(p => Task.Run(() => p.RunAsync(stopping.Token), CancellationToken.None));
        Task ended = await Task.WhenAny(running.Keys.Append(Task.Delay(Timeout.Infinite, stop)));
        DaemonFailedException? failed = stop.IsCancellationRequested ? null : Failed(running[ended], ended);
        if (failed is not null) _log.LogError("{Problem}", failed.Message);
        await stopping.CancelAsync();
        await StopAsync(running);
        if (failed is not null) throw failed;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _metrics.Dispose();
    }

    private static DaemonFailedException Failed(IDaemonPart part, Task ended)
    {
        Exception? cause = ended.Exception?.InnerException;
        return new DaemonFailedException($"part '{part.Name}' cannot go on: {cause?.Message ?? "it ended"}", cause);
    }

    private async Task StopAsync(Dictionary<Task, IDaemonPart> running)
    {
        Task all = Task.WhenAll(running.Keys.Select(t => t.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default)));
        if (await Task.WhenAny(all, Task.Delay(StopWithin)) == all) return;
        foreach (IDaemonPart part in running.Where(r => !r.Key.IsCompleted).Select(r => r.Value)) _log.LogWarning("part '{Part}' did not stop in time", part.Name);
    }

    private async Task HealthAsync(HttpContext http)
    {
        (string Name, PartHealth Health)[] parts = [.. _parts.Select(p => (p.Name, p.Health()))];
        bool healthy = parts.All(p => p.Health.Ok);
        http.Response.StatusCode = healthy ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        http.Response.ContentType = "application/json";
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(
            new { healthy, parts = parts.Select(p => new { name = p.Name, ok = p.Health.Ok, text = p.Health.Text }) }, RpcJson.Options);
        await http.Response.Body.WriteAsync(body, http.RequestAborted);
    }

    private async Task MetricsAsync(HttpContext http)
    {
        http.Response.ContentType = "text/plain; version=0.0.4";
        await http.Response.WriteAsync(_metrics.Write(_parts.Select(p => (p.Name, p.Health().Ok))), http.RequestAborted);
    }

    private static WebApplication Build(HttpOptions http, ServerCertificate? certificate, ILoggerFactory logs)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(new FilteredLogs(logs));
        builder.Services.AddSingleton<ILoggerFactory>(s => s.GetRequiredService<FilteredLogs>());
        builder.Services.AddSingleton(typeof(ILogger<>), typeof(Logger<>));
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore();
        if (certificate is not null) builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = http.MaxConnections;
            kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Listen(IPAddress.Parse(http.Listen), http.Port, listener =>
            {
                listener.Protocols = HttpProtocols.Http1;
                if (certificate is not null) listener.UseHttps(https => https.ServerCertificateSelector = (_, _) => certificate.Current());
            });
        });
        WebApplication app = builder.Build();
        app.UseRouting();
        return app;
    }

    /// <summary>The framework's own request logs would name addresses and paths: only its warnings are kept.</summary>
    private sealed class FilteredLogs(ILoggerFactory logs) : ILoggerFactory
    {
        public void AddProvider(ILoggerProvider provider)
        {
        }

        public ILogger CreateLogger(string categoryName) =>
            categoryName.StartsWith("Microsoft.", StringComparison.Ordinal) ? new WarningsOnly(logs.CreateLogger(categoryName)) : logs.CreateLogger(categoryName);

        public void Dispose()
        {
        }
    }

    private sealed class WarningsOnly(ILogger inner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning && inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) inner.Log(logLevel, eventId, state, exception, formatter);
        }
    }
}
