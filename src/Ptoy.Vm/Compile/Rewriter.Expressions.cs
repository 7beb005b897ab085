using Acornima;
using Acornima.Ast;

namespace Ptoy.Vm.Compile;

internal sealed partial class Rewriter
{
    // Every result is safe to stand as an operand or argument: what could bind wrongly is in parentheses.
    private string Expression(Node node)
    {
        _cost += Gas.Node;
        switch (node)
        {
            case StringLiteral text: return Quote(text.Value);
            case NumericLiteral number: return Number(number);
            case BooleanLiteral flag: return flag.Value ? "true" : "false";
            case NullLiteral: return "null";
            case ThisExpression: return "this";
            case Identifier name: return Reference(name.Name);
            case TemplateLiteral template: return Template(template);
            case ArrayExpression array: return $"[{List(array.Elements.AsEnumerable().Select(e => (Node)e!), Gas.Allocate)}]";
            case ObjectExpression literal: return ObjectText(literal);
            case FunctionExpression function: return $"(function {function.Id?.Name}{Function(function)})";
            case ArrowFunctionExpression arrow: return $"({Arrow(arrow)})";
            case ParenthesizedExpression inner: return Expression(inner.Expression);
            case ConditionalExpression choice:
                return $"({Expression(choice.Test)}?{Expression(choice.Consequent)}:{Expression(choice.Alternate)})";
            case SequenceExpression sequence: return $"({string.Join(',', sequence.Expressions.AsEnumerable().Select(Expression))})";
            case LogicalExpression logical:
                return $"({Expression(logical.Left)}{LogicalOperator(logical.Operator)}{Expression(logical.Right)})";
            case BinaryExpression binary: return Binary(binary);
            case UpdateExpression update: return Update(update);
            case UnaryExpression unary: return Unary(unary);
            case AssignmentExpression assignment: return Assignment(assignment);
            case ChainExpression chain: return Chain(chain.Expression);
            case MemberExpression or CallExpression: return Chain((Expression)node);
            case NewExpression construction:
                string constructor = Names.Constructors[((Identifier)construction.Callee).Name];
                return $"{Helper(constructor)}({Arguments(construction.Arguments)})";
            default: throw new InvalidOperationException($"the verifier let {node.TypeText} pass");
        }
    }

    private string Reference(string name) => Names.Globals.TryGetValue(name, out string? text) ? Resolved(text) : name;

    // The context is another one for each call, while the helpers stay: it is reached through one of them.
    private string Resolved(string text) => text == "$ctx" ? $"{Helper(text)}[\"{Realm.Frame.ContextName}\"]" : text[0] == Names.Helper ? Helper(text) : text;

    private string Template(TemplateLiteral template)
    {
        var parts = new List<string>();
        for (int i = 0; i < template.Quasis.Count; i++)
        {
            string cooked = template.Quasis[i].Value.Cooked!;
            if (cooked.Length > 0 || template.Quasis.Count == 1) parts.Add(Quote(cooked));
            if (i < template.Expressions.Count) parts.Add(Expression(template.Expressions[i]));
        }
        return template.Expressions.Count == 0 ? parts[0] : $"{Helper("$template")}({string.Join(',', parts)})";
    }

    private string List(IEnumerable<Node> elements, int cost)
    {
        _cost += cost;
        return string.Join(',', elements.Select(element =>
        {
            _cost += Gas.Entry;
            return element is SpreadElement spread ? $"...{Helper("$spread")}({Expression(spread.Argument)})" : Expression(element);
        }));
    }

    private string Arguments(in NodeList<Expression> arguments) => List(arguments.AsEnumerable(), 0);

    private string ObjectText(ObjectExpression literal)
    {
        _cost += Gas.Allocate;
        IEnumerable<string> parts = literal.Properties.AsEnumerable().Select(element =>
        {
            _cost += Gas.Entry;
            if (element is SpreadElement spread) return $"...{Helper("$plain_or_null")}({Expression(spread.Argument)})";
            var property = (Property)element;
            string key = property.Computed ? $"[{Helper("$key")}({Expression(property.Key)})]" : Key(property.Key);
            return $"{key}:{Expression(property.Value)}";
        });
        return $"({{{string.Join(',', parts)}}})";
    }

    private static string LogicalOperator(Operator op) => op switch
    {
        Operator.LogicalAnd => "&&",
        Operator.LogicalOr => "||",
        Operator.NullishCoalescing => "??",
        _ => throw new InvalidOperationException($"the verifier let {op} pass"),
    };

