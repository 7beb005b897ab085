using System.Text;
using Acornima.Ast;

namespace Ptoy.Vm.Compile;

internal sealed partial class Rewriter
{
    // "(parameters){body}" of a function or method. Entry charges and counts the call depth, every way out counts it down;
    // an error leaves it to the catch, which knows its own function's depth. Defaults and patterns of parameters move into
    // the body, behind the entry: in the parameter list they could recurse before anything is charged.
    private string Function(IFunction function)
    {
        _cost += Gas.Allocate;
        (int cost, bool catches) outer = (_cost, _catches);
        (_cost, _catches) = (Gas.Enter, false);
        string parameters = Parameters(function, out string prologue);
        var body = (FunctionBody)function.Body;
        var text = new StringBuilder();
        foreach (Statement statement in body.Body) text.Append(Statement(statement));
        if (body.Body.Count == 0 || body.Body[body.Body.Count - 1] is not ReturnStatement) text.Append($"{Helper("$r")}();");
        string enter = $"{(_catches ? "const $d=" : "")}{Helper("$e")}({Text(_cost)});";
        (_cost, _catches) = outer;
        return $"({parameters}){{{enter}{prologue}{text}}}";
    }

    private string Arrow(ArrowFunctionExpression arrow)
    {
        if (arrow.Body is FunctionBody) return ArrowBlock(arrow);
        _cost += Gas.Allocate;
        (int cost, bool catches) outer = (_cost, _catches);
        (_cost, _catches) = (Gas.Enter, false);
        string parameters = Parameters(arrow, out string prologue);
        string value = Expression((Expression)arrow.Body);
        string enter = $"{Helper("$e")}({Text(_cost)})";
        string leave = Helper("$r");
        (_cost, _catches) = outer;
        return prologue.Length == 0
            ? $"({parameters})=>({enter},{leave}({value}))"
            : $"({parameters})=>{{{enter};{prologue}return {leave}({value});}}";
    }

    private string ArrowBlock(ArrowFunctionExpression arrow)
    {
        string text = Function(arrow);
        int close = ParametersEnd(text);
        return $"{text[..close]}=>{text[close..]}";
    }

    // Parameters are plain names by now, so the first ")" ends them.
    private static int ParametersEnd(string text) => text.IndexOf(')', StringComparison.Ordinal) + 1;

    private string Parameters(IFunction function, out string prologue)
    {
        var names = new List<string>();
        var moved = new StringBuilder();
        foreach (Node parameter in function.Params)
        {
            _cost += Gas.Node;
            switch (parameter)
            {
                case Identifier name: names.Add(name.Name); break;
                case RestElement { Argument: Identifier rest }: names.Add("..." + rest.Name); break;
                default:
                    string received = Temporary();
                    names.Add(received);
                    moved.Append(Received(parameter, received));
                    break;
            }
        }
        prologue = moved.ToString();
        return string.Join(',', names);
    }

    private string Received(Node parameter, string received)
    {
        Node target = parameter;
        string value = received;
        if (parameter is AssignmentPattern pattern)
        {
            target = pattern.Left;
            value = $"({received}===(void 0)?{Expression(pattern.Right)}:{received})";
        }
        return $"let {Pattern(target)}={Source(target, value)};";
    }
}
