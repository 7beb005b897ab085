namespace Ptoy.Node.Transport;

/// <summary>The transport could not do what was asked; the message says what and, for configuration, names the key.</summary>
public class TransportException : Exception
{
    /// <summary>With a message a person can act on.</summary>
    public TransportException(string message) : base(message) { }

    /// <summary>With a message and what lay behind it.</summary>
    public TransportException(string message, Exception inner) : base(message, inner) { }
}

/// <summary>The peer received the request and answered with an error, whose text is the message.</summary>
public sealed class RemoteRequestException : TransportException
{
    /// <summary>With the peer's error text.</summary>
    public RemoteRequestException(string message) : base(message) { }
}

/// <summary>Another connection to the same peer has taken over before anything was sent: try again on that one.</summary>
internal sealed class ConnectionReplacedException(string message) : TransportException(message);
