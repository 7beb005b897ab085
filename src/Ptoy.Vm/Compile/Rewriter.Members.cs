using Acornima;
using Acornima.Ast;

namespace Ptoy.Vm.Compile;

internal sealed partial class Rewriter
{
    // The name of a property known before it runs, or null.
    private static string? StaticName(MemberExpression member) => member switch
    {
        { Computed: false, Property: Identifier name } => name.Name,
        { Computed: true, Property: StringLiteral text } => text.Value,
        _ => null,
    };

    // True when native access cannot meet a built-in: no prototype of the realm has the name.
    private static bool IsNative(MemberExpression member) =>
        StaticName(member) is { } name && !Names.IsOnPrototypes(name) && name.Length > 0 && !char.IsAsciiDigit(name[0]) && name[0] != '-';

    private string PropertyKey(MemberExpression member)
    {
        _cost += Gas.Node;
        return StaticName(member) is { } name ? Quote(name) : Expression(member.Property);
    }

    private static Node Unwrap(Node node) => node is ParenthesizedExpression inner ? Unwrap(inner.Expression) : node;

    // A chain of property reads and calls, from its base outwards. An optional link gives the rest of the chain a name for
    // what it stands on, in an arrow function, so that the rest is left out when it is null or undefined.
    private string Chain(Expression outermost)
    {
        var links = new List<Expression>();
        Node at = outermost;
        while (at is MemberExpression or CallExpression)
        {
            links.Add((Expression)at);
            if (at is MemberExpression root && Namespace(root) is not null) break;
            at = at is MemberExpression member ? member.Object : ((CallExpression)at).Callee;
        }
        links.Reverse();
        string text = links[0] is MemberExpression first && Namespace(first) is { } resolved ? Resolved(resolved) : Expression(at);
        return Links(text, links, links[0] is MemberExpression head && Namespace(head) is not null ? 1 : 0, at is Identifier { Name: "ctx" });
    }

    private static string? Namespace(MemberExpression member) =>
        member.Object is Identifier { Name: var name } && Names.IsNamespace(name) && StaticName(member) is { } property
            ? Names.Members[$"{name}.{property}"]
            : null;

    private string Links(string text, List<Expression> links, int next, bool onContext)
    {
        for (int i = next; i < links.Count; i++)
        {
            _cost += Gas.Node;
            if (links[i] is CallExpression call)
            {
                text = $"{text}({Arguments(call.Arguments)})";
                continue;
            }
            var member = (MemberExpression)links[i];
            if (member.Optional)
            {
                string name = Temporary();
                string rest = Link(name, links, ref i, member, onContext: false);
                return $"(({name})=>({name}==null?(void 0):{Links(rest, links, i + 1, onContext: false)}))({text})";
            }
            text = Link(text, links, ref i, member, onContext && i == 0);
        }
        return text;
    }

    // One read, or a read and the call of what was read, which together are a method call.
    private string Link(string target, List<Expression> links, ref int i, MemberExpression member, bool onContext)
    {
        bool native = (onContext && StaticName(member) is { } name && Names.Context.Contains(name)) || IsNative(member);
        bool called = i + 1 < links.Count && links[i + 1] is CallExpression;
        string key = PropertyKey(member);
        if (native) return $"{target}[{key}]";
        if (!called) return $"{Helper("$get")}({target},{key})";
        var call = (CallExpression)links[++i];
        _cost += Gas.Node;
        string arguments = Arguments(call.Arguments);
        return $"{Helper("$invoke")}({target},{key}{(arguments.Length > 0 ? "," : "")}{arguments})";
    }

    private string Assignment(AssignmentExpression assignment)
    {
        _cost += Gas.Allocate;
        Node target = Unwrap(assignment.Left);
        if (target is Identifier name) return $"({name.Name}={AssignedName(assignment, name)})";
        var member = (MemberExpression)target;
        if (assignment.Operator == Operator.Assignment)
        {
            string held = Expression(member.Object), key = PropertyKey(member), value = Expression(assignment.Right);
            return IsNative(member) ? $"({held}[{key}]={value})" : $"{Helper("$set")}({held},{key},{value})";
        }
        return OnMember(member, (read, write) => LogicalAssignment(assignment.Operator) is { } logical
            ? $"{read}{logical}{write(Expression(assignment.Right))}"
            : write(Combined(assignment.Operator, read, assignment.Right)));
    }

    private string AssignedName(AssignmentExpression assignment, Identifier name)
    {
        if (assignment.Operator == Operator.Assignment) return Expression(assignment.Right);
        return LogicalAssignment(assignment.Operator) is { } logical
            ? $"({name.Name}{logical}{Expression(assignment.Right)})"
            : Combined(assignment.Operator, name.Name, assignment.Right);
    }

    private string Combined(Operator op, string read, Expression right) => $"{Helper(Arithmetic(op).Helper)}({read},{Expression(right)})";

    private static string? LogicalAssignment(Operator op) => op switch
    {
        Operator.NullishCoalescingAssignment => "??",
        Operator.LogicalAndAssignment => "&&",
        Operator.LogicalOrAssignment => "||",
        _ => null,
    };

    // Reads and writes one property with its object and key worked out once.
    private string OnMember(MemberExpression member, Func<string, Func<string, string>, string> use)
    {
        string held = Temporary(), key = Temporary();
        string inner = use(
            $"{Helper("$get")}({held},{key})",
            value => $"{Helper("$set")}({held},{key},{value})");
        return $"(({held},{key})=>({inner}))({Expression(member.Object)},{PropertyKey(member)})";
    }

    private string Update(UpdateExpression update)
    {
        _cost += Gas.Allocate;
        string sign = update.Operator == Operator.Increment ? "+" : "-";
        Node target = Unwrap(update.Argument);
        if (target is Identifier name) return $"({Helper("$number")}({name.Name}),{(update.Prefix ? sign + sign + name.Name : name.Name + sign + sign)})";
        // The value before is the value after less one step, which is exact for every integer below 2^53.
        string undo = update.Prefix ? "" : sign == "+" ? "-1" : "+1";
        return OnMember((MemberExpression)target, (read, write) => $"{write($"{Helper("$number")}({read}){sign}1")}{undo}");
    }
}
