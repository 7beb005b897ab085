using RocksDbSharp;

namespace Ptoy.Storage.Engine;

/// <summary>Turns what RocksDB says into what an operator can act on.</summary>
internal static class StoreErrors
{
    public static StoreException From(Exception cause, string directory)
    {
        string text = cause.Message;
        if (Has(text, "No space left") || Has(text, "NoSpace") || Has(text, "quota exceeded") || Has(text, "Out of space"))
        {
            return new StoreException(StoreProblem.DiskFull,
                $"disk full: {directory} has no space left. Nothing acknowledged is lost. Free space or enlarge the volume, then start the node again.", cause);
        }
        if (Has(text, "While lock file") || Has(text, "lock hold by"))
        {
            return new StoreException(StoreProblem.Locked,
                $"{directory} is in use by another process. Stop the other node (or tool) that has it open, then start this one.", cause);
        }
        if (Has(text, "Permission denied") || Has(text, "Read-only file system"))
        {
            return new StoreException(StoreProblem.Unavailable,
                $"{directory} cannot be written: give the node's user access to it ({FirstLine(text)}).", cause);
        }
        return Has(text, "Corruption") || Has(text, "No such file") || Has(text, "mismatch") || Has(text, "Column famil") || Has(text, "Invalid argument")
            ? Damaged(directory, FirstLine(text), cause)
            : new StoreException(StoreProblem.Unavailable, $"{directory}: {FirstLine(text)}. Check the disk and the system log, then start the node again.", cause);
    }

    public static StoreException Damaged(string directory, string what, Exception? cause = null) => new(StoreProblem.Damaged,
        $"{directory} is damaged ({what}). Do not repair it: move the directory away and start the node with an empty one, "
        + "so that it gets certified data from its peers. If disk or memory may be failing, check them first.", cause);

    private static bool Has(string text, string part) => text.Contains(part, StringComparison.OrdinalIgnoreCase);

    private static string FirstLine(string text) => text.Split('\n')[0].Trim();

    /// <summary>Runs a RocksDB call; its errors come out as <see cref="StoreException"/>.</summary>
    public static T Guard<T>(string directory, Func<T> call)
    {
        try { return call(); }
        catch (RocksDbSharpException e) { throw From(e, directory); }
    }
}
