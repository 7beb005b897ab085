using Ptoy.Protocol;

namespace Ptoy.Load;

/// <summary>A kind of transaction to load the network with.</summary>
internal interface IWorkload
{
    string Name { get; }

    /// <summary>Brings the chain to where the transactions can succeed.</summary>
    Task PrepareAsync(LoadSession session);

    /// <summary>Signs the next transactions, in the order in which they are to be sent.</summary>
    Prepared[] Make(int count, Hash chainId, ulong expiry);

    /// <summary>Compares what the contracts hold with what was certified; null when all agree, else the difference.</summary>
    Task<string?> CheckAsync(LoadSession session);
}
