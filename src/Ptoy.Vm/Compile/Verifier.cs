using Acornima.Ast;

namespace Ptoy.Vm.Compile;

/// <summary>
/// Accepts a parsed source only when every syntax node is on the allow-list and every name is known. What the rewriter
/// relies on is established here: one class without inheritance, one level of destructuring, no accessors, no <c>finally</c>,
/// no name that reaches an object of the realm.
/// </summary>
internal sealed partial class Verifier
{
    private readonly string _contract;
    private readonly HashSet<string> _declared = new(StringComparer.Ordinal);
    private int _nodes;

    private Verifier(string contract) => _contract = contract;

    /// <summary>The contract's class. Throws <see cref="ContractRejectedException"/>.</summary>
    public static IClass Check(string contract, Script script)
    {
        var verifier = new Verifier(contract);
        verifier.Count(script, 1);
        IClass found = verifier.Top(script);
        verifier.Declare(script);
        foreach (Statement statement in script.Body) verifier.Statement(statement);
        return found;
    }

    private ContractRejectedException No(Node at, string reason) => new(_contract, at.Location.Start.Line, reason);

    private void Count(Node node, int depth)
    {
        if (++_nodes > VmLimits.MaxNodes) throw new ContractRejectedException(_contract, 0, $"the source has more than {VmLimits.MaxNodes} syntax nodes");
        if (depth > VmLimits.MaxSyntaxDepth) throw No(node, $"nested deeper than {VmLimits.MaxSyntaxDepth} levels");
        foreach (Node child in node.ChildNodes) Count(child, depth + 1);
    }

    private IClass Top(Script script)
    {
        IClass? found = null;
        foreach (Statement statement in script.Body)
        {
            IClass? here = statement switch
            {
                ClassDeclaration declaration => declaration,
                ExpressionStatement { Expression: ClassExpression expression } => expression,
                _ => null,
            };
            if (here is null)
            {
                if (statement is Directive or FunctionDeclaration or VariableDeclaration { Kind: VariableDeclarationKind.Const }) continue;
                throw No(statement, "only one class, constants and functions may stand at the top of a contract");
            }
            if (found is not null) throw No(statement, "a contract is one class; this is a second");
            found = here;
        }
        if (found is null) throw new ContractRejectedException(_contract, 0, "the source has no class");
        return found.Id?.Name == _contract
            ? found
            : throw new ContractRejectedException(_contract, 0, $"the class must be named {_contract}, not {found.Id?.Name ?? "(nothing)"}");
    }

    // Names bound anywhere in the source. None of them is a global of the realm, so a name used outside the scope of its
    // binding finds nothing when it runs: scopes need not be followed.
    private void Declare(Node node)
    {
        switch (node)
        {
            case VariableDeclarator declarator: Bind(declarator.Id); break;
            case FunctionDeclaration function: Bind(function.Id!); BindAll(function.Params); break;
            case FunctionExpression function:
                if (function.Id is not null) Bind(function.Id);
                BindAll(function.Params);
                break;
            case ArrowFunctionExpression arrow: BindAll(arrow.Params); break;
            case CatchClause { Param: not null } handler: Bind(handler.Param); break;
            case IClass { Id: not null } declaration: Bind(declaration.Id); break;
        }
        foreach (Node child in node.ChildNodes) Declare(child);
    }

    private void BindAll(in NodeList<Node> parameters)
    {
        foreach (Node parameter in parameters) Bind(parameter);
    }

    private void Bind(Node target)
    {
        switch (target)
        {
            case Identifier name:
                if (Names.IsPrivileged(name.Name)) throw No(name, $"the name '{name.Name}' is reserved ('$…' and '__…' are the VM's)");
                if (Names.IsReserved(name.Name)) throw No(name, $"'{name.Name}' is a built-in name and cannot be declared");
                _declared.Add(name.Name);
                break;
            case AssignmentPattern pattern: Bind(pattern.Left); break;
            case RestElement rest: Bind(rest.Argument); break;
            case ArrayPattern array:
                foreach (Node? element in array.Elements)
                {
                    if (element is not null) Bind(element);
                }
                break;
            case ObjectPattern pattern:
                foreach (Node property in pattern.Properties)
                {
                    if (property is Property { Value: var value }) Bind(value);
                    else if (property is RestElement rest) Bind(rest.Argument);
                }
                break;
        }
    }

    private void Reference(Identifier name)
    {
        if (name.Name is "eval" or "arguments") throw No(name, $"'{name.Name}' is not available to contracts");
        if (Names.IsPrivileged(name.Name)) throw No(name, $"the name '{name.Name}' is reserved ('$…' and '__…' are the VM's)");
        if (_declared.Contains(name.Name) || Names.Globals.ContainsKey(name.Name)) return;
        if (Names.IsNamespace(name.Name)) throw No(name, $"'{name.Name}' can only be used as {name.Name}.member");
        if (Names.Constructors.ContainsKey(name.Name)) throw No(name, $"'{name.Name}' can only be used as new {name.Name}(…)");
        throw No(name, $"'{name.Name}' is not available to contracts");
    }

    // How a refused construct is called in messages, and what to write instead where that is not plain.
    private static string Describe(Node node) => node switch
    {
        RegExpLiteral => "a regular expression is not allowed",
        BigIntLiteral => "a BigInt is not allowed: amounts are integers below 2^53",
        AwaitExpression => "'await' is not allowed",
        YieldExpression => "'yield' is not allowed",
        WithStatement => "'with' is not allowed",
        DebuggerStatement => "'debugger' is not allowed",
        TaggedTemplateExpression => "a tagged template is not allowed",
        ClassDeclaration or ClassExpression => "a class inside the contract's class is not allowed",
        Super => "'super' is not allowed",
        MetaProperty => "'new.target' and 'import.meta' are not allowed",
        ImportExpression => "'import' is not allowed",
        StaticBlock => "a static block is not allowed",
        PrivateIdentifier => "private names (#…) are not allowed: start the name with an underscore",
        AccessorProperty => "an accessor is not allowed",
        ImportDeclaration or ExportDeclaration => "'import' and 'export' are not allowed",
        _ => $"{node.TypeText} is not allowed",
    };
}
