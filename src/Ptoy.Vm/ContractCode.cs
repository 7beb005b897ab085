using Acornima;
using Acornima.Ast;
using Jint;
using Ptoy.Vm.Compile;

namespace Ptoy.Vm;

/// <summary>A contract class that was verified, metered and prepared. Immutable; shared by all threads.</summary>
public sealed class ContractCode
{
    private readonly HashSet<string> _methods;
    private readonly HashSet<string> _views;

    private ContractCode(string className, HashSet<string> methods, HashSet<string> views, Rewritten rewritten)
    {
        ClassName = className;
        _methods = methods;
        _views = views;
        Program = rewritten.Text;
        Helpers = rewritten.Helpers;
        Prepared = Engine.PrepareScript(rewritten.Text, className, strict: true);
    }

    /// <summary>The class's name, which is also the file's.</summary>
    public string ClassName { get; }

    /// <summary>The methods that can be called from outside, by name in ordinal order.</summary>
    public IReadOnlyList<string> Methods => [.. _methods.Order(StringComparer.Ordinal)];

    /// <summary>Those of them that only read (<c>static views</c>), in ordinal order.</summary>
    public IReadOnlyList<string> Views => [.. _views.Order(StringComparer.Ordinal)];

    internal string Program { get; }

    internal IReadOnlyList<string> Helpers { get; }

    internal Prepared<Script> Prepared { get; }

    /// <summary>
    /// Compiles a source. Throws <see cref="ContractRejectedException"/>, which names the construct and its line, when the
    /// source is not within the language of contracts.
    /// </summary>
    public static ContractCode Compile(string className, string source)
    {
        ArgumentNullException.ThrowIfNull(className);
        ArgumentNullException.ThrowIfNull(source);
        if (source.Length > VmLimits.MaxSource) throw new ContractRejectedException(className, 0, $"the source has more than {VmLimits.MaxSource} characters");
        return VmThread.Run(() => CompileHere(className, source));
    }

    internal bool HasMethod(string name) => _methods.Contains(name);

    internal bool HasView(string name) => _views.Contains(name);

    private static ContractCode CompileHere(string className, string source)
    {
        Script script = Parse(className, source);
        IClass declaration = Verifier.Check(className, script);
        HashSet<string> methods = [.. PublicMethods(declaration)];
        var views = new HashSet<string>(StringComparer.Ordinal);
        foreach (string view in DeclaredViews(declaration))
        {
            if (!methods.Contains(view)) throw new ContractRejectedException(className, 0, $"'static views' names '{view}', which is not a method");
            views.Add(view);
        }
        try { return new ContractCode(className, methods, views, Rewriter.Rewrite(script, className)); }
        catch (ScriptPreparationException e) { throw new ContractRejectedException(className, 0, e.InnerException?.Message ?? e.Message); }
    }

    private static Script Parse(string className, string source)
    {
        var options = new ParserOptions { EcmaVersion = EcmaVersion.Latest, Tolerant = false };
        try { return new Parser(options).ParseScript(source, className, strict: true); }
        catch (ParseErrorException e) { throw new ContractRejectedException(className, e.LineNumber, e.Description); }
        catch (InsufficientExecutionStackException) { throw new ContractRejectedException(className, 0, "nested too deeply"); }
    }

    private static IEnumerable<string> PublicMethods(IClass declaration) =>
        declaration.Body.Body.AsEnumerable().OfType<MethodDefinition>()
            .Where(method => !method.Static && method.Key is Identifier)
            .Select(method => ((Identifier)method.Key).Name)
            .Where(name => !name.StartsWith('_'));

    private static IEnumerable<string> DeclaredViews(IClass declaration) =>
        declaration.Body.Body.AsEnumerable().OfType<PropertyDefinition>()
            .Where(field => field.Static && field.Key is Identifier { Name: "views" } && field.Value is ArrayExpression)
            .SelectMany(field => ((ArrayExpression)field.Value!).Elements.AsEnumerable())
            .Select(element => ((StringLiteral)element!).Value);
}
