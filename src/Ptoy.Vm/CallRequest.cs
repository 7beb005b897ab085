using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Vm;

/// <summary>One call into a contract from outside: by a transaction, by genesis or the system, or by a reader.</summary>
public sealed record CallRequest
{
    /// <summary>The instance called.</summary>
    public required ContractId Contract { get; init; }

    /// <summary>The method's name. Names starting with an underscore are not callable.</summary>
    public required string Method { get; init; }

    /// <summary>The arguments: the text of a JSON array.</summary>
    public string ArgumentsJson { get; init; } = "[]";

    /// <summary><c>ctx.caller</c>: the sender's address text, or empty for genesis and system calls.</summary>
    public string Caller { get; init; } = "";

    /// <summary><c>ctx.sender</c>: the address text of the transaction's sender, or empty.</summary>
    public string Sender { get; init; } = "";

    /// <summary><c>ctx.height</c>: the block's height.</summary>
    public ulong Height { get; init; }

    /// <summary><c>ctx.time</c>: the block's time in Unix milliseconds.</summary>
    public long TimeMs { get; init; }

    /// <summary><c>ctx.chainId</c>, as hexadecimal text.</summary>
    public Hash ChainId { get; init; }

    /// <summary><c>ctx.tx</c>, as hexadecimal text; zero when there is no transaction.</summary>
    public Hash TxHash { get; init; }

    /// <summary><c>ctx.epoch</c>: the validator epoch.</summary>
    public ulong Epoch { get; init; }

    /// <summary>Most gas the call may use; at most <see cref="VmLimits.MaxGas"/>.</summary>
    public ulong GasLimit { get; init; } = VmLimits.DefaultGas;

    /// <summary>True for a view: the method must be in the class's <c>static views</c>, and nothing may be written.</summary>
    public bool ReadOnly { get; init; }
}

/// <summary>How a call ended.</summary>
public enum CallStatus
{
    /// <summary>It returned; its writes stand.</summary>
    Ok,
    /// <summary>The contract, or the VM on its behalf, threw. Its writes are undone.</summary>
    Failed,
    /// <summary>The gas limit was reached. Its writes are undone.</summary>
    OutOfGas,
    /// <summary>
    /// A local limit (time, memory, stack) or an unexpected fault of the VM stopped it. This says nothing about what other
    /// nodes see: it is never an outcome to put in a receipt. The node keeps the evidence and halts.
    /// </summary>
    EmergencyStop,
}

/// <summary>The outcome of a call. Except for <see cref="CallStatus.EmergencyStop"/>, the same on every node.</summary>
/// <param name="Status">How it ended.</param>
/// <param name="ResultJson">What the method returned, as JSON text; <c>null</c> as text when it returned nothing or failed.</param>
/// <param name="Error">Why it failed, at most 512 characters; empty when it did not.</param>
/// <param name="GasUsed">Gas used, at most the limit.</param>
/// <param name="Events">What was emitted, in order; empty when it failed.</param>
public sealed record CallResult(
    CallStatus Status, string ResultJson, string Error, ulong GasUsed, IReadOnlyList<ContractEvent> Events);
