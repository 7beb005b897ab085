using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Vm;

namespace Ptoy.Node.Execution;

/// <summary>A genesis whose calls fail: every node refuses it the same way.</summary>
public sealed class GenesisException(string message) : Exception(message);

/// <summary>Runs the calls of genesis, as the chain itself, on an empty state.</summary>
public static class GenesisExecutor
{
    private const ulong GasPerCall = 500_000_000;

    /// <summary>Compiles the contracts of a genesis. Throws <see cref="GenesisException"/> naming the class and the construct refused.</summary>
    public static IReadOnlyDictionary<string, ContractCode> Compile(Genesis genesis)
    {
        var classes = new Dictionary<string, ContractCode>(StringComparer.Ordinal);
        foreach (GenesisContract contract in genesis.Contracts)
        {
            try
            {
                if (!classes.TryAdd(contract.Class, ContractCode.Compile(contract.Class, contract.Source)))
                    throw new GenesisException($"genesis: contract class {contract.Class} is listed twice");
            }
            catch (ContractRejectedException e)
            {
                throw new GenesisException($"genesis: contract class {contract.Class}: {e.Message}");
            }
        }
        return classes;
    }

    /// <summary>The writes of genesis. Throws <see cref="GenesisException"/> naming the call that failed.</summary>
    public static IReadOnlyList<KeyValuePair<string, string?>> Execute(Genesis genesis, ContractVm vm)
    {
        Hash chainId = genesis.ComputeChainId();
        var state = new StateOverlay((_, _) => null);
        for (int i = 0; i < genesis.Calls.Length; i++)
        {
            GenesisCall call = genesis.Calls[i];
            CallResult result = vm.Execute(
                new CallRequest
                {
                    Contract = call.Contract,
                    Method = call.Method,
                    ArgumentsJson = call.Arguments,
                    TimeMs = (long)genesis.TimeMs,
                    ChainId = chainId,
                    GasLimit = GasPerCall,
                },
                state);
            if (result.Status != CallStatus.Ok)
                throw new GenesisException($"genesis: call {i} ({call.Contract}.{call.Method}) failed: {result.Error}");
        }
        return [.. state.Writes().Select(w => new KeyValuePair<string, string?>(StatePath.Of(w.Contract, w.Key), w.Json))];
    }
}
