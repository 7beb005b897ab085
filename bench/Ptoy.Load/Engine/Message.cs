namespace Ptoy.Load.Engine;

/// <summary>What travels together: some items of a run, in order, for one node.</summary>
/// <param name="First">The first item's number in the run.</param>
/// <param name="Count">Items.</param>
/// <param name="Node">The node whose clients these are.</param>
/// <param name="Content">What the workload sends.</param>
internal sealed record Message(int First, int Count, int Node, object Content)
{
    /// <summary>Its place in the order of sending; the run sets it.</summary>
    public int Index { get; set; } = -1;
}

/// <summary>A kind of load.</summary>
internal interface IWorkload : IAsyncDisposable
{
    /// <summary>What people call it.</summary>
    string Name { get; }

    /// <summary>Operations that one item stands for: 1, or the commands of an ordered batch.</summary>
    int Weight { get; }

    /// <summary>Brings the network to where the operations can succeed.</summary>
    Task PrepareAsync();

    /// <summary>
    /// Makes the next items, signed and encoded, numbered from <paramref name="first"/>, in messages of at most <paramref name="perMessage"/>.
    /// Throws <see cref="LoadOptionException"/> when it cannot make that many.
    /// </summary>
    Task<IReadOnlyList<Message>> MakeAsync(int items, int first, int perMessage);

    /// <summary>What is sent from now on is told to this recorder.</summary>
    void Begin(Recorder recorder);

    /// <summary>Sends; returns at once. What becomes of the items goes to the recorder.</summary>
    void Send(Message message);

    /// <summary>These were made and not sent: as if they had never been made.</summary>
    void TakeBack(IEnumerable<Message> unsent);

    /// <summary>Compares what the network holds with what was done; null when all agree, else the difference.</summary>
    Task<string?> CheckAsync();
}
