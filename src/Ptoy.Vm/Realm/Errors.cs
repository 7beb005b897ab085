using Jint;
using Jint.Native;
using Jint.Native.Error;
using Jint.Native.Object;
using Jint.Runtime;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Vm.Realm;

/// <summary>
/// Errors as contracts and receipts see them: a name and a message, never a stack. The host throws the message as a plain
/// text; a contract that catches it gets an object made in its own realm.
/// </summary>
internal static class Errors
{
    private static readonly JsString Message = new("message");
    private static readonly JsString Name = new("name");

    /// <summary>An error that a contract can catch.</summary>
    public static JavaScriptException Failure(string message) => new(JsString.Create(Bounded(message)));

    /// <summary>The message of an error that left a contract.</summary>
    public static string MessageOf(JavaScriptException thrown) => Bounded(MessageOf(thrown.Error));

    /// <summary>At most what a receipt holds.</summary>
    public static string Bounded(string message) => message.Length <= Receipt.MaxError ? message : message[..(Receipt.MaxError - 1)] + "…";

    /// <summary>What a <c>catch</c> of a contract gets for what was thrown: its own values as they are, all others as {name, message}.</summary>
    public static JsValue Caught(Engine engine, JsValue error) => error switch
    {
        ErrorInstance => Make(engine, NameOf(error), MessageOf(error)),
        JsString text => Make(engine, "Error", text.ToString()),
        _ => error,
    };

    /// <summary>An error object.</summary>
    public static JsObject Make(Engine engine, string name, string message)
    {
        var error = new JsObject(engine);
        error.FastSetDataProperty("name", JsString.Create(name));
        error.FastSetDataProperty("message", JsString.Create(message));
        return error;
    }

    private static string NameOf(JsValue error) => ((ErrorInstance)error).Get(Name) is JsString name ? name.ToString() : "Error";

    private static string MessageOf(JsValue error)
    {
        JsValue message = error switch
        {
            JsString text => text,
            ErrorInstance builtIn => builtIn.Get(Message),
            ObjectInstance made => made.GetOwnProperty(Message).Value ?? JsValue.Undefined,
            _ => error,
        };
        return message switch
        {
            JsString text => text.ToString(),
            JsNumber or JsBoolean => message.ToString(),
            _ => "the contract threw something without a message",
        };
    }
}