    // Helper and native text of the operators on numbers.
    private static (string Helper, string Native) Arithmetic(Operator op) => op switch
    {
        Operator.Addition or Operator.AdditionAssignment => ("$add", "+"),
        Operator.Subtraction or Operator.SubtractionAssignment => ("$sub", "-"),
        Operator.Multiplication or Operator.MultiplicationAssignment => ("$mul", "*"),
        Operator.Division or Operator.DivisionAssignment => ("$div", "/"),
        Operator.Remainder or Operator.RemainderAssignment => ("$mod", "%"),
        Operator.BitwiseAnd or Operator.BitwiseAndAssignment => ("$and", "&"),
        Operator.BitwiseOr or Operator.BitwiseOrAssignment => ("$or", "|"),
        Operator.BitwiseXor or Operator.BitwiseXorAssignment => ("$xor", "^"),
        Operator.LeftShift or Operator.LeftShiftAssignment => ("$shl", "<<"),
        Operator.RightShift or Operator.RightShiftAssignment => ("$shr", ">>"),
        Operator.UnsignedRightShift or Operator.UnsignedRightShiftAssignment => ("$ushr", ">>>"),
        Operator.LessThan => ("$lt", "<"),
        Operator.LessThanOrEqual => ("$le", "<="),
        Operator.GreaterThan => ("$gt", ">"),
        Operator.GreaterThanOrEqual => ("$ge", ">="),
        _ => throw new InvalidOperationException($"the verifier let {op} pass"),
    };

    private string Binary(BinaryExpression binary)
    {
        string left = Expression(binary.Left), right = Expression(binary.Right);
        switch (binary.Operator)
        {
            case Operator.Equality: return $"({left}=={right})";
            case Operator.Inequality: return $"({left}!={right})";
            case Operator.StrictEquality or Operator.StrictInequality:
                bool equal = binary.Operator == Operator.StrictEquality;
                if (IsCheapToCompare(binary.Left) || IsCheapToCompare(binary.Right)) return $"({left}{(equal ? "===" : "!==")}{right})";
                return $"{(equal ? "" : "!")}{Helper("$eq")}({left},{right})";
            case Operator.In: return $"{Helper("$in")}({left},{right})";
        }
        (string helper, string native) = Arithmetic(binary.Operator);
        return IsNumber(binary.Left) && IsNumber(binary.Right) ? $"({left}{native}{right})" : $"{Helper(helper)}({left},{right})";
    }

    // One side bounds the comparison: two long equal texts cost as much as they are long.
    private static bool IsCheapToCompare(Node node) =>
        node is Literal or Identifier { Name: "undefined" } or UnaryExpression { Operator: Operator.TypeOf } || IsNumber(node);

    // Known to be a number before it runs: native operators on it convert nothing.
    private static bool IsNumber(Node node) => node switch
    {
        NumericLiteral => true,
        ParenthesizedExpression inner => IsNumber(inner.Expression),
        UpdateExpression => true,
        UnaryExpression unary => unary.Operator is Operator.UnaryNegation or Operator.UnaryPlus or Operator.BitwiseNot,
        LogicalExpression => false,
        BinaryExpression binary => binary.Operator is Operator.Subtraction or Operator.Multiplication or Operator.Division or Operator.Remainder
            or Operator.BitwiseAnd or Operator.BitwiseOr or Operator.BitwiseXor or Operator.LeftShift or Operator.RightShift
            or Operator.UnsignedRightShift
            || (binary.Operator == Operator.Addition && IsNumber(binary.Left) && IsNumber(binary.Right)),
        _ => false,
    };

    private string Numeric(Node node) => IsNumber(node) ? Expression(node) : $"{Helper("$number")}({Expression(node)})";

    private string Unary(UnaryExpression unary) => unary.Operator switch
    {
        Operator.LogicalNot => $"(!{Expression(unary.Argument)})",
        Operator.TypeOf => $"(typeof {Expression(unary.Argument)})",
        Operator.UnaryNegation => $"(- {Numeric(unary.Argument)})",
        Operator.UnaryPlus => Numeric(unary.Argument),
        Operator.BitwiseNot => $"(~{Numeric(unary.Argument)})",
        Operator.Delete => Delete((MemberExpression)unary.Argument),
        _ => throw new InvalidOperationException($"the verifier let {unary.Operator} pass"),
    };

    private string Delete(MemberExpression member) => $"{Helper("$delete")}({Expression(member.Object)},{PropertyKey(member)})";
}
