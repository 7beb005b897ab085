using Acornima.Ast;
using Jint;
using Ptoy.Vm.Compile;
using Ptoy.Vm.Realm;

namespace Ptoy.Vm;

/// <summary>
/// What runs for one method: a prepared script and the helpers its function takes, in order. Shared by all threads; keeps a few
/// frames in which the class is made already.
/// </summary>
internal sealed class ContractProgram
{
    /// <summary>Most frames kept of one program; the calls of one block come one after the other.</summary>
    private const int MostKept = 8;

    private readonly Stack<Frame> _kept = new();

    private ContractProgram(Prepared<Script> script, Rewritten rewritten, string method, bool leavesNoTrace)
    {
        Script = script;
        Helpers = rewritten.Helpers;
        LoadGas = rewritten.Cost;
        Method = method;
        LeavesNoTrace = leavesNoTrace;
    }

    public Prepared<Script> Script { get; }

    public IReadOnlyList<string> Helpers { get; }

    /// <summary>What making the class charges.</summary>
    public int LoadGas { get; }

    /// <summary>The method that calls of this program call.</summary>
    public string Method { get; }

    /// <summary>True when no call can leave anything behind in its engine that another call could find: see <see cref="Traces"/>.</summary>
    public bool LeavesNoTrace { get; }

    /// <summary>
    /// Prepares a rewritten program. A second wall: the interpreter's own analysis of scopes must find no name that would be
    /// looked up in the realm.
    /// </summary>
    public static ContractProgram Prepare(string className, Rewritten rewritten, string method, bool leavesNoTrace)
    {
        Prepared<Script> script;
        try { script = Engine.PrepareScript(rewritten.Text, className, strict: true, new ScriptPreparationOptions { CollectReferencedGlobals = true }); }
        catch (ScriptPreparationException e) { throw new ContractRejectedException(className, 0, e.InnerException?.Message ?? e.Message); }
        ReferencedGlobals globals = script.ReferencedGlobals ?? throw new InvalidOperationException("the interpreter did not analyse the scopes");
        if (globals.HasDirectEvalCall) throw new ContractRejectedException(className, 0, "'eval' is not available to contracts");
        foreach (string name in globals) throw new ContractRejectedException(className, 0, $"'{name}' is used outside the block that declares it");
        return new ContractProgram(script, rewritten, method, leavesNoTrace);
    }

    /// <summary>A frame for one call: a kept one, or a new one.</summary>
    public Frame Rent()
    {
        lock (_kept)
        {
            if (_kept.TryPop(out Frame? frame)) return frame;
        }
        return new Frame(this);
    }

    /// <summary>Gives back a frame whose call ended well.</summary>
    public void Return(Frame frame)
    {
        if (!LeavesNoTrace || frame.Disturbed) return;
        lock (_kept)
        {
            if (_kept.Count < MostKept) _kept.Push(frame);
        }
    }
}
