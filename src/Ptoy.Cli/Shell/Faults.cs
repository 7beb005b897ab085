using Ptoy.Client.Keys;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Node.Config;
using Ptoy.Node.Execution;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Authority;
using Ptoy.Services.Common;
using Ptoy.Services.Hosting;

namespace Ptoy.Cli.Shell;

/// <summary>What each failure means to the person at the keyboard, and its exit code.</summary>
internal static class Faults
{
    /// <summary>Exit code and message of an exception.</summary>
    public static (int Code, string Message) Describe(Exception fault) => fault switch
    {
        CliException e => (e.ExitCode, e.Message),
        ConfigException or DaemonConfigException or GenesisException => (ExitCode.Usage, fault.Message),
        ArgumentException e => (ExitCode.Usage, WithoutParameterName(e)),
        FieldException => (ExitCode.Usage, fault.Message),
        RpcException e => (ExitCode.Failed, Rpc(e)),
        RpcConnectionException => (ExitCode.Unreachable, $"the node cannot be reached: {fault.Message}. Is it running, and is --node right?"),
        HttpRequestException e => (ExitCode.Unreachable, $"the key authority cannot be reached: {e.Message}. Is it running, and is --authority right?"),
        TimeoutException => (ExitCode.Unreachable, $"{fault.Message}; try again, or another --node"),
        UntrustedAnswerException => (ExitCode.Failed, $"the answer cannot be trusted: {fault.Message}. Is --genesis that of this network?"),
        SealException { Fault: SealFault.NoKey } => (ExitCode.Failed, "no key at hand opens this record: it was not sealed to this account, or access had ended"),
        UnauthorizedAccessException => (ExitCode.Failed, $"{fault.Message} (check the file's permissions)"),
        OperationCanceledException => (ExitCode.Interrupted, "interrupted"),
        _ when IsExpected(fault) => (ExitCode.Failed, fault.Message),
        _ => (ExitCode.Failed, $"a fault of this program ({fault.GetType().Name}): {fault.Message}. With PTOY_DEBUG=1 it prints where"),
    };

    private static bool IsExpected(Exception fault) => fault is KeystoreException or TransactionFailedException or TransactionLostException
        or AuthorityRefusedException or AuthorityException or RateLimitException or SealException or InvalidDataException or IOException
        or Ptoy.Client.Light.ProofException or Ptoy.Protocol.Wire.WireException or FormatException
        or Ptoy.Services.Fhir.BundleException or DaemonFailedException or InvalidOperationException;

    private static string Rpc(RpcException e) => e.Code switch
    {
        RpcErrors.Denied => $"denied: {e.Message}",
        RpcErrors.NotAuthorised => $"not authorised: {e.Message}",
        RpcErrors.OverQuota => $"over quota: {e.Message}. Buy storage with: ptoy wallet buy-storage",
        _ => $"the node refused ({RpcErrors.NameOf(e.Code)}): {e.Message}",
    };

    private static string WithoutParameterName(ArgumentException e)
    {
        int end = e.ParamName is null ? -1 : e.Message.LastIndexOf(" (Parameter", StringComparison.Ordinal);
        return end < 0 ? e.Message : e.Message[..end];
    }
}
