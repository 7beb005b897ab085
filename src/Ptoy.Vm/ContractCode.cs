using Acornima;
using Acornima.Ast;
using Jint;
using Ptoy.Vm.Compile;

namespace Ptoy.Vm;

/// <summary>A contract class that was verified, metered and prepared. Immutable; shared by all threads.</summary>
public sealed class ContractCode
{
    private readonly Dictionary<string, Lazy<ContractProgram>> _programs;
    private readonly HashSet<string> _views;

    private ContractCode(string className, IEnumerable<string> methods, HashSet<string> views, bool leavesNoTrace, Func<string, ContractProgram> prepare)
    {
        ClassName = className;
        LeavesNoTrace = leavesNoTrace;
        _programs = methods.Distinct(StringComparer.Ordinal).ToDictionary(
            method => method, method => new Lazy<ContractProgram>(() => VmThread.Run(() => prepare(method))), StringComparer.Ordinal);
        _views = views;
    }

    /// <summary>The class's name, which is also the file's.</summary>
    public string ClassName { get; }

    /// <summary>The methods that can be called from outside, by name in ordinal order.</summary>
    public IReadOnlyList<string> Methods => [.. _programs.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Those of them that only read (<c>static views</c>), in ordinal order.</summary>
    public IReadOnlyList<string> Views => [.. _views.Order(StringComparer.Ordinal)];

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

    /// <summary>True when calls may share engines: see <see cref="Traces"/>.</summary>
    internal bool LeavesNoTrace { get; }

    internal bool HasMethod(string name) => _programs.ContainsKey(name);

    /// <summary>The program for calls of this method.</summary>
    internal ContractProgram Program(string method) => _programs[method].Value;

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
        // The whole is prepared too: what a call leaves out must have passed as well.
        ContractProgram.Prepare(className, Rewriter.Rewrite(script, className, methods: null), "", leavesNoTrace: false);
        var reach = new Reach(script, declaration);
        bool leavesNoTrace = Traces.LeavesNone(script, declaration);
        return new ContractCode(className, methods, views, leavesNoTrace, method =>
            ContractProgram.Prepare(className, Rewriter.Rewrite(script, className, reach.From(method)), method, leavesNoTrace));
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
