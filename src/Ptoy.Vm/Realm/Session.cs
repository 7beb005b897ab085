using Jint.Runtime;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Vm.Realm;

/// <summary>The state threw: a fault of the node, not of the contract. Never seen by a contract.</summary>
internal sealed class StateFailureException(Exception cause) : Exception(cause.Message, cause);

/// <summary>One outside call with all the contracts it reaches: what they share.</summary>
internal sealed class Session(ContractVm vm, CallRequest request, IContractState state, Meter meter)
{
    private int _contracts;

    public CallRequest Request { get; } = request;

    public Meter Meter { get; } = meter;

    public List<ContractEvent> Events { get; } = [];

    public string ChainId { get; } = request.ChainId.ToString();

    public string Transaction { get; } = request.TxHash.IsZero ? "" : request.TxHash.ToString();

    /// <summary>Runs one method of one instance in a frame of its own and gives its result as JSON text.</summary>
    public string Run(ContractId contract, string method, string argumentsJson, string caller, bool readOnly)
    {
        if (!vm.Classes.TryGetValue(contract.Class, out ContractCode? code)) throw Errors.Failure($"there is no contract class '{contract.Class}'");
        if (method.StartsWith('_')) throw Errors.Failure($"{contract.Class}.{method} is internal to the contract");
        if (!code.HasMethod(method)) throw Errors.Failure($"{contract.Class} has no method '{method}'");
        if (readOnly && !code.HasView(method)) throw Errors.Failure($"{contract.Class}.{method} is not a view");
        if (_contracts >= VmLimits.MaxContractDepth) throw Errors.Failure($"contracts call each other deeper than {VmLimits.MaxContractDepth}");
        Meter.Charge(Gas.Frame);
        _contracts++;
        try
        {
            ContractProgram program = code.Program(method);
            Frame frame = program.Rent();
            string result = frame.Run(this, contract, caller, readOnly, argumentsJson);
            // Not after a failure: then the interpreter stopped somewhere in the middle.
            program.Return(frame);
            return result;
        }
        finally { _contracts--; }
    }

    /// <summary>Runs another contract for one that is running. When it fails, what it wrote and announced is undone.</summary>
    public string RunNested(ContractId contract, string method, string argumentsJson, string caller, bool readOnly)
    {
        int mark = state.Mark(), events = Events.Count, depth = Meter.Depth;
        try { return Run(contract, method, argumentsJson, caller, readOnly); }
        catch (JavaScriptException e)
        {
            state.Revert(mark);
            Events.RemoveRange(events, Events.Count - events);
            Meter.Charge((long)Gas.Catch * (1 + Meter.Depth - depth));
            Meter.Depth = depth;
            throw Errors.Failure(Errors.MessageOf(e));
        }
    }

    public string? Read(ContractId contract, string key)
    {
        try { return state.Read(contract, key); }
        catch (Exception e) { throw new StateFailureException(e); }
    }

    public void Write(ContractId contract, string key, string? json)
    {
        try { state.Write(contract, key, json); }
        catch (Exception e) { throw new StateFailureException(e); }
    }
}
