using System.Security.Cryptography;
using System.Text;
using Jint;
using Jint.Native;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Vm.Realm;

/// <summary>What a contract asks of the chain: <c>state</c>, other contracts, events, and two cryptographic functions.</summary>
internal static class HostApi
{
    public static JsValue StateGet(Frame frame, JsValue[] arguments)
    {
        string key = StateKey(arguments);
        frame.Meter.Charge(Gas.StateRead);
        string? json = frame.Session.Read(frame.Self, key);
        return json is null ? JsValue.Null : JsonText.Read(frame, json, $"state '{key}'");
    }

    public static JsValue StateSet(Frame frame, JsValue[] arguments)
    {
        string key = StateKey(arguments);
        Writable(frame);
        JsValue value = Arg.At(arguments, 1);
        if (value.IsUndefined()) throw Errors.Failure($"state.set('{key}'): no value; use state.delete to remove");
        string json = JsonText.Write(frame, value, VmLimits.MaxValue, $"state.set('{key}')");
        frame.Meter.Charge(Gas.StateWrite + Gas.Stored(key.Length + json.Length));
        frame.Session.Write(frame.Self, key, json);
        return JsValue.Undefined;
    }

    public static JsValue StateDelete(Frame frame, JsValue[] arguments)
    {
        string key = StateKey(arguments);
        Writable(frame);
        frame.Meter.Charge(Gas.StateWrite);
        frame.Session.Write(frame.Self, key, null);
        return JsValue.Undefined;
    }

    /// <summary><c>call</c> and <c>view</c>: contract id text, method, arguments. By value both ways.</summary>
    public static JsValue CallContract(Frame frame, JsValue[] arguments, bool readOnly)
    {
        string target = Arg.Text(arguments, 0, "the contract to call");
        string method = Arg.Text(arguments, 1, "the method to call");
        if (!readOnly) Writable(frame);
        if (target.Length > 256 || !ContractId.TryParse(target, out ContractId? contract)) throw Errors.Failure("a contract is named Class or Class/ptoy1…");
        JsArray passed = ArrayMethods.Make(frame, arguments.Length > 2 ? arguments[2..] : []);
        string json = JsonText.Write(frame, passed, VmLimits.MaxValue, $"the arguments of {contract!.Class}.{method}");
        string result = frame.Session.RunNested(contract, method, json, frame.SelfText, readOnly || frame.ReadOnly);
        return JsonText.Read(frame, result, "the result");
    }

    public static JsValue Emit(Frame frame, JsValue[] arguments)
    {
        string name = Arg.Text(arguments, 0, "an event's name");
        Writable(frame);
        if (name.Length is 0 or > VmLimits.MaxEventName || !name.All(char.IsAsciiLetterOrDigit))
        {
            throw Errors.Failure($"an event's name is 1 to {VmLimits.MaxEventName} letters and digits");
        }
        if (frame.Session.Events.Count >= Receipt.MaxEvents) throw Errors.Failure($"more than {Receipt.MaxEvents} events");
        JsValue data = Arg.At(arguments, 1);
        string json = data.IsUndefined() ? "null" : JsonText.Write(frame, data, VmLimits.MaxEventData, $"event '{name}'");
        frame.Meter.Charge(Gas.Event + Gas.Stored(json.Length));
        frame.Session.Events.Add(new ContractEvent(frame.Self, name, json));
        return JsValue.Undefined;
    }

    public static JsValue Require(Frame frame, JsValue[] arguments) =>
        Operators.IsTrue(Arg.At(arguments, 0)) ? JsValue.Undefined : throw Errors.Failure(MessageOf(arguments, 1, "a requirement does not hold"));

    public static JsValue Fail(Frame frame, JsValue[] arguments) => throw Errors.Failure(MessageOf(arguments, 0, "the contract failed"));

