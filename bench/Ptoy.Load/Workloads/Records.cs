using Ptoy.Load.Engine;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Load.Workloads;

/// <summary>Work that is a task a item: it succeeds or throws.</summary>
internal abstract class TaskWorkload : IWorkload
{
    private Recorder? _recorder;

    public abstract string Name { get; }

    public int Weight => 1;

    public abstract Task PrepareAsync();

    public abstract Task<IReadOnlyList<Message>> MakeAsync(int items, int first, int perMessage);

    public void Begin(Recorder recorder) => Volatile.Write(ref _recorder, recorder);

    public void Send(Message message) => _ = RunAsync(message, Volatile.Read(ref _recorder)!);

    public void TakeBack(IEnumerable<Message> unsent)
    {
        // A sealed record that is not stored, a question that is not asked: nothing to take back.
    }

    public virtual Task<string?> CheckAsync() => Task.FromResult<string?>(null);

    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;

    protected abstract Task DoAsync(object content);

    private async Task RunAsync(Message message, Recorder recorder)
    {
        try
        {
            await DoAsync(message.Content).ConfigureAwait(false);
            recorder.Complete(message);
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or TimeoutException or Client.Rpc.RpcConnectionException)
        {
            recorder.Refuse(message.First, e.Message);
        }
    }
}

/// <summary>Stores records of a set size: sealed beforehand, stored at a quorum of the members, registered, certified.</summary>
internal sealed class RecordPuts(RecordPool pool) : TaskWorkload
{
    private int _next;

    public override string Name => "puts";

    public override Task PrepareAsync() => pool.PrepareAsync(0);

    public override Task<IReadOnlyList<Message>> MakeAsync(int items, int first, int perMessage) => Task.FromResult<IReadOnlyList<Message>>(
        [.. Enumerable.Range(0, items).Select(i => new Message(first + i, 1, 0, pool.Seal(_next++)))]);

    protected override Task DoAsync(object content) => pool.PutAsync((RecordPool.Parcel)content);
}

/// <summary>Fetches records of a set size, signed by their owner, at every node in turn; the access log is synced before the answer.</summary>
internal sealed class RecordGets(RecordPool pool) : TaskWorkload
{
    private const int RecordsEach = 4;

    private int _next;

    public override string Name => "gets";

    public override Task PrepareAsync() => pool.PrepareAsync(RecordsEach);

    public override Task<IReadOnlyList<Message>> MakeAsync(int items, int first, int perMessage) => Task.FromResult<IReadOnlyList<Message>>(
        [.. Enumerable.Range(0, items).Select(i => new Message(first + i, 1, 0, _next++))]);

    protected override Task DoAsync(object content) => pool.GetAsync((int)content);
}
