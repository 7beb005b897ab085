using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.Services.Common;

/// <summary>Tells what passes by itself (a node away, an answer that does not hold) from faults of this program.</summary>
public static class Passing
{
    /// <summary>True when it is worth trying again later.</summary>
    public static bool Is(Exception e) => e is RpcConnectionException or RpcException or TimeoutException or UntrustedAnswerException or SealException
        or WireException or IOException or HttpRequestException or TransactionFailedException or TransactionLostException
        or AuthorityRefusedException or JsonException or TaskCanceledException { InnerException: TimeoutException };

    /// <summary>What to say of it in logs and health: without what others wrote into their messages.</summary>
    public static string Describe(Exception e) => e switch
    {
        RpcConnectionException => "the node does not answer",
        HttpRequestException => "a server does not answer",
        TimeoutException or TaskCanceledException => "no answer in time",
        RpcException rpc => $"the node refused ({RpcErrors.NameOf(rpc.Code)})",
        AuthorityRefusedException refused => $"the key authority refused ({refused.Status})",
        UntrustedAnswerException or WireException or SealException => "an answer does not hold",
        TransactionFailedException or TransactionLostException => "a transaction was not taken",
        _ => e.GetType().Name,
    };
}
