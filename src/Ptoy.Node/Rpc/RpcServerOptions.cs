using System.Net;

namespace Ptoy.Node.Rpc;

/// <summary>Where the server listens and what it allows one client. Every limit has a default that suits a hospital's node.</summary>
public sealed record RpcServerOptions
{
    /// <summary>Addresses as <c>http://127.0.0.1:8545</c> or <c>https://0.0.0.0:8545</c>; port 0 takes a free one. Hosts are IP addresses or <c>localhost</c>.</summary>
    public IReadOnlyList<string> Listen { get; init; } = ["http://127.0.0.1:8545"];

    /// <summary>PEM file with the certificate chain for https addresses. Read again when it changes.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>PEM file with the certificate's private key, when it is not in <see cref="CertificateFile"/>.</summary>
    public string? CertificateKeyFile { get; init; }

    /// <summary>Allows plain HTTP on addresses that others can reach. Only behind something that terminates TLS.</summary>
    public bool Insecure { get; init; }

    /// <summary>Browser origins (<c>https://host[:port]</c>) that may call; none by default.</summary>
    public IReadOnlyList<string> CorsOrigins { get; init; } = [];

    /// <summary>Largest JSON request in bytes.</summary>
    public int MaxBodyBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>Largest body of a binary call in bytes.</summary>
    public int MaxUploadBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Bytes of binary calls that may be in memory at one time.</summary>
    public long MaxUploadsInFlightBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>Largest JSON response in bytes.</summary>
    public int MaxResponseBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>Most calls in a batch; never more than 50.</summary>
    public int MaxBatch { get; init; } = 50;

    /// <summary>Longest a call may take, where its method says nothing else.</summary>
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Most requests (a batch is one) worked on at one time.</summary>
    public int MaxConcurrentRequests { get; init; } = 4_096;

    /// <summary>Calls a second for each remote address.</summary>
    public double CallsPerSecond { get; init; } = 20_000;

    /// <summary>Calls a second for each signing key.</summary>
    public double SignedCallsPerSecond { get; init; } = 2_000;

    /// <summary>How many seconds' worth of calls may come at once.</summary>
    public double BurstSeconds { get; init; } = 2;

    /// <summary>Clients whose rate is remembered.</summary>
    public int MaxClients { get; init; } = 100_000;

    /// <summary>Nonces remembered until they expire.</summary>
    public int MaxNonces { get; init; } = 500_000;

    /// <summary>Most open connections.</summary>
    public int MaxConnections { get; init; } = 2_000;

    /// <summary>Requests of one WebSocket connection worked on at one time; more are not read meanwhile.</summary>
    public int MaxRequestsPerConnection { get; init; } = 16;

    /// <summary>Most subscriptions of one connection.</summary>
    public int MaxSubscriptions { get; init; } = 32;

    /// <summary>Notifications that may wait for one connection; one more, and it is cut off.</summary>
    public int MaxQueuedNotifications { get; init; } = 4_096;

    /// <summary>Bytes of notifications that may wait for one connection.</summary>
    public int MaxQueuedBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>Longest that one message may take to be taken by a WebSocket client.</summary>
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Longest to wait for requests in progress when the server stops.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Null when the options can be used, else what is wrong, naming the option.</summary>
    public string? Problem()
    {
        if (Listen.Count == 0) return "rpc.listen: no address";
        foreach (string address in Listen)
        {
            if (!TryParse(address, out IPEndPoint? endpoint, out bool tls))
                return $"rpc.listen: '{address}' is not http://ip:port or https://ip:port";
            if (!tls && !Insecure && !IPAddress.IsLoopback(endpoint!.Address))
                return $"rpc.listen: '{address}' is plain HTTP on an address others can reach; use https, a loopback address, or rpc.insecure";
            if (tls && CertificateFile is null) return $"rpc.certificateFile: missing, and '{address}' is https";
        }
        foreach (string origin in CorsOrigins)
        {
            if (!Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) || uri.GetLeftPart(UriPartial.Authority) != origin)
                return $"rpc.corsOrigins: '{origin}' is not an origin such as https://app.example";
        }
        return LimitProblem();
    }

    internal static bool TryParse(string address, out IPEndPoint? endpoint, out bool tls)
    {
        endpoint = null;
        tls = false;
        if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) || uri.PathAndQuery != "/" || uri.UserInfo.Length > 0) return false;
        tls = uri.Scheme == Uri.UriSchemeHttps;
        if (!tls && uri.Scheme != Uri.UriSchemeHttp) return false;
        IPAddress? ip = uri.Host == "localhost" ? IPAddress.Loopback : null;
        if (ip is null && !IPAddress.TryParse(uri.Host.Trim('[', ']'), out ip)) return false;
        endpoint = new IPEndPoint(ip, uri.Port);
        return true;
    }

    private string? LimitProblem()
    {
        const int Most = 50;
        if (MaxBatch is < 1 or > Most) return $"rpc.maxBatch: {MaxBatch} is not 1 to {Most}";
        (string Name, double Value)[] positive =
        [
            ("maxBodyBytes", MaxBodyBytes), ("maxUploadBytes", MaxUploadBytes), ("maxUploadsInFlightBytes", MaxUploadsInFlightBytes),
            ("maxResponseBytes", MaxResponseBytes), ("callTimeout", CallTimeout.TotalMilliseconds), ("maxConcurrentRequests", MaxConcurrentRequests),
            ("callsPerSecond", CallsPerSecond), ("signedCallsPerSecond", SignedCallsPerSecond), ("burstSeconds", BurstSeconds),
            ("maxClients", MaxClients), ("maxNonces", MaxNonces), ("maxConnections", MaxConnections),
            ("maxRequestsPerConnection", MaxRequestsPerConnection), ("maxSubscriptions", MaxSubscriptions),
            ("maxQueuedNotifications", MaxQueuedNotifications), ("maxQueuedBytes", MaxQueuedBytes),
            ("sendTimeout", SendTimeout.TotalMilliseconds), ("stopTimeout", StopTimeout.TotalMilliseconds),
        ];
        foreach ((string name, double value) in positive)
        {
            if (value <= 0) return $"rpc.{name}: {value} is not above 0";
        }
        return MaxUploadBytes <= MaxUploadsInFlightBytes ? null : "rpc.maxUploadsInFlightBytes: below rpc.maxUploadBytes";
    }
}
