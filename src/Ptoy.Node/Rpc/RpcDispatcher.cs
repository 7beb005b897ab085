using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Ptoy.Node.Diagnostics;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;
using Ptoy.Storage;

namespace Ptoy.Node.Rpc;

/// <summary>
/// The one way into the methods, whatever the transport: parses, checks limits, verifies signatures, runs handlers and writes
/// answers in the order of the requests. Calls start in the order they came; of a batch at most <see cref="Wave"/> run at one time.
/// </summary>
internal sealed class RpcDispatcher(
    RpcMethodTable methods, RpcAuthenticator authenticator, RpcServerOptions options, RpcMetrics metrics, TimeProvider time, ILogger log)
{
    private const int Wave = 8;

    private readonly ClientRates _addressRates = new(options.CallsPerSecond, options.CallsPerSecond * options.BurstSeconds, options.MaxClients, time);
    private readonly ClientRates _keyRates = new(options.SignedCallsPerSecond, options.SignedCallsPerSecond * options.BurstSeconds, options.MaxClients, time);
    private readonly Places<IPAddress> _running = new(Math.Max(1, options.MaxConcurrentRequests / 2), options.MaxConcurrentRequests);

    /// <summary>
    /// Answers one message (a request or a batch) into <paramref name="output"/>, which stays empty when there is nothing to
    /// answer. Takes <paramref name="request"/> over. Returns the subscriptions made, to be started once the answer is on its way.
    /// </summary>
    public async Task<IReadOnlyList<RpcSubscription>> DispatchAsync(PooledBuffer request, RpcPeer peer, PooledBuffer output, CancellationToken stop)
    {
        long started = time.GetTimestamp();
        bool admitted = _running.TryTake(peer.Address);
        using var scope = new RequestScope(request, () => { if (admitted) _running.Return(peer.Address); });
        using var writer = new ResponseWriter(output, options.MaxResponseBytes);
        try
        {
            using CpuParts.Section parsing = CpuParts.Measure(CpuPart.Rpc);
            scope.Document = RpcJson.Parse(request.Memory);
        }
        catch (JsonException)
        {
            Refuse(writer, new RpcException(RpcErrors.ParseError, "not JSON, nested too deeply, with a member named twice, or with text that is not Unicode"));
            return [];
        }
        JsonElement root = scope.Document.RootElement;
        bool isBatch = root.ValueKind == JsonValueKind.Array;
        int count = isBatch ? root.GetArrayLength() : 1;
        if (isBatch && BatchProblem(count) is { } problem)
        {
            Refuse(writer, problem);
            return [];
        }
        RpcCall[] calls = isBatch ? [.. root.EnumerateArray().Select(RpcCall.Read)] : [RpcCall.Read(root)];
        if (Admission(admitted, peer, count) is { } refusal)
        {
            foreach (RpcCall call in calls) call.Error ??= refusal;
        }
        using (CpuParts.Measure(CpuPart.Rpc))
        {
            foreach (RpcCall call in calls) Prepare(call, peer);
        }
        if (isBatch) await RunBatchAsync(calls, scope, stop);
        else await RunAsync(calls[0], scope, stop);
        WriteAnswers(calls, isBatch, writer, output);
        TimeSpan elapsed = time.GetElapsedTime(started);
        foreach (RpcCall call in calls) metrics.Answered(call.Context?.Method.Name ?? "none", call.Error?.Code ?? 0, elapsed);
        return [.. calls.Select(c => c.Error is null ? c.Result as RpcSubscription : null).OfType<RpcSubscription>()];
    }

    /// <summary>Answers a binary call. Throws <see cref="RpcException"/>; takes <paramref name="body"/> over.</summary>
    public async Task<byte[]> DispatchBinaryAsync(RpcMethod method, RpcAuth? auth, PooledBuffer body, RpcPeer peer, CancellationToken stop)
    {
        long started = time.GetTimestamp();
        bool admitted = _running.TryTake(peer.Address);
        using var scope = new RequestScope(body, () => { if (admitted) _running.Return(peer.Address); });
        RpcException? error = null;
        try
        {
            if (Admission(admitted, peer, 1) is { } refusal) throw refusal;
            Caller? caller = auth is null ? null : Verified(auth, method.Name, body.Memory.Span);
            var context = new RpcContext(method, caller, peer.Address, null);
            if (method.RequiresAuth) context.RequireCaller();
            return await WithDeadlineAsync(token => method.BinaryHandler!(context, body.Memory, token), method, scope, stop);
        }
        catch (Exception e)
        {
            error = Translate(method.Name, e, stop);
            throw error;
        }
        finally
        {
            metrics.Answered(method.Name, error?.Code ?? 0, time.GetElapsedTime(started));
        }
    }

    private RpcException? BatchProblem(int count) =>
        count == 0 ? new RpcException(RpcErrors.InvalidRequest, "a batch has at least one request")
        : count > options.MaxBatch ? new RpcException(RpcErrors.TooLarge, $"a batch of {count} calls, more than {options.MaxBatch}", new { limit = options.MaxBatch })
        : null;

    private RpcException? Admission(bool admitted, RpcPeer peer, int count)
    {
        if (!admitted) return new RpcException(RpcErrors.Busy, $"as many requests are in progress as the node, or one address, may have ({options.MaxConcurrentRequests}, or half of it); try again later");
        try
        {
            _addressRates.Take(peer.Address.ToString(), count);
            return null;
        }
        catch (RpcException e)
        {
            return e;
        }
    }

    private void Prepare(RpcCall call, RpcPeer peer)
    {
        if (call.Error is not null) return;
        try
        {
            RpcMethod method = methods.Find(call.MethodName)
                ?? throw new RpcException(RpcErrors.MethodNotFound, "there is no such method; rpc.discover lists them");
            if (method.Handler is null)
                throw new RpcException(RpcErrors.WrongTransport, $"{method.Name} is a binary call: POST /bin/{method.Name}");
            RpcParams.Validate(call.Parameters, method.Params, method.Name);
            Caller? caller = null;
            if (call.Auth is { } auth) caller = Verified(authenticator.Precheck(auth), method.Name, call.ParametersText());
            call.Context = new RpcContext(method, caller, peer.Address, peer.Connection);
            if (method.RequiresAuth) call.Context.RequireCaller();
        }
        catch (RpcException e)
        {
            call.Error = e;
        }
    }

    private Caller Verified(RpcAuth auth, string method, ReadOnlySpan<byte> parameters)
    {
        Caller caller = authenticator.Verify(auth, method, parameters);
        _keyRates.Take(caller.Address.ToString(), 1);
        return caller;
    }

    private async Task RunBatchAsync(RpcCall[] calls, RequestScope scope, CancellationToken stop)
    {
        RpcCall[] ready = [.. calls.Where(c => c.Error is null)];
        foreach (IGrouping<string, RpcCall> group in ready.Where(c => c.Context!.Method.BatchHandler is not null).GroupBy(c => c.MethodName))
            await RunTogetherAsync(group.First().Context!.Method, [.. group], scope, stop);
        IEnumerable<RpcCall> single = ready.Where(c => c.Context!.Method.BatchHandler is null);
        foreach (RpcCall[] wave in single.Chunk(Wave)) await Task.WhenAll(wave.Select(c => RunAsync(c, scope, stop)));
    }

    private async Task RunAsync(RpcCall call, RequestScope scope, CancellationToken stop)
    {
        if (call.Error is not null) return;
        RpcMethod method = call.Context!.Method;
        try
        {
            call.Result = await WithDeadlineAsync(token => method.Handler!(call.Context, call.Parameters, token), method, scope, stop);
        }
        catch (Exception e)
        {
            call.Error = Translate(method.Name, e, stop);
        }
    }

    private async Task RunTogetherAsync(RpcMethod method, RpcCall[] calls, RequestScope scope, CancellationToken stop)
    {
        try
        {
            RpcBatchCall[] items = [.. calls.Select(c => new RpcBatchCall(c.Context!, c.Parameters))];
            IReadOnlyList<object?> results = await WithDeadlineAsync(token => method.BatchHandler!(items, token), method, scope, stop);
            if (results.Count != calls.Length)
                throw new InvalidOperationException($"the batch handler of {method.Name} gave {results.Count} results for {calls.Length} calls");
            for (int i = 0; i < calls.Length; i++)
            {
                if (results[i] is RpcException error) calls[i].Error = error;
                else calls[i].Result = results[i];
            }
        }
        catch (Exception e)
        {
            RpcException error = Translate(method.Name, e, stop);
            foreach (RpcCall call in calls) call.Error = error;
        }
    }

    private async Task<T> WithDeadlineAsync<T>(Func<CancellationToken, Task<T>> start, RpcMethod method, RequestScope scope, CancellationToken stop)
    {
        TimeSpan limit = method.Timeout ?? options.CallTimeout;
        using var deadline = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stop);
        Task<T> task = start(either.Token);
        try
        {
            return task.IsCompleted ? await task : await task.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            if (!task.IsCompleted) scope.HoldUntil(task);
            if (stop.IsCancellationRequested) throw;
            throw new RpcException(RpcErrors.TimedOut, $"{method.Name} took longer than {limit.TotalSeconds} s");
        }
    }

    private void WriteAnswers(RpcCall[] calls, bool isBatch, ResponseWriter writer, PooledBuffer output)
    {
        using CpuParts.Section section = CpuParts.Measure(CpuPart.Rpc);
        if (calls.All(c => c.IsNotification)) return;
        if (!isBatch)
        {
            writer.Write(calls[0], Fault);
            return;
        }
        ReadOnlySpan<byte> separator = "["u8;
        foreach (RpcCall call in calls)
        {
            if (call.IsNotification) continue;
            output.Write(separator);
            writer.Write(call, Fault);
            separator = ","u8;
        }
        output.Write("]"u8);
    }

    private RpcException Fault(RpcCall call, Exception e) => Internal(call.MethodName, e);

    private void Refuse(ResponseWriter writer, RpcException error)
    {
        writer.WriteError(error);
        metrics.Answered("none", error.Code, TimeSpan.Zero);
    }

    private RpcException Translate(string method, Exception e, CancellationToken stop) => e switch
    {
        RpcException known => known,
        WireException wire => new RpcException(RpcErrors.InvalidParams, wire.Message),
        StoreException { Problem: StoreProblem.DiskFull } full => DiskFull(method, full),
        OperationCanceledException when stop.IsCancellationRequested => new RpcException(RpcErrors.Busy, "the node is stopping, or the caller left"),
        _ => Internal(method, e),
    };

    private RpcException DiskFull(string method, StoreException full)
    {
        log.LogError("{Method} failed: {Problem}", method, full.Message);
        return new RpcException(RpcErrors.StorageFull, "the node's disk is full; its operator has to free space. Try another node");
    }

    /// <summary>The caller learns a reference only; the log has the exception under it.</summary>
    private RpcException Internal(string method, Exception e)
    {
        string reference = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        log.LogError(e, "{Method} failed, reference {Reference}", method, reference);
        Debug.Assert(e is not RpcException, "an RpcException is an answer, not a fault");
        return new RpcException(RpcErrors.InternalError, "internal error", new { reference });
    }
}
