namespace Ptoy.Vm;

/// <summary>The bounds of the VM. All but the emergency ones are consensus parameters: changing one is a new VM version.</summary>
public static class VmLimits
{
    /// <summary>Names the rules by which programs are verified, metered and run. A change of gas or behaviour changes it.</summary>
    public const string Version = "ptoy-vm/1 jint/4.18.0 acornima/1.9.1 net/10";

    /// <summary>Largest source text in UTF-16 units.</summary>
    public const int MaxSource = 96 * 1024;

    /// <summary>Most syntax nodes of a source.</summary>
    public const int MaxNodes = 20_000;

    /// <summary>Deepest syntax tree.</summary>
    public const int MaxSyntaxDepth = 80;

    /// <summary>Most gas of one call.</summary>
    public const ulong MaxGas = 1_000_000_000;

    /// <summary>Gas limit of a request that names none.</summary>
    public const ulong DefaultGas = 2_000_000;

    /// <summary>Longest string a program can build, in UTF-16 units.</summary>
    public const int MaxString = 256 * 1024;

    /// <summary>Longest array a program can build.</summary>
    public const int MaxArray = 65_536;

    /// <summary>Deepest nesting of a value read from or written to JSON.</summary>
    public const int MaxJsonDepth = 64;

    /// <summary>Longest JSON text of a state value, an argument list between contracts, or a result.</summary>
    public const int MaxValue = 64 * 1024;

    /// <summary>Longest state key in characters (printable ASCII).</summary>
    public const int MaxKey = 128;

    /// <summary>Longest event name in characters.</summary>
    public const int MaxEventName = 64;

    /// <summary>Longest event data in UTF-16 units of JSON text.</summary>
    public const int MaxEventData = 16 * 1024;

    /// <summary>Most function calls under way at once, over all contracts of a transaction.</summary>
    public const int MaxCallDepth = 400;

    /// <summary>Most contracts under way at once.</summary>
    public const int MaxContractDepth = 8;

    /// <summary>Most arguments of a call between contracts.</summary>
    public const int MaxArguments = 32;

    /// <summary>Stack of a VM thread in bytes.</summary>
    public const int StackBytes = 64 * 1024 * 1024;

    /// <summary>Emergency stop: most bytes one call may allocate on this node, if no other limit is configured.</summary>
    public const long EmergencyAllocation = 4L * 1024 * 1024 * 1024;
}
