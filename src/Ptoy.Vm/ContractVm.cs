using Jint.Runtime;
using Ptoy.Protocol.Ledger;
using Ptoy.Vm.Realm;

namespace Ptoy.Vm;

/// <summary>
/// Limits of this node alone, as a last resort against what gas did not foresee. Reaching one is an
/// <see cref="CallStatus.EmergencyStop"/>.
/// </summary>
/// <param name="AllocatedBytes">Most bytes one call may allocate, contracts called by it included.</param>
/// <param name="StartBrake">
/// Called at the start of each call; gives a function that is asked every few hundred charges and answers with a reason to
/// stop, or null. The VM itself has no clock: a node passes one that watches its own.
/// </param>
public sealed record EmergencyLimits(long AllocatedBytes = VmLimits.EmergencyAllocation, Func<Func<string?>>? StartBrake = null);

/// <summary>
/// Runs contract calls, each as if in a realm of its own (ADR 10). Immutable: one instance serves any number of threads at once, each with
/// its own <see cref="IContractState"/>. The outcome depends on the request and the state alone.
/// </summary>
public sealed class ContractVm
{
    private readonly EmergencyLimits _emergency;

    /// <summary>A VM that knows these classes by name.</summary>
    public ContractVm(IReadOnlyDictionary<string, ContractCode> classes, EmergencyLimits? emergency = null)
    {
        ArgumentNullException.ThrowIfNull(classes);
        Classes = classes;
        _emergency = emergency ?? new EmergencyLimits();
    }

    /// <summary>The classes by name.</summary>
    public IReadOnlyDictionary<string, ContractCode> Classes { get; }

    /// <summary>
    /// Runs one call; writes go to the state, and are reverted unless the result is <see cref="CallStatus.Ok"/>. Runs on the
    /// calling thread when that is a <see cref="VmThread"/>, else on a new one, which costs some 100 µs. Wrong requests and
    /// failing contracts are results, not exceptions; what the state throws comes through after the state was reverted.
    /// </summary>
    public CallResult Execute(CallRequest request, IContractState state)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(state);
        return VmThread.IsCurrent ? ExecuteHere(request, state) : VmThread.Run(() => ExecuteHere(request, state));
    }

    private CallResult ExecuteHere(CallRequest request, IContractState state)
    {
        var meter = new Meter(request.GasLimit, _emergency.StartBrake?.Invoke(), _emergency.AllocatedBytes);
        var session = new Session(this, request, state, meter);
        int mark = state.Mark();
        bool done = false;
        try
        {
            string result = session.Run(request.Contract, request.Method, request.ArgumentsJson, request.Caller, request.ReadOnly);
            done = true;
            return new CallResult(CallStatus.Ok, result, "", meter.Used, session.Events);
        }
        catch (JavaScriptException e) { return Failure(CallStatus.Failed, Errors.MessageOf(e), meter); }
        catch (OutOfGasException e) { return Failure(CallStatus.OutOfGas, e.Message, meter); }
        catch (EmergencyStopException e) { return Failure(CallStatus.EmergencyStop, e.Message, meter); }
        catch (StateFailureException e) { throw e.InnerException!; }
#pragma warning disable CA1031 // whatever the interpreter throws is a fault of this node's, to be kept as evidence
        catch (Exception e) { return Failure(CallStatus.EmergencyStop, $"{e.GetType().Name}: {e.Message}", meter); }
#pragma warning restore CA1031
        finally
        {
            if (!done) state.Revert(mark);
        }
    }

    private static CallResult Failure(CallStatus status, string error, Meter meter) =>
        new(status, "null", Errors.Bounded(error), meter.Used, []);
}
