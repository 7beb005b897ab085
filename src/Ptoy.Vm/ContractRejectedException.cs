namespace Ptoy.Vm;

/// <summary>A source is not a contract this VM runs. The message names the construct and the line.</summary>
public sealed class ContractRejectedException : Exception
{
    /// <summary>A rejection at a line (1-based; 0 when it concerns the whole source).</summary>
    public ContractRejectedException(string contract, int line, string reason)
        : base(line > 0 ? $"{contract}, line {line}: {reason}" : $"{contract}: {reason}")
    {
        Line = line;
        Reason = reason;
    }

    /// <summary>1-based line, or 0.</summary>
    public int Line { get; }

    /// <summary>What is refused and, where there is one, the way to write it instead.</summary>
    public string Reason { get; }
}