    public static JsValue Sha256(Frame frame, JsValue[] arguments)
    {
        string text = Arg.Text(arguments, 0, "sha256's text");
        frame.Meter.Charge(Gas.Sha256 + (2 * Gas.Text(text.Length)));
        return JsString.Create(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))));
    }

    /// <summary>False for anything that is not a valid signature, malformed keys and signatures included.</summary>
    public static JsValue VerifySignature(Frame frame, JsValue[] arguments) => VerifySignature(frame, arguments, Encoding.UTF8.GetBytes);

    /// <summary>As <see cref="VerifySignature(Frame, JsValue[])"/>, over bytes given as hexadecimal text; false when it is not.</summary>
    public static JsValue VerifySignatureHex(Frame frame, JsValue[] arguments) => VerifySignature(frame, arguments, Convert.FromHexString);

    private static JsBoolean VerifySignature(Frame frame, JsValue[] arguments, Func<string, byte[]> bytesOf)
    {
        string key = Arg.Text(arguments, 0, "the public key");
        string domain = Arg.Text(arguments, 1, "the domain");
        string text = Arg.Text(arguments, 2, "the signed text");
        string signature = Arg.Text(arguments, 3, "the signature");
        frame.Meter.Charge(Gas.VerifySignature + (2 * Gas.Text(text.Length)));
        if (domain.Length is 0 or > 64 || !Ascii.IsValid(domain)) throw Errors.Failure("a signature domain is 1 to 64 ASCII characters");
        return Verify(key, domain, text, signature, bytesOf) ? JsBoolean.True : JsBoolean.False;
    }

    /// <summary><c>isAccount(value)</c>: true for the text of an address.</summary>
    public static JsValue IsAccount(Frame frame, JsValue[] arguments)
    {
        frame.Meter.Charge(Gas.Sha256);
        // Only the canonical, lower-case form: two texts of one address would be two keys in state.
        bool valid = Arg.At(arguments, 0) is JsString { Length: < 128 } text
            && Address.TryParse(text.ToString(), out Address address) && !address.IsNone && address.ToString() == text.ToString();
        return valid ? JsBoolean.True : JsBoolean.False;
    }

    /// <summary><c>isHex(value, digits)</c>: true for text of exactly that many lower-case hexadecimal digits.</summary>
    public static JsValue IsHex(Frame frame, JsValue[] arguments)
    {
        int digits = Arg.Int(arguments, 1, 0);
        if (Arg.At(arguments, 0) is not JsString { Length: > 0 } value || value.Length != digits) return JsBoolean.False;
        frame.Meter.Charge(1 + Gas.Text(digits));
        foreach (char c in value.ToString())
        {
            if (!char.IsAsciiHexDigitLower(c)) return JsBoolean.False;
        }
        return JsBoolean.True;
    }

    /// <summary><c>accountOf("1:hex")</c>: the address text of a signing key.</summary>
    public static JsValue AccountOf(Frame frame, JsValue[] arguments)
    {
        PublicKey key = Key(frame, arguments);
        return key.Suite == SuiteId.Ed25519 ? JsString.Create(key.Address.ToString()) : throw Errors.Failure("not a signing key");
    }

    /// <summary><c>keyIdOf("2:hex")</c>: the key id of a sealing key, hexadecimal.</summary>
    public static JsValue KeyIdOf(Frame frame, JsValue[] arguments)
    {
        PublicKey key = Key(frame, arguments);
        return key.Suite == SuiteId.HpkeX25519 ? JsString.Create(KeyId.Of(key).ToString()) : throw Errors.Failure("not a sealing key");
    }

    private static PublicKey Key(Frame frame, JsValue[] arguments)
    {
        string text = Arg.Text(arguments, 0, "a public key");
        frame.Meter.Charge(Gas.Sha256);
        if (text.Length > 128) throw Errors.Failure("a public key is written suite:hex");
        try
        {
            PublicKey key = PublicKey.Parse(text);
            return key.ToString() == text ? key : throw Errors.Failure("a public key is written suite:hex in lower case");
        }
        catch (FormatException e) { throw Errors.Failure(e.Message); }
    }

    private static bool Verify(string key, string domain, string text, string signature, Func<string, byte[]> bytesOf)
    {
        const int KeyText = 2 + (2 * 32), SignatureText = 2 * 64;
        if (key.Length != KeyText || signature.Length != SignatureText) return false;
        try
        {
            var made = new Signature(SuiteId.Ed25519, Convert.FromHexString(signature));
            return Signing.Verify(PublicKey.Parse(key), domain, bytesOf(text), made);
        }
        catch (FormatException) { return false; }
    }

    private static string MessageOf(JsValue[] arguments, int index, string otherwise)
    {
        JsValue message = Arg.At(arguments, index);
        return message.IsUndefined() ? otherwise : Operators.Text(message);
    }

    private static string StateKey(JsValue[] arguments)
    {
        string key = Arg.Text(arguments, 0, "a state key");
        if (key.Length is 0 or > VmLimits.MaxKey) throw Errors.Failure($"a state key has 1 to {VmLimits.MaxKey} characters");
        foreach (char c in key)
        {
            if (c is < ' ' or > '~') throw Errors.Failure("a state key is printable ASCII");
        }
        return key;
    }

    private static void Writable(Frame frame)
    {
        if (frame.ReadOnly) throw Errors.Failure("read-only call");
    }
}
