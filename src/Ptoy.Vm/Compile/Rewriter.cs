using System.Globalization;
using System.Text;
using Acornima.Ast;

namespace Ptoy.Vm.Compile;

/// <summary>A program after rewriting: its text, the host helpers it takes as parameters in this order, and what making its class charges.</summary>
internal sealed record Rewritten(string Text, IReadOnlyList<string> Helpers, int Cost);

/// <summary>
/// Writes a verified program anew, metered: every function and loop body begins with a charge for its nodes, and every
/// operation whose cost depends on its operands, or which could reach a built-in of the realm, becomes a call of a host
/// helper. The result is one function expression whose parameters are the helpers; it names no global.
/// </summary>
internal sealed partial class Rewriter
{
    private readonly SortedSet<string> _helpers = new(StringComparer.Ordinal);
    private int _cost;
    private int _temporaries;
    private bool _catches;
    private HashSet<string>? _methods;

    /// <summary>Rewrites a source that <see cref="Verifier"/> accepted, with only these instance methods unless null.</summary>
    public static Rewritten Rewrite(Script script, string className, HashSet<string>? methods)
    {
        var rewriter = new Rewriter { _methods = methods };
        var body = new StringBuilder();
        foreach (Statement statement in script.Body) body.Append(rewriter.Statement(statement));
        string charge = rewriter.Charge(rewriter._cost);
        string parameters = string.Join(',', rewriter._helpers);
        string text = $"(function({parameters}){{\"use strict\";{charge}{body}return {className};}})";
        return new Rewritten(text, [.. rewriter._helpers], rewriter._cost);
    }

    private string Helper(string name)
    {
        _helpers.Add(name);
        return name;
    }

    private string Charge(int cost) => $"{Helper("$g")}({Text(cost)});";

