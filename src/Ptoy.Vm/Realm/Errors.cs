using Jint;
using Jint.Native;
using Jint.Native.Error;
using Jint.Native.Object;
using Jint.Runtime;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Vm.Realm;

/// <summary>
/// Errors as contracts and receipts see them: a name and a message, never a stack. Only plain text is ever
/// thrown; a contract that catches it gets an object made in its own realm.
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

    /// <summary>What a <c>catch</c> of a contract gets for what was thrown: an object with name and message, made in its realm.</summary>
    public static JsValue Caught(Engine engine, JsValue error) => error switch
    {
        ErrorInstance => Make(engine, NameOf(error), MessageOf(error)),
        _ => Make(engine, "Error", MessageOf(error)),
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

    /// <summary>The message of a thrown value.</summary>
    public static string MessageOf(JsValue error)
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
