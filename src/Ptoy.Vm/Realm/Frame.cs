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
/// One contract under way: an engine of its own, in which the class is made anew, so that nothing outlives the call but what
/// was written to the state.
/// </summary>
internal sealed class Frame
{
    private static readonly Options EngineOptions = MakeOptions();
    private static readonly JsObjectLayout ContextLayout =
        new(["caller", "sender", "self", "owner", "height", "time", "chainId", "tx", "epoch"]);

    private readonly ContractCode _code;
    private JsValue? _thrown;
    private JsString? _thrownText;

    public Frame(Session session, ContractCode code, ContractId self, string caller, bool readOnly)
    {
        Session = session;
        Meter = session.Meter;
        _code = code;
        Self = self;
        SelfText = self.ToString();
        Caller = caller;
        ReadOnly = readOnly;
        Engine = new Engine(EngineOptions);
    }

    public Session Session { get; }

    public Meter Meter { get; }

    public Engine Engine { get; }

    public ContractId Self { get; }

    public string SelfText { get; }

    public string Caller { get; }

    public bool ReadOnly { get; }

    /// <summary>Calls the method on a new instance; arguments and result are JSON text.</summary>
    public string Run(string method, string argumentsJson)
    {
        JsValue[] arguments = Arguments(argumentsJson);
        ContractProgram program = _code.Program(method);
        JsValue function = Engine.Evaluate(program.Script);
        JsValue contractClass = Engine.Call(function, JsValue.Undefined, Helpers(program));
        ObjectInstance instance = Engine.Construct(contractClass, []);
        JsValue result = Engine.Call(instance.Get(JsString.Create(method)), instance, arguments);
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
    public JsValue Caught(JsValue error) =>
        ReferenceEquals(error, _thrownText) && _thrown is not null ? _thrown : Errors.Caught(Engine, error);

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

    private JsValue[] Helpers(ContractProgram program)
    {
        var helpers = new JsValue[program.Helpers.Count];
        for (int i = 0; i < helpers.Length; i++)
        {
            string name = program.Helpers[i];
            helpers[i] = name == "$ctx" ? Context() : Function(name, HelperTable.All[name]);
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
