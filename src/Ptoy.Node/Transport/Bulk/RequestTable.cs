using System.Collections.Concurrent;

namespace Ptoy.Node.Transport;

/// <summary>Requests of this node that wait for their answers on one connection.</summary>
internal sealed class RequestTable
{
    private readonly ConcurrentDictionary<uint, TaskCompletionSource<byte[]>> _waiting = new();
    private int _lastId;
    private volatile string? _closed;

    public int Count => _waiting.Count;

    public (uint Id, Task<byte[]> Answer) Add()
    {
        uint id = unchecked((uint)Interlocked.Increment(ref _lastId));
        var source = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = source;
        if (_closed is { } reason) Fail(id, new TransportException(reason));
        return (id, source.Task);
    }

    public void Complete(uint id, byte[] answer)
    {
        if (_waiting.TryRemove(id, out TaskCompletionSource<byte[]>? source)) source.TrySetResult(answer);
    }

    public void Fail(uint id, Exception error)
    {
        if (_waiting.TryRemove(id, out TaskCompletionSource<byte[]>? source)) source.TrySetException(error);
    }

    public void Forget(uint id) => _waiting.TryRemove(id, out _);

    public void Close(string reason)
    {
        _closed = reason;
        foreach (uint id in _waiting.Keys) Fail(id, new TransportException(reason));
    }
}
