using LiteNetLib;

namespace Ptoy.Node.Transport;

/// <summary>The library writes to the console by default; what matters of it comes as events.</summary>
internal sealed class SilentNetLogger : INetLogger
{
    public static readonly SilentNetLogger Instance = new();

    public void WriteNet(NetLogLevel level, string str, params object[] args)
    {
        // Malformed packets of strangers would fill the log.
    }
}
