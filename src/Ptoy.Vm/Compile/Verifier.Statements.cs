using Acornima.Ast;

namespace Ptoy.Vm.Compile;

internal sealed partial class Verifier
{
    private void Statement(Node node)
    {
        switch (node)
        {
            case EmptyStatement or Directive: break;
            case ClassDeclaration declaration when IsContract(declaration): Class(declaration.SuperClass, declaration.Body, declaration.Decorators.Count); break;
            case ExpressionStatement { Expression: ClassExpression expression } when IsContract(expression):
                Class(expression.SuperClass, expression.Body, expression.Decorators.Count);
                break;
            case ExpressionStatement statement: Expression(statement.Expression); break;
            case StaticBlock: throw No(node, Describe(node));
            case BlockStatement block: Statements(block.Body); break;
            case VariableDeclaration declaration: Variables(declaration); break;
            case FunctionDeclaration function: Function(function, function.Body); break;
            case IfStatement branch:
                Expression(branch.Test);
                Statement(branch.Consequent);
                if (branch.Alternate is not null) Statement(branch.Alternate);
                break;
            case ForStatement loop:
                if (loop.Init is VariableDeclaration init) Variables(init);
                else if (loop.Init is Expression expression) Expression(expression);
                if (loop.Test is not null) Expression(loop.Test);
                if (loop.Update is not null) Expression(loop.Update);
                Statement(loop.Body);
                break;
            case ForOfStatement loop:
                if (loop.Await) throw No(loop, "'for await' is not allowed");
                LoopVariable(loop.Left);
                Expression(loop.Right);
                Statement(loop.Body);
                break;
            case ForInStatement loop:
                LoopVariable(loop.Left);
                Expression(loop.Right);
                Statement(loop.Body);
                break;
            case WhileStatement loop: Expression(loop.Test); Statement(loop.Body); break;
            case DoWhileStatement loop: Statement(loop.Body); Expression(loop.Test); break;
            case ReturnStatement { Argument: var argument }:
                if (argument is not null) Expression(argument);
                break;
            case ThrowStatement thrown: Expression(thrown.Argument); break;
            case TryStatement attempt: Try(attempt); break;
            case SwitchStatement choice: Switch(choice); break;
            case LabeledStatement { Body: FunctionDeclaration }: throw No(node, "a label on a function is not allowed");
            case LabeledStatement labeled: NotPrivileged(labeled.Label); Statement(labeled.Body); break;
            case BreakStatement or ContinueStatement: break;
            default: throw No(node, Describe(node));
        }
    }

    private bool IsContract(IClass declaration) => declaration.Id?.Name == _contract;

    private void Statements(in NodeList<Statement> statements)
    {
        foreach (Statement statement in statements) Statement(statement);
    }

    private void NotPrivileged(Identifier name)
    {
        if (Names.IsPrivileged(name.Name)) throw No(name, $"the name '{name.Name}' is reserved ('$…' and '__…' are the VM's)");
    }

    private void Variables(VariableDeclaration declaration)
    {
        if (declaration.Kind is not (VariableDeclarationKind.Const or VariableDeclarationKind.Let))
        {
            throw No(declaration, $"'{VariableDeclaration.GetVariableDeclarationKindToken(declaration.Kind)}' is not allowed: use 'let' or 'const'");
        }
        foreach (VariableDeclarator declarator in declaration.Declarations)
        {
            Target(declarator.Id);
            if (declarator.Init is not null) Expression(declarator.Init);
        }
    }

    private void LoopVariable(Node left)
    {
        if (left is not VariableDeclaration declaration) throw No(left, "the loop variable must be declared in the loop: for (const x of …)");
        Variables(declaration);
    }

    private void Try(TryStatement attempt)
    {
        // A finally block could replace the outcome of a charge, and no contract needs one: a failed call undoes its writes.
        if (attempt.Finalizer is not null) throw No(attempt.Finalizer, "'finally' is not allowed");
        if (attempt.Handler is not { } handler) throw No(attempt, "'try' needs a 'catch'");
        Statement(attempt.Block);
        if (handler.Param is not (null or Identifier)) throw No(handler, "destructuring a caught error is not allowed");
        Statement(handler.Body);
    }

