using Ptoy.Services.Hosting;

namespace Ptoy.Services.Connector.Hl7;

/// <summary>The <c>mllp</c> section of the connector's configuration.</summary>
public sealed record Hl7Options : IPartOptions
{
    /// <summary>One line for help.</summary>
    public const string Summary = "HL7 v2 messages by MLLP (TCP or TLS) are acknowledged when they are on disk, and mapped to FHIR R4";

    /// <summary>What <c>init</c> writes.</summary>
    public static Hl7Options Example { get; } = new();

    /// <summary>Name of the feed: part of every resource id, so it must not change once messages came.</summary>
    public string Source { get; init; } = "hl7";

    /// <summary>Address to listen on; only loopback by default.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Port to listen on; 0 lets the system choose one.</summary>
    public int Port { get; init; } = 2575;

    /// <summary>PEM file of the server's certificate; with it the listener speaks TLS only.</summary>
    public string? Certificate { get; init; }

    /// <summary>PEM file of the certificate's private key.</summary>
    public string? CertificateKey { get; init; }

    /// <summary>PEM file of the authorities that issue the senders' certificates; with it senders must show one.</summary>
    public string? ClientAuthorities { get; init; }

    /// <summary>Allows plain TCP on an address other than loopback: for networks that are protected otherwise.</summary>
    public bool Insecure { get; init; }

    /// <summary>Most connections at a time; a further one is closed at once.</summary>
    public int MaxConnections { get; init; } = 64;

    /// <summary>Most bytes in one message or batch.</summary>
    public int MaxMessageBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>A connection on which nothing comes for so long is closed.</summary>
    public int IdleSeconds { get; init; } = 600;

    /// <summary>A message that began and is not whole after so long ends its connection.</summary>
    public int MessageSeconds { get; init; } = 60;

    /// <summary>
    /// Most messages that are acknowledged and wait to be worked on; when there are so many, further ones are answered AE: try again.
    /// </summary>
    public int MaxWaiting { get; init; } = 100_000;

    /// <summary>Most bytes of messages that wait.</summary>
    public long MaxWaitingBytes { get; init; } = 2L * 1024 * 1024 * 1024;

    /// <summary>
    /// Most messages kept that are of no type that is taken; when there are so many, further ones are refused without being kept.
    /// </summary>
    public int MaxKept { get; init; } = 10_000;

    /// <summary>Days for which a message is recognised when it is sent again.</summary>
    public int RememberDays { get; init; } = 400;

    /// <summary>Processing ids (MSH-11) that are taken: P production, T training, D debugging.</summary>
    public IReadOnlyList<string> ProcessingIds { get; init; } = ["P", "T", "D"];

    /// <summary>IANA name of the time zone of times that say no offset.</summary>
    public string TimeZone { get; init; } = "UTC";

    /// <summary>
    /// Names of one assigning authority that mean another, so that a hospital's namespace and its object identifier are one.
    /// </summary>
    public IReadOnlyDictionary<string, string> Authorities { get; init; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        void Require(bool holds, string problem)
        {
            if (!holds) problems.Add(problem);
        }

        Require(Source.Length is > 0 and <= 64 && Source.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'),
            "source: 1 to 64 letters, digits, '-', '_' and '.'");
        Require(System.Net.IPAddress.TryParse(Host, out System.Net.IPAddress? address), "host: not an IP address");
        Require(Port is >= 0 and <= 65535, "port: not from 0 to 65535");
        Require(Certificate is null == CertificateKey is null, "certificateKey: certificate and its key come together");
        Require(ClientAuthorities is null || Certificate is not null, "clientAuthorities: only with TLS (certificate)");
        Require(Certificate is not null || Insecure || address is null || System.Net.IPAddress.IsLoopback(address),
            "insecure: plain TCP beyond loopback carries patients' data in the open; set certificate, or insecure on a protected network");
        Require(MaxConnections is >= 1 and <= 10_000, "maxConnections: not from 1 to 10000");
        Require(MaxMessageBytes is >= 1024 and <= 32 * 1024 * 1024, "maxMessageBytes: not from 1024 to 33554432");
        Require(IdleSeconds is >= 1 and <= 86_400, "idleSeconds: not from 1 to 86400");
        Require(MessageSeconds is >= 1 and <= 3_600, "messageSeconds: not from 1 to 3600");
        Require(MaxWaiting is >= 1 and <= 10_000_000, "maxWaiting: not from 1 to 10000000");
        Require(MaxWaitingBytes >= MaxMessageBytes, "maxWaitingBytes: less than one message");
        Require(MaxKept is >= 0 and <= 1_000_000, "maxKept: not from 0 to 1000000");
        Require(RememberDays is >= 1 and <= 3_660, "rememberDays: not from 1 to 3660");
        Require(ProcessingIds.Count > 0 && ProcessingIds.All(p => p is "P" or "T" or "D"), "processingIds: one or more of P, T, D");
        Require(TimeZoneInfo.TryFindSystemTimeZoneById(TimeZone, out _), "timeZone: not an IANA time zone that this system knows");
        Require(Authorities.All(a => !string.IsNullOrWhiteSpace(a.Key) && !string.IsNullOrWhiteSpace(a.Value)),
            "authorities: an empty name");
        return problems;
    }
}
