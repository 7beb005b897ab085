using System.Security.Cryptography.X509Certificates;

namespace Ptoy.Client.Rpc;

/// <summary>What a WebSocket client does when its connection is lost.</summary>
public sealed record RpcReconnect(int MaxAttempts, TimeSpan FirstDelay, TimeSpan MaxDelay)
{
    /// <summary>Calls and subscriptions fail; the client stays closed.</summary>
    public static RpcReconnect Never { get; } = new(0, TimeSpan.Zero, TimeSpan.Zero);

    /// <summary>
    /// Connects again for the next call, and for open subscriptions at once: up to eight attempts with doubling delays. Calls in progress fail
    /// all the same, since nobody knows whether they took effect; subscriptions may miss what happened in between.
    /// </summary>
    public static RpcReconnect WithBackoff { get; } = new(8, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(5));

    internal TimeSpan DelayBefore(int attempt) =>
        TimeSpan.FromMilliseconds(Math.Min(FirstDelay.TotalMilliseconds * Math.Pow(2, attempt), MaxDelay.TotalMilliseconds));
}

/// <summary>How a client behaves. The defaults suit a program on a hospital's network.</summary>
public sealed record RpcClientOptions
{
    /// <summary>Longest to wait for an answer.</summary>
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest to wait for a connection.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Largest answer in bytes.</summary>
    public int MaxResponseBytes { get; init; } = 128 * 1024 * 1024;

    /// <summary>Notifications that may wait for a subscription's reader; one more ends the subscription with an error.</summary>
    public int MaxQueuedNotifications { get; init; } = 65_536;

    /// <summary>What happens when a WebSocket is lost.</summary>
    public RpcReconnect Reconnect { get; init; } = RpcReconnect.Never;

    /// <summary>Signs every call that names no signer of its own.</summary>
    public RpcSigner? Signer { get; init; }

    /// <summary>Roots to trust for https instead of the machine's.</summary>
    public X509Certificate2Collection? TrustedRoots { get; init; }

    internal SocketsHttpHandler CreateHandler()
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = ConnectTimeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            UseCookies = false,
            AllowAutoRedirect = false,
            UseProxy = false,
        };
        if (TrustedRoots is { } roots)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(roots);
            handler.SslOptions.CertificateChainPolicy = policy;
        }
        return handler;
    }
}

/// <summary>The node could not be reached, or the connection ended before the answer came.</summary>
public sealed class RpcConnectionException(string message, Exception? inner = null) : Exception(message, inner);
