using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>The server cannot start; the message names the option or address.</summary>
public sealed class RpcStartException(string message) : Exception(message);

/// <summary>What a server serves besides its options.</summary>
public sealed record RpcServices
{
    /// <summary>The chain and node key that signed requests must name.</summary>
    public required RpcIdentity Identity { get; init; }

    /// <summary>The methods, without <c>rpc.discover</c>, <c>subscribe</c> and <c>unsubscribe</c>, which every server adds.</summary>
    public required IReadOnlyList<RpcMethod> Methods { get; init; }

    /// <summary>What can be subscribed to.</summary>
    public IReadOnlyList<RpcTopic> Topics { get; init; } = [];

    /// <summary>Answers <c>GET /health</c>.</summary>
    public Func<RpcHealth> Health { get; init; } = () => new RpcHealth(true, new { });

    /// <summary>Where time comes from.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Where log lines go.</summary>
    public ILoggerFactory Logging { get; init; } = Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance;
}

/// <summary>JSON-RPC 2.0 over HTTP and WebSocket on Kestrel.</summary>
public sealed class RpcServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly CancellationTokenSource _stopping;
    private readonly RpcServerOptions _options;
    private int _stopped;

    private RpcServer(WebApplication app, RpcServerOptions options, RpcMetrics metrics, CancellationTokenSource stopping)
    {
        _app = app;
        _options = options;
        _stopping = stopping;
        Metrics = metrics;
        Addresses = [.. app.Urls.Select(u => new Uri(u))];
    }

    /// <summary>Where it listens, with the real ports.</summary>
    public IReadOnlyList<Uri> Addresses { get; }

    /// <summary>Counts and the meter behind them.</summary>
    public RpcMetrics Metrics { get; }

    /// <summary>
    /// Starts listening. Throws <see cref="RpcStartException"/> when an option is wrong, the certificate cannot be used or an address is taken.
    /// </summary>
    public static async Task<RpcServer> StartAsync(RpcServerOptions options, RpcServices services, CancellationToken cancellation = default)
    {
        if (options.Problem() is { } problem) throw new RpcStartException(problem);
        ILogger log = services.Logging.CreateLogger("Ptoy.Rpc");
        var metrics = new RpcMetrics();
        var stopping = new CancellationTokenSource();
        WebApplication app = Build(options, services.Logging, log);
        HttpEndpoints endpoints = Endpoints(options, services, metrics, log, stopping.Token);
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(20), KeepAliveTimeout = TimeSpan.FromSeconds(20) });
        app.Run(endpoints.HandleAsync);
        try
        {
            await app.StartAsync(cancellation);
        }
        catch (IOException e)
        {
            await app.DisposeAsync();
            throw new RpcStartException($"rpc.listen: cannot listen on {string.Join(", ", options.Listen)}: {e.Message}");
        }
        return new RpcServer(app, options, metrics, stopping);
    }

    /// <summary>Stops: WebSockets are closed, requests in progress get a little time to end.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0) return;
        await _stopping.CancelAsync();
        using var limit = new CancellationTokenSource(_options.StopTimeout);
        await _app.StopAsync(limit.Token);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _app.DisposeAsync();
        _stopping.Dispose();
        Metrics.Dispose();
    }

    private static HttpEndpoints Endpoints(RpcServerOptions options, RpcServices services, RpcMetrics metrics, ILogger log, CancellationToken stopping)
    {
        var methods = new RpcMethodTable(services.Methods);
        Dictionary<string, RpcTopic> topics = services.Topics.ToDictionary(t => t.Name, StringComparer.Ordinal);
        methods.Add(BuiltInMethods.Subscribe(topics));
        methods.Add(BuiltInMethods.Unsubscribe());
        byte[] document = [];
        methods.Add(BuiltInMethods.Discover(() => document));
        document = System.Text.Encoding.UTF8.GetBytes(OpenRpc.Document(methods, topics.Values).ToJsonString(RpcJson.Options));
        var authenticator = new RpcAuthenticator(services.Identity, new NonceCache(options.MaxNonces), services.Time);
        var dispatcher = new RpcDispatcher(methods, authenticator, options, metrics, services.Time, log);
        return new HttpEndpoints(dispatcher, methods, authenticator, options, metrics, services.Health, log, stopping);
    }

    private static WebApplication Build(RpcServerOptions options, ILoggerFactory logging, ILogger log)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(logging);
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseKestrelHttpsConfiguration();
        CertificateFile? certificate = options.CertificateFile is { } file ? new CertificateFile(file, options.CertificateKeyFile, log) : null;
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = options.MaxConnections;
            kestrel.Limits.MaxConcurrentUpgradedConnections = options.MaxConnections;
            kestrel.Limits.MaxRequestBodySize = Math.Max(options.MaxBodyBytes, options.MaxUploadBytes);
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            foreach (string address in options.Listen)
            {
                if (!RpcServerOptions.TryParse(address, out IPEndPoint? endpoint, out bool tls)) continue;
                kestrel.Listen(endpoint!, listener =>
                {
                    // HTTP/2 needs TLS to be negotiated, and its WebSockets are not worth a second way in.
                    listener.Protocols = HttpProtocols.Http1;
                    if (tls) listener.UseHttps(https => https.ServerCertificateSelector = (_, _) => certificate!.Current());
                });
            }
        });
        return builder.Build();
    }
}
