using Jint;
using Jint.Native;

namespace Ptoy.Vm.Realm;

/// <summary>Gas and call depth as rewritten programs report them.</summary>
internal static class Metering
{
    public static JsValue Charge(Frame frame, JsValue[] arguments)
    {
        frame.Meter.Charge((long)arguments[0].AsNumber());
        return JsValue.Undefined;
    }

    /// <summary>A function begins; gives the depth at which it runs.</summary>
    public static JsValue Enter(Frame frame, JsValue[] arguments)
    {
        Meter meter = frame.Meter;
        meter.Charge((long)arguments[0].AsNumber());
        if (meter.Depth >= VmLimits.MaxCallDepth) throw Errors.Failure($"functions call each other deeper than {VmLimits.MaxCallDepth}");
        return JsNumber.Create(++meter.Depth);
    }

    /// <summary>A function returns this value.</summary>
    public static JsValue Leave(Frame frame, JsValue[] arguments)
    {
        frame.Meter.Depth--;
        return Arg.At(arguments, 0);
    }

    /// <summary>
    /// An error arrives in a catch of a function that runs at the depth given. The functions it came through did not report
    /// their end; each costs, as unwinding the interpreter is dear.
    /// </summary>
    public static JsValue Caught(Frame frame, JsValue[] arguments)
    {
        Meter meter = frame.Meter;
        int depth = (int)arguments[1].AsNumber();
        meter.Charge((long)Gas.Catch * (1 + Math.Max(0, meter.Depth - depth)));
        meter.Depth = depth;
        return frame.Caught(arguments[0]);
    }
}
