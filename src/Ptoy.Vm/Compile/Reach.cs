using Acornima.Ast;

namespace Ptoy.Vm.Compile;

/// <summary>
/// Which methods a call of one method can come to. An engine is made where none is kept, and making a class's methods is the dearest
/// part of it; a call gets a program with those that it can reach. Nobody can tell the difference: an instance is met only as
/// <c>this.name</c>. Where a contract uses <c>this</c> in any other way, every method is in every program.
/// </summary>
internal sealed class Reach
{
    private readonly Dictionary<string, HashSet<string>> _names = new(StringComparer.Ordinal);
    private readonly HashSet<string> _everywhere = new(StringComparer.Ordinal);
    private readonly bool _all;

    /// <summary>Reads a source that <see cref="Verifier"/> accepted.</summary>
    public Reach(Script script, IClass declaration)
    {
        foreach (Statement statement in script.Body)
        {
            bool isClass = statement is ClassDeclaration or ExpressionStatement { Expression: ClassExpression };
            if (!isClass) Collect(statement, _everywhere);
        }
        foreach (Node element in declaration.Body.Body)
        {
            if (element is MethodDefinition { Static: false } method) Collect(method.Value, Names(method));
            else if (!IsViews(element)) Collect(element, _everywhere);
        }
        _all = UsesBareThis((Node)declaration);
    }

    /// <summary>The names of the instance methods that a call of this one can reach, itself included; null for all.</summary>
    public HashSet<string>? From(string method)
    {
        if (_all) return null;
        var reached = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>(_everywhere.Append(method));
        while (open.TryPop(out string? name))
        {
            if (!_names.TryGetValue(name, out HashSet<string>? named) || !reached.Add(name)) continue;
            foreach (string next in named) open.Push(next);
        }
        return reached;
    }

    /// <summary>The name of a method, however it is written.</summary>
    public static string NameOf(MethodDefinition method) => method.Key switch
    {
        Identifier name => name.Name,
        StringLiteral text => text.Value,
        _ => "",
    };

    /// <summary>True for <c>static views</c>, which is for the VM alone: it is not there when the contract runs.</summary>
    public static bool IsViews(Node element) => element is PropertyDefinition { Static: true, Key: Identifier { Name: "views" } };

    // Two methods of one name share what they name; the later one is what runs.
    private HashSet<string> Names(MethodDefinition method)
    {
        string name = NameOf(method);
        if (!_names.TryGetValue(name, out HashSet<string>? names)) _names[name] = names = new HashSet<string>(StringComparer.Ordinal);
        return names;
    }

    private static void Collect(Node node, HashSet<string> names)
    {
        if (node is Identifier identifier) names.Add(identifier.Name);
        else if (node is StringLiteral text) names.Add(text.Value);
        foreach (Node child in node.ChildNodes) Collect(child, names);
    }

    private static bool UsesBareThis(Node node)
    {
        if (node is ThisExpression) return true;
        if (node is MemberExpression { Object: ThisExpression } member && (!member.Computed || member.Property is StringLiteral)) return false;
        foreach (Node child in node.ChildNodes)
        {
            if (UsesBareThis(child)) return true;
        }
        return false;
    }
}
