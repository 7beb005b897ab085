using Jint;
using Jint.Native;

namespace Ptoy.Vm.Realm;

/// <summary>The methods of arrays that call a function for each element. They go over the elements as they were at the start.</summary>
internal static class ArrayCallbacks
{
    public static JsValue Invoke(Frame frame, JsArray self, string method, ReadOnlySpan<JsValue> arguments)
    {
        if (method is not ("map" or "filter" or "forEach" or "find" or "findIndex" or "findLast" or "findLastIndex" or "some" or "every" or "flatMap"))
        {
            throw Errors.Failure($"an array has no method '{method}'");
        }
        JsValue function = Arg.Function(arguments, 0, method);
        JsValue[] elements = self.ToArray();
        var made = new List<JsValue>();
        bool backwards = method is "findLast" or "findLastIndex";
        for (int n = 0; n < elements.Length; n++)
        {
            int i = backwards ? elements.Length - 1 - n : n;
            JsValue answer = frame.Call(function, JsValue.Undefined, [elements[i], JsNumber.Create(i), self]);
            switch (method)
            {
                case "map" or "flatMap": made.Add(answer); break;
                case "filter" when Operators.IsTrue(answer): made.Add(elements[i]); break;
                case "find" or "findLast" when Operators.IsTrue(answer): return elements[i];
                case "findIndex" or "findLastIndex" when Operators.IsTrue(answer): return JsNumber.Create(i);
                case "some" when Operators.IsTrue(answer): return JsBoolean.True;
                case "every" when !Operators.IsTrue(answer): return JsBoolean.False;
            }
        }
        return method switch
        {
            "map" or "filter" => ArrayMethods.Make(frame, made),
            "flatMap" => ArrayMethods.Concat(frame, [], made.ToArray()),
            "findIndex" or "findLastIndex" => JsNumber.Create(-1),
            "some" => JsBoolean.False,
            "every" => JsBoolean.True,
            _ => JsValue.Undefined,
        };
    }
}
