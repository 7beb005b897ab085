using Acornima.Ast;

namespace Ptoy.Vm.Compile;

/// <summary>
/// Whether a call of a contract can leave something behind in its engine that a later call could find. What lives as long as the
/// engine is the class, its prototype and the functions of its methods; the realm is out of reach, and everything else is made
/// within a call. So a contract leaves no trace when it cannot get hold of those: it is nothing but a class with methods, never
/// says its own name, and uses <c>this</c> only to call a method or for a property that is none. (The instance is new for
/// each call.) When in doubt the answer is no, which costs time and nothing else.
/// </summary>
internal static class Traces
{
    /// <summary>True when a source that <see cref="Verifier"/> accepted leaves no trace.</summary>
    public static bool LeavesNone(Script script, IClass declaration)
    {
        foreach (Statement statement in script.Body)
        {
            if (statement is not (Directive or ClassDeclaration or ExpressionStatement { Expression: ClassExpression })) return false;
        }
        var methods = new HashSet<string>(StringComparer.Ordinal);
        foreach (Node element in declaration.Body.Body)
        {
            if (Reach.IsViews(element)) continue;
            if (element is not MethodDefinition { Static: false } method) return false;
            methods.Add(Reach.NameOf(method));
        }
        foreach (Node element in declaration.Body.Body)
        {
            if (element is MethodDefinition method && !IsClean(method.Value, declaration.Id!.Name, methods)) return false;
        }
        return true;
    }

    private static bool IsClean(Node node, string className, HashSet<string> methods)
    {
        switch (node)
        {
            case ThisExpression: return false;
            case Identifier name when name.Name == className: return false;
            case CallExpression { Callee: MemberExpression { Object: ThisExpression, Computed: false } } call:
                foreach (Expression argument in call.Arguments)
                {
                    if (!IsClean(argument, className, methods)) return false;
                }
                return true;
            case MemberExpression { Object: ThisExpression, Computed: false, Property: Identifier property }:
                return !methods.Contains(property.Name);
        }
        foreach (Node child in node.ChildNodes)
        {
            if (!IsClean(child, className, methods)) return false;
        }
        return true;
    }
}
