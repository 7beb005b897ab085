using Jint;
using Jint.Native;
using Jint.Native.Object;
using Jint.Runtime.Descriptors;
using Jint.Runtime.Interop;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Vm.Realm;

/// <summary>A host helper: takes the arguments as the rewritten program passed them.</summary>
internal delegate JsValue HelperBody(Frame frame, JsValue[] arguments);

/// <summary>
/// One contract under way: an engine in which the class of one program is made, and an instance of it that is made anew for
/// each call, so that nothing outlives a call but what was written to the state. A frame whose call ended well may serve another
/// call of the same program where nothing of the contract can tell (<see cref="ContractProgram.LeavesNoTrace"/>).
/// </summary>
internal sealed class Frame
{
    /// <summary>The name under which programs find the context of the call in the object that they take as <c>$ctx</c>.</summary>
    public const string ContextName = "c";

    private static readonly Options EngineOptions = MakeOptions();
    private static readonly JsObjectLayout ContextLayout =
        new(["caller", "sender", "self", "owner", "height", "time", "chainId", "tx", "epoch"]);

    private readonly ContractProgram _program;
    private readonly JsObject _context;
    private readonly JsString _method;
    private JsValue? _class;
    private JsValue? _thrown;
    private JsString? _thrownText;

    public Frame(ContractProgram program)
    {
        _program = program;
        _method = JsString.Create(program.Method);
        Engine = new Engine(EngineOptions);
        _context = new JsObject(Engine);
    }

    public Session Session { get; private set; } = null!;

    public Meter Meter { get; private set; } = null!;

    public Engine Engine { get; }

    public ContractId Self { get; private set; } = null!;

    public string SelfText { get; private set; } = "";

    public string Caller { get; private set; } = "";

    public bool ReadOnly { get; private set; }

    /// <summary>True once the contract caught an error: the interpreter unwound something, and nobody should rely on how.</summary>
    public bool Disturbed { get; private set; }

    /// <summary>Calls the program's method on a new instance; arguments and result are JSON text.</summary>
    public string Run(Session session, ContractId self, string caller, bool readOnly, string argumentsJson)
    {
        (Session, Meter, Self, SelfText, Caller, ReadOnly) = (session, session.Meter, self, self.ToString(), caller, readOnly);
        JsValue[] arguments = Arguments(argumentsJson);
        _context.FastSetDataProperty(ContextName, Context());
        // Making the class is paid for by every call, whether this frame did it before or not: gas is the same on all nodes.
        if (_class is null) _class = Engine.Call(Engine.Evaluate(_program.Script), JsValue.Undefined, Helpers());
        else Meter.Charge(_program.LoadGas);
        ObjectInstance instance = Engine.Construct(_class, []);
        JsValue result = Engine.Call(instance.Get(_method), instance, arguments);
        return result.IsUndefined() ? "null" : JsonText.Write(this, result, VmLimits.MaxValue, "the result");
    }

    /// <summary>
    /// What is thrown in place of a contract's value: its message as text, because the interpreter makes text of whatever is
    /// thrown, at a price nobody could charge. The value waits here for a catch: nothing of the contract runs in between.
    /// </summary>
    public JsString Throwing(JsValue value)
    {
        _thrown = value is JsString ? null : value;
        _thrownText = new JsString(Errors.Bounded(Errors.MessageOf(value)));
        return _thrownText;
    }

    /// <summary>What a catch gets: the value a contract threw, or for all other errors {name, message}.</summary>
    public JsValue Caught(JsValue error)
    {
        Disturbed = true;
        return ReferenceEquals(error, _thrownText) && _thrown is not null ? _thrown : Errors.Caught(Engine, error);
    }

    /// <summary>Calls a function of the contract from a built-in.</summary>
    public JsValue Call(JsValue function, JsValue self, JsValue[] arguments)
    {
        Meter.Charge(Gas.Callback);
        return Engine.Call(function, self, arguments);
    }

    private JsValue[] Arguments(string json)
    {
        if (JsonText.Read(this, json, "the arguments") is not JsArray list) throw Errors.Failure("the arguments must be a JSON array");
        if (list.Length > VmLimits.MaxArguments) throw Errors.Failure($"more than {VmLimits.MaxArguments} arguments");
        return list.ToArray();
    }

    private JsValue[] Helpers()
    {
        var helpers = new JsValue[_program.Helpers.Count];
        for (int i = 0; i < helpers.Length; i++)
        {
            string name = _program.Helpers[i];
            helpers[i] = name == "$ctx" ? _context : Function(name, HelperTable.All[name]);
        }
        return helpers;
    }

    private ClrFunction Function(string name, HelperBody body) =>
        new(Engine, name, (_, arguments) => body(this, arguments), 0, PropertyFlag.AllForbidden);

    private JsObject Context()
    {
        CallRequest request = Session.Request;
        return JsObject.Create(Engine, ContextLayout,
        [
            JsString.Create(Caller),
            JsString.Create(request.Sender),
            JsString.Create(SelfText),
            JsString.Create(Self.Owner.IsNone ? "" : SelfText[(Self.Class.Length + 1)..]),
            JsNumber.Create((double)request.Height),
            JsNumber.Create((double)request.TimeMs),
            JsString.Create(Session.ChainId),
            JsString.Create(Session.Transaction),
            JsNumber.Create((double)request.Epoch),
        ]);
    }

    private static Options MakeOptions()
    {
        var options = new Options();
        options.Strict();
        options.DisableStringCompilation();
        return options;
    }
}
