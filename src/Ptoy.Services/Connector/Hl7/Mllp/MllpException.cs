namespace Ptoy.Services.Connector.Hl7.Mllp;

/// <summary>What came is not MLLP, or too much or too slow: the connection is closed. The text holds nothing of what came.</summary>
internal sealed class MllpException(string reason) : Exception(reason);