    private string Temporary() => $"$t{Text(++_temporaries)}";

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    // A JavaScript string literal in ASCII.
    private static string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        foreach (char c in text)
        {
            if (c is '"' or '\\') quoted.Append('\\').Append(c);
            else if (c is >= ' ' and < (char)127) quoted.Append(c);
            else quoted.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
        }
        return quoted.Append('"').ToString();
    }

    private string Block(in NodeList<Statement> statements)
    {
        var text = new StringBuilder("{");
        foreach (Statement statement in statements) text.Append(Statement(statement));
        return text.Append('}').ToString();
    }

    private string Statement(Node node)
    {
        _cost += Gas.Node;
        switch (node)
        {
            case EmptyStatement or Directive: return ";";
            case ClassDeclaration declaration: return Class(declaration);
            case ExpressionStatement { Expression: ClassExpression expression }: return Class(expression);
            case ExpressionStatement statement: return $"({Expression(statement.Expression)});";
            case BlockStatement block: return Block(block.Body);
            case VariableDeclaration declaration: return Variables(declaration) + ";";
            case FunctionDeclaration function: return $"function {function.Id!.Name}{Function(function)}";
            case IfStatement branch:
                string alternate = branch.Alternate is null ? "" : $"else{{{Statement(branch.Alternate)}}}";
                return $"if({Expression(branch.Test)}){{{Statement(branch.Consequent)}}}{alternate}";
            case ForStatement loop: return For(loop);
            case ForOfStatement loop: return Each(loop.Left, $"{Helper("$iterate")}({Expression(loop.Right)})", loop.Body);
            case ForInStatement loop: return Each(loop.Left, $"{Helper("$keys")}({Expression(loop.Right)})", loop.Body);
            case WhileStatement loop:
                string test = Twice(loop.Test, out int cost);
                return $"while({test}){Body(loop.Body, cost)}";
            case DoWhileStatement loop:
                string condition = Twice(loop.Test, out int extra);
                return $"do{Body(loop.Body, extra)}while({condition});";
            case ReturnStatement { Argument: null }: return $"return {Helper("$r")}();";
            case ReturnStatement result: return $"return {Helper("$r")}({Expression(result.Argument!)});";
            case ThrowStatement thrown: return $"throw {Helper("$thrown")}({Expression(thrown.Argument)});";
            case TryStatement attempt: return Try(attempt);
            case SwitchStatement choice: return Switch(choice);
            case LabeledStatement labeled: return $"{labeled.Label.Name}:{Statement(labeled.Body)}";
            case BreakStatement stop: return stop.Label is null ? "break;" : $"break {stop.Label.Name};";
            case ContinueStatement next: return next.Label is null ? "continue;" : $"continue {next.Label.Name};";
            default: throw new InvalidOperationException($"the verifier let {node.TypeText} pass");
        }
    }

    // Loop headers run once more than the body: their nodes count both before the loop and in each round.
    private string Twice(Expression? header, out int cost)
    {
        int before = _cost;
        string text = header is null ? "" : Expression(header);
        cost = _cost - before;
        return text;
    }

    private string For(ForStatement loop)
    {
        string init = loop.Init switch
        {
            null => "",
            VariableDeclaration declaration => Variables(declaration),
            _ => Expression(loop.Init),
        };
        string test = Twice(loop.Test, out int testCost);
        string update = Twice(loop.Update, out int updateCost);
        return $"for({init};{test};{update}){Body(loop.Body, testCost + updateCost)}";
    }

    private string Body(Statement body, int headerCost, string prologue = "")
    {
        int outer = _cost;
        _cost = headerCost + Gas.Round;
        string text = Statement(body);
        string charge = Charge(_cost);
        _cost = outer;
        return $"{{{charge}{prologue}{text}}}";
    }

    private string Each(Node left, string source, Statement body)
    {
        var declaration = (VariableDeclaration)left;
        Node target = declaration.Declarations[0].Id;
        string kind = VariableDeclaration.GetVariableDeclarationKindToken(declaration.Kind);
        if (target is Identifier name) return $"for({kind} {name.Name} of {source}){Body(body, 1)}";
        string each = Temporary();
        string destructured = $"{kind} {Pattern(target)}={Source(target, each)};";
        return $"for(const {each} of {source}){Body(body, target.ChildNodes.Count() + 1, destructured)}";
    }

    private string Variables(VariableDeclaration declaration)
    {
        _cost += declaration.Declarations.Count * Gas.Node;
        string kind = VariableDeclaration.GetVariableDeclarationKindToken(declaration.Kind);
        IEnumerable<string> parts = declaration.Declarations.AsEnumerable().Select(declarator =>
        {
            string target = Pattern(declarator.Id);
            return declarator.Init is null ? target : $"{target}={Source(declarator.Id, Expression(declarator.Init))}";
        });
        return $"{kind} {string.Join(',', parts)}";
    }

    // What a pattern takes apart: an object pattern only plain objects, or it could pick up built-in methods.
    private string Source(Node target, string text) => target is ObjectPattern ? $"{Helper("$plain")}({text})" : text;

    private string Pattern(Node target)
    {
        _cost += Gas.Node;
        switch (target)
        {
            case Identifier name: return name.Name;
            case AssignmentPattern pattern: return $"{Pattern(pattern.Left)}={Expression(pattern.Right)}";
            case ArrayPattern array: return $"[{string.Join(',', array.Elements.AsEnumerable().Select(e => e is null ? "" : Pattern(e)))}]";
            case ObjectPattern pattern:
                return $"{{{string.Join(',', pattern.Properties.AsEnumerable().Cast<Property>().Select(p => $"{Key(p.Key)}:{Pattern(p.Value)}"))}}}";
            default: throw new InvalidOperationException($"the verifier let {target.TypeText} pass");
        }
    }

    private static string Key(Node key) => key switch
    {
        Identifier name => Quote(name.Name),
        StringLiteral text => Quote(text.Value),
        NumericLiteral number => Number(number),
        _ => throw new InvalidOperationException($"the verifier let {key.TypeText} pass as a key"),
    };

    private static string Number(NumericLiteral literal) =>
        double.IsPositiveInfinity(literal.Value) ? "(1/0)" : literal.Value.ToString("R", CultureInfo.InvariantCulture);

    private string Try(TryStatement attempt)
    {
        _catches = true;
        CatchClause handler = attempt.Handler!;
        string caught = $"{Helper("$caught")}($c,$d)";
        string bind = handler.Param is Identifier name ? $"let {name.Name}={caught};" : $"{caught};";
        return $"try{Block(attempt.Block.Body)}catch($c){{{bind}{Block(handler.Body.Body)}}}";
    }

    private string Switch(SwitchStatement choice)
    {
        var text = new StringBuilder($"switch({Expression(choice.Discriminant)}){{");
        foreach (SwitchCase option in choice.Cases)
        {
            _cost += Gas.Node;
            text.Append(option.Test is null ? "default:" : $"case {Expression(option.Test)}:");
            foreach (Statement statement in option.Consequent) text.Append(Statement(statement));
        }
        return text.Append('}').ToString();
    }

    private string Class(IClass declaration)
    {
        var text = new StringBuilder($"class {declaration.Id!.Name}{{");
        foreach (Node element in declaration.Body.Body)
        {
            var member = (ClassProperty)element;
            if (IsLeftOut(member)) continue;
            if (member.Static) text.Append("static ");
            text.Append(Key(member.Key));
            if (member is MethodDefinition method) text.Append(Function(method.Value));
            else if (member is PropertyDefinition { Value: not null } field) text.Append($"=({Charged(field.Value)});");
            else text.Append(';');
        }
        return text.Append('}').ToString();
    }

    private bool IsLeftOut(ClassProperty member) =>
        Reach.IsViews(member) || (member is MethodDefinition { Static: false } method && _methods?.Contains(Reach.NameOf(method)) == false);

    // A field's value is worked out apart from any function: it pays for itself.
    private string Charged(Expression value)
    {
        int outer = _cost;
        _cost = Gas.Node;
        string text = Expression(value);
        string charge = $"{Helper("$g")}({Text(_cost)})";
        _cost = outer;
        return $"{charge},{text}";
    }
}
