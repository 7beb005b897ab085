using Acornima;
using Acornima.Ast;

namespace Ptoy.Vm.Compile;

internal sealed partial class Verifier
{
    private void Expression(Node node)
    {
        switch (node)
        {
            case RegExpLiteral or BigIntLiteral: throw No(node, Describe(node));
            case StringLiteral or NumericLiteral or BooleanLiteral or NullLiteral or ThisExpression: break;
            case Identifier name: Reference(name); break;
            case TemplateLiteral template:
                foreach (TemplateElement part in template.Quasis)
                {
                    if (part.Value.Cooked is null) throw No(part, "a template with an invalid escape is not allowed");
                }
                foreach (Expression part in template.Expressions) Expression(part);
                break;
            case ArrayExpression array: Elements(array); break;
            case ObjectExpression literal: Properties(literal); break;
            case FunctionExpression function: Function(function, function.Body); break;
            case ArrowFunctionExpression arrow: Function(arrow, arrow.Body); break;
            case ParenthesizedExpression inner: Expression(inner.Expression); break;
            case ConditionalExpression choice: Expression(choice.Test); Expression(choice.Consequent); Expression(choice.Alternate); break;
            case SequenceExpression sequence:
                foreach (Expression part in sequence.Expressions) Expression(part);
                break;
            case LogicalExpression logical: Expression(logical.Left); Expression(logical.Right); break;
            case BinaryExpression binary: Binary(binary); break;
            case UpdateExpression update: Assignable(update.Argument); break;
            case UnaryExpression unary: Unary(unary); break;
            case AssignmentExpression assignment: Assignment(assignment); break;
            case ChainExpression chain: Expression(chain.Expression); break;
            case MemberExpression member: Member(member); break;
            case CallExpression call: Call(call); break;
            case NewExpression construction: New(construction); break;
            default: throw No(node, Describe(node));
        }
    }

    private void Elements(ArrayExpression array)
    {
        foreach (Expression? element in array.Elements)
        {
            if (element is null) throw No(array, "a hole in an array is not allowed");
            Expression(element is SpreadElement spread ? spread.Argument : element);
        }
    }

    private void Properties(ObjectExpression literal)
    {
        foreach (Node element in literal.Properties)
        {
            if (element is SpreadElement spread)
            {
                Expression(spread.Argument);
                continue;
            }
            if (element is not Property property) throw No(element, Describe(element));
            if (property.Kind is PropertyKind.Get or PropertyKind.Set) throw No(property, "getters and setters are not allowed");
            if (property.Computed) Expression(property.Key);
            else
            {
                string name = LiteralKey(property.Key) ?? throw No(property, Describe(property.Key));
                if (Names.IsForbiddenMember(name)) throw No(property, $"the property name '{name}' is reserved");
            }
            Expression(property.Value);
        }
    }

    private void Binary(BinaryExpression binary)
    {
        switch (binary.Operator)
        {
            case Operator.Exponentiation: throw No(binary, "'**' is not allowed");
            case Operator.InstanceOf: throw No(binary, "'instanceof' is not allowed");
            case Operator.Equality or Operator.Inequality when binary.Left is not NullLiteral && binary.Right is not NullLiteral:
                throw No(binary, "'==' and '!=' are only for null: use '===' or '!=='");
        }
        if (binary.Left is PrivateIdentifier) throw No(binary, Describe(binary.Left));
        Expression(binary.Left);
        Expression(binary.Right);
    }

    private void Unary(UnaryExpression unary)
    {
        switch (unary.Operator)
        {
            case Operator.Void: throw No(unary, "'void' is not allowed");
            case Operator.Delete when unary.Argument is not MemberExpression: throw No(unary, "'delete' needs a property");
            case Operator.Delete when Root((MemberExpression)unary.Argument) is not null: throw No(unary, "a built-in cannot be deleted");
        }
        Expression(unary.Argument);
    }

    private void Assignment(AssignmentExpression assignment)
    {
        if (assignment.Operator == Operator.ExponentiationAssignment) throw No(assignment, "'**=' is not allowed");
        if (assignment.Left is ArrayPattern or ObjectPattern) throw No(assignment, "destructuring is only allowed in declarations");
        Assignable(assignment.Left);
        Expression(assignment.Right);
    }

    private void Assignable(Node target)
    {
        switch (target)
        {
            case Identifier name:
                Reference(name);
                if (Names.IsReserved(name.Name)) throw No(name, $"'{name.Name}' cannot be assigned");
                break;
            case MemberExpression member:
                if (Root(member) is { } root) throw No(member, $"'{root}' cannot be changed");
                Member(member);
                break;
            case ParenthesizedExpression inner: Assignable(inner.Expression); break;
            default: throw No(target, "this cannot be assigned");
        }
    }

    /// <summary>The namespace a member belongs to (<c>Math</c> in <c>Math.floor</c>), or null.</summary>
    private static string? Root(MemberExpression member) =>
        member.Object is Identifier { Name: var name } && Names.IsNamespace(name) ? name : null;

    private void Member(MemberExpression member)
    {
        if (Root(member) is { } root)
        {
            string? name = member.Computed ? null : LiteralKey(member.Property);
            if (name is null || member.Optional || !Names.Members.ContainsKey($"{root}.{name}"))
            {
                throw No(member, $"'{root}{(name is null ? "[…]" : "." + name)}' is not available to contracts");
            }
            return;
        }
        if (member.Object is Super) throw No(member, Describe(member.Object));
        Expression(member.Object);
        if (member.Property is PrivateIdentifier) throw No(member, Describe(member.Property));
        string? property = member.Computed && member.Property is not StringLiteral ? null : LiteralKey(member.Property);
        if (property is not null && Names.IsForbiddenMember(property)) throw No(member, $"the property '{property}' is not available to contracts");
        if (member.Computed) Expression(member.Property);
    }

    private void Call(CallExpression call)
    {
        if (call.Optional) throw No(call, "an optional call (?.()) is not allowed");
        if (call.Callee is Super) throw No(call, Describe(call.Callee));
        if (call.Callee is MemberExpression { Computed: false, Property: Identifier { Name: "call" } } member)
        {
            throw No(member, "the property 'call' is not available to contracts");
        }
        Expression(call.Callee);
        Arguments(call.Arguments);
    }

    private void Arguments(in NodeList<Expression> arguments)
    {
        foreach (Expression argument in arguments) Expression(argument is SpreadElement spread ? spread.Argument : argument);
    }

    private void New(NewExpression construction)
    {
        if (construction.Callee is not Identifier { Name: var name } || !Names.Constructors.ContainsKey(name))
        {
            throw No(construction, $"'new' is only for {string.Join(", ", Names.Constructors.Keys.Order(StringComparer.Ordinal))}");
        }
        Arguments(construction.Arguments);
    }
}
