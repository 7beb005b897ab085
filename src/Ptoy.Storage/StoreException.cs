namespace Ptoy.Storage;

/// <summary>What kind of thing is wrong with a store: what an operator has to do depends on it.</summary>
public enum StoreProblem
{
    /// <summary>Bytes on disk are not what was written: stop, and resync this node from its peers.</summary>
    Damaged,
    /// <summary>The storage key is not the one this store was made with.</summary>
    WrongKey,
    /// <summary>The store belongs to another chain.</summary>
    WrongChain,
    /// <summary>The store was written by a newer version of this software.</summary>
    NewerFormat,
    /// <summary>The store was written by an older version of this software, in a layout that this one does not read.</summary>
    OlderFormat,
    /// <summary>Another process has the store open.</summary>
    Locked,
    /// <summary>No space is left on the device.</summary>
    DiskFull,
    /// <summary>The directory cannot be read or written (permissions, a missing mount, an I/O error).</summary>
    Unavailable,
    /// <summary>This node's own votes are unknown: it must not sign with that key again.</summary>
    VotesForgotten,
    /// <summary>A state snapshot was imported in part: the import has to be finished, or begun anew.</summary>
    Importing,
    /// <summary>The caller broke a rule of the store (heights out of order, a limit passed).</summary>
    Refused,
}

/// <summary>A store that cannot be opened, read or written. The message says what to do about it; it never holds stored data.</summary>
public sealed class StoreException : Exception
{
    /// <summary>Makes one.</summary>
    public StoreException(StoreProblem problem, string message, Exception? cause = null) : base(message, cause) => Problem = problem;

    /// <summary>The kind of problem.</summary>
    public StoreProblem Problem { get; }
}
