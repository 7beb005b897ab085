using System.Text.Json;

namespace Ptoy.Node.Rpc;

/// <summary>
/// What one request holds while it is worked on: its bytes, their parsed form and its place among the concurrent requests. A handler that
/// goes on after its call timed out still reads those bytes and still is work, so the scope ends only when the last handler has.
/// </summary>
internal sealed class RequestScope(PooledBuffer request, Action ended) : IDisposable
{
    private int _holders = 1;

    public JsonDocument? Document { get; set; }

    public void HoldUntil(Task task)
    {
        Interlocked.Increment(ref _holders);
        _ = task.ContinueWith(
            finished =>
            {
                _ = finished.Exception;
                Dispose();
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    public void Dispose()
    {
        if (Interlocked.Decrement(ref _holders) != 0) return;
        Document?.Dispose();
        request.Dispose();
        ended();
    }
}
