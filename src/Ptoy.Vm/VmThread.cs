using System.Runtime.ExceptionServices;

namespace Ptoy.Vm;

/// <summary>
/// Threads with the stack that contracts need (<see cref="VmLimits.StackBytes"/>). <see cref="ContractVm.Execute"/> runs
/// directly when the calling thread is one of these and starts one for the call when it is not, so whoever executes blocks
/// runs its whole loop on a thread from <see cref="Start"/>.
/// </summary>
public static class VmThread
{
    [ThreadStatic]
    private static bool _current;

    /// <summary>True when the calling thread has a VM stack.</summary>
    public static bool IsCurrent => _current;

    /// <summary>Starts a background thread with a VM stack.</summary>
    public static Thread Start(string name, Action body)
    {
        ArgumentNullException.ThrowIfNull(body);
        var thread = new Thread(
            () =>
            {
                _current = true;
                body();
            },
            VmLimits.StackBytes)
        { Name = name, IsBackground = true };
        thread.Start();
        return thread;
    }

    /// <summary>Runs on a VM stack and waits: here when the thread has one, else on a new thread. Exceptions come back as thrown.</summary>
    public static T Run<T>(Func<T> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        if (_current) return body();
        T? result = default;
        ExceptionDispatchInfo? failure = null;
        Thread thread = Start("ptoy-vm", () =>
        {
            try { result = body(); }
#pragma warning disable CA1031 // every failure crosses to the caller's thread
            catch (Exception e) { failure = ExceptionDispatchInfo.Capture(e); }
#pragma warning restore CA1031
        });
        thread.Join();
        failure?.Throw();
        return result!;
    }
}
