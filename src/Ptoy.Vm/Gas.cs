namespace Ptoy.Vm;

/// <summary>The price list: what each thing costs, about one unit per 50 ns of work. A change here is a new VM version.</summary>
internal static class Gas
{
    /// <summary>Each syntax node of a function or loop body, charged when the body is entered.</summary>
    public const int Node = 1;

    /// <summary>Entering a function, besides its nodes.</summary>
    public const int Enter = 4;

    /// <summary>Each round of a loop, besides the nodes of its header and body.</summary>
    public const int Round = 5;

    /// <summary>A function, object or array made by a literal, besides its nodes.</summary>
    public const int Allocate = 4;

    /// <summary>One entry of an object or array that is made, copied or looked at by a built-in.</summary>
    public const int Entry = 2;

    /// <summary>A built-in called with a callback, for each time it calls.</summary>
    public const int Callback = 3;

    /// <summary>Catching an error, and again for each call it unwound.</summary>
    public const int Catch = 300;

    /// <summary>A call into a contract, whether or not its engine served an earlier one.</summary>
    public const int Frame = 500;

    /// <summary>Reading a state entry, besides its size.</summary>
    public const int StateRead = 300;

    /// <summary>Writing or removing a state entry, besides its size.</summary>
    public const int StateWrite = 800;

    /// <summary>One event, besides its size.</summary>
    public const int Event = 200;

    /// <summary>SHA-256, besides the size.</summary>
    public const int Sha256 = 30;

    /// <summary>Verifying one Ed25519 signature, besides the message's size.</summary>
    public const int VerifySignature = 2_000;

    /// <summary>Copying or scanning text: one unit for eight UTF-16 units begun.</summary>
    public static long Text(int length) => ((long)length + 7) >> 3;

    /// <summary>Storing text in state: two units for each UTF-16 unit, as every node keeps it.</summary>
    public static long Stored(int length) => 2L * length;

    /// <summary>Searching a needle in text: a hostile pair makes the search compare at every position.</summary>
    public static long Search(int text, int needle) => (Text(text) + 1) * (1 + (needle >> 5));
}

/// <summary>Out of gas. Never seen by a contract: the interpreter runs no <c>catch</c> or <c>finally</c> of a contract for it.</summary>
internal sealed class OutOfGasException : Exception
{
    public OutOfGasException() : base("out of gas") { }
}

/// <summary>A local limit was reached (see <see cref="CallStatus.EmergencyStop"/>). Never seen by a contract.</summary>
internal sealed class EmergencyStopException(string message) : Exception(message);

/// <summary>Counts gas down and call depth up, for one outside call with all the contracts it reaches.</summary>
internal sealed class Meter
{
    private const int ChecksPerBrake = 256;

    private readonly long _limit;
    private readonly Func<string?>? _brake;
    private readonly long _allocatedAtStart = GC.GetAllocatedBytesForCurrentThread();
    private readonly long _allocationLimit;
    private long _left;
    private int _checks;
    private Exception? _stopped;

    public Meter(ulong limit, Func<string?>? brake, long allocationLimit)
    {
        _limit = (long)Math.Min(limit, VmLimits.MaxGas);
        _left = _limit;
        _brake = brake;
        _allocationLimit = allocationLimit;
    }

    /// <summary>Function calls under way.</summary>
    public int Depth { get; set; }

    public ulong Used => (ulong)(_limit - Math.Max(0, _left));

    /// <summary>Takes gas. Once it has thrown it throws at every later charge, so nothing a contract does can go on.</summary>
    public void Charge(long amount)
    {
        if (_stopped is not null) throw _stopped;
        _left -= amount;
        if (_left < 0)
        {
            _left = 0;
            throw _stopped = new OutOfGasException();
        }
        if (++_checks >= ChecksPerBrake) CheckBrakes();
    }

    private void CheckBrakes()
    {
        _checks = 0;
        long allocated = GC.GetAllocatedBytesForCurrentThread() - _allocatedAtStart;
        string? reason = allocated > _allocationLimit ? $"the call allocated more than {_allocationLimit} bytes" : _brake?.Invoke();
        if (reason is not null) throw _stopped = new EmergencyStopException(reason);
    }
}