    private void Switch(SwitchStatement choice)
    {
        Expression(choice.Discriminant);
        foreach (SwitchCase option in choice.Cases)
        {
            if (option.Test is not (null or StringLiteral or NumericLiteral or BooleanLiteral or NullLiteral))
            {
                throw No(option, "a case must be a literal");
            }
            Statements(option.Consequent);
        }
    }

    // A name, a default, or one level of destructuring.
    private void Target(Node target, bool nested = false)
    {
        switch (target)
        {
            case Identifier: break;
            case AssignmentPattern pattern: Target(pattern.Left, nested); Expression(pattern.Right); break;
            case ArrayPattern or ObjectPattern when nested: throw No(target, "destructuring inside destructuring is not allowed");
            case ArrayPattern array:
                foreach (Node? element in array.Elements)
                {
                    if (element is RestElement) throw No(element, "'...' in destructuring is not allowed: use slice");
                    if (element is not null) Target(element, nested: true);
                }
                break;
            case ObjectPattern pattern:
                foreach (Node element in pattern.Properties)
                {
                    if (element is not Property property) throw No(element, "'...' in destructuring is not allowed");
                    if (property.Computed) throw No(property, "a computed name in destructuring is not allowed");
                    PatternKey(property.Key);
                    Target(property.Value, nested: true);
                }
                break;
            default: throw No(target, Describe(target));
        }
    }

    private void PatternKey(Node key)
    {
        string name = LiteralKey(key) ?? throw No(key, Describe(key));
        if (Names.IsForbiddenMember(name) || Names.IsOnObjects(name)) throw No(key, $"the built-in property '{name}' cannot be destructured");
    }

    private static string? LiteralKey(Node key) => key switch
    {
        Identifier name => name.Name,
        StringLiteral text => text.Value,
        NumericLiteral number => number.Raw,
        _ => null,
    };

    private void Function(IFunction function, Node body)
    {
        var node = (Node)function;
        if (function.Async) throw No(node, "an async function is not allowed");
        if (function.Generator) throw No(node, "a generator is not allowed");
        foreach (Node parameter in function.Params)
        {
            if (parameter is RestElement { Argument: Identifier }) continue;
            if (parameter is RestElement) throw No(parameter, "destructuring a rest parameter is not allowed");
            Target(parameter);
        }
        if (body is Expression expression) Expression(expression);
        else Statement(body);
    }

    private void Class(Expression? superClass, ClassBody body, int decorators)
    {
        if (superClass is not null) throw No(superClass, "'extends' is not allowed");
        if (decorators > 0) throw No(body, "a decorator is not allowed");
        foreach (Node element in body.Body)
        {
            if (element is not (MethodDefinition or PropertyDefinition)) throw No(element, Describe(element));
            var member = (ClassProperty)element;
            if (member.Computed) throw No(member, "a computed name in a class is not allowed");
            if (member.Key is PrivateIdentifier) throw No(member, Describe(member.Key));
            string name = LiteralKey(member.Key) ?? throw No(member, Describe(member.Key));
            if (name == "constructor") throw No(member, "a constructor is not allowed: instances are made anew for each call");
            if (Names.IsForbiddenMember(name) || Names.IsOnObjects(name)) throw No(member, $"the name '{name}' is reserved");
            if (member is MethodDefinition method)
            {
                if (method.Decorators.Count > 0) throw No(member, "a decorator is not allowed");
                if (method.Kind != PropertyKind.Method) throw No(member, "getters and setters are not allowed");
                Function(method.Value, method.Value.Body);
            }
            else Field((PropertyDefinition)member, name);
        }
    }

    private void Field(PropertyDefinition field, string name)
    {
        if (field.Decorators.Count > 0) throw No(field, "a decorator is not allowed");
        if (field.Static && name is "name" or "length") throw No(field, $"the name '{name}' is reserved");
        if (field.Static && name == "views") Views(field);
        if (field.Value is not null) Expression(field.Value);
    }

    private void Views(PropertyDefinition field)
    {
        if (field.Value is ArrayExpression list && list.Elements.All(element => element is StringLiteral)) return;
        throw No(field, "'static views' must be an array of string literals");
    }
}
