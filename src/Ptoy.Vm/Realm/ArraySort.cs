using Jint;
using Jint.Native;

namespace Ptoy.Vm.Realm;

/// <summary>
/// <c>sort</c>: a stable merge sort of our own, so that which pairs a comparator sees, and in what order, does not depend on
/// the runtime. A comparator that contradicts itself gives some order, in the usual number of steps.
/// </summary>
internal static class ArraySort
{
    public static void Sort(Frame frame, List<JsValue> elements, JsValue comparator)
    {
        if (!comparator.IsUndefined() && !comparator.IsCallable()) throw Errors.Failure("sort takes a function");
        JsValue[] source = [.. elements.Where(e => !e.IsUndefined())];
        int undefined = elements.Count - source.Length;
        JsValue[] target = new JsValue[source.Length];
        for (int width = 1; width < source.Length; width *= 2)
        {
            for (int start = 0; start < source.Length; start += 2 * width)
            {
                Merge(frame, source, target, start, Math.Min(start + width, source.Length), Math.Min(start + (2 * width), source.Length), comparator);
            }
            (source, target) = (target, source);
        }
        elements.Clear();
        elements.AddRange(source);
        elements.AddRange(Enumerable.Repeat(JsValue.Undefined, undefined));
    }

    private static void Merge(Frame frame, JsValue[] source, JsValue[] target, int start, int middle, int end, JsValue comparator)
    {
        int left = start, right = middle;
        for (int at = start; at < end; at++)
        {
            bool takeLeft = left < middle && (right >= end || Compare(frame, source[left], source[right], comparator) <= 0);
            target[at] = takeLeft ? source[left++] : source[right++];
        }
    }

    private static double Compare(Frame frame, JsValue left, JsValue right, JsValue comparator)
    {
        if (!comparator.IsUndefined())
        {
            double order = Operators.AsNumber(frame.Call(comparator, JsValue.Undefined, [left, right])).AsNumber();
            return double.IsNaN(order) ? 0 : order;
        }
        string first = Operators.Text(left), second = Operators.Text(right);
        frame.Meter.Charge(Gas.Entry + Gas.Text(Math.Min(first.Length, second.Length)));
        return string.CompareOrdinal(first, second);
    }
}
