using System.Collections.Concurrent;
using System.Text.Json;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>Something clients subscribe to over a WebSocket.</summary>
public abstract class RpcTopic
{
    private protected RpcTopic(string name, string summary, IReadOnlyList<RpcParam> filter, bool requiresAuth)
    {
        Name = name;
        Summary = summary;
        Filter = filter;
        RequiresAuth = requiresAuth;
    }

    /// <summary>The name given to <c>subscribe</c>.</summary>
    public string Name { get; }

    /// <summary>One sentence for the generated documentation.</summary>
    public string Summary { get; }

    /// <summary>The members of the filter object.</summary>
    public IReadOnlyList<RpcParam> Filter { get; }

    /// <summary>True when the <c>subscribe</c> call must be signed.</summary>
    public bool RequiresAuth { get; }

    internal abstract void Attach(RpcContext context, JsonElement filter, RpcSubscription subscription);

    internal abstract void Detach(RpcSubscription subscription);
}

/// <summary>
/// A topic whose notifications are <typeparamref name="T"/>. <paramref name="accept"/> turns a filter into the test that an item
/// must pass; it throws <see cref="RpcException"/> for a filter that is wrong. What it reads from the filter it must read at once.
/// </summary>
public sealed class RpcTopic<T>(
    string name, string summary, IReadOnlyList<RpcParam> filter, Func<RpcContext, JsonElement, Predicate<T>> accept, bool requiresAuth = false)
    : RpcTopic(name, summary, filter, requiresAuth)
    where T : notnull
{
    private readonly ConcurrentDictionary<RpcSubscription, Predicate<T>> _subscribers = new();

    /// <summary>Subscriptions now.</summary>
    public int Subscribers => _subscribers.Count;

    /// <summary>Sends an item to every subscription that wants it. Never waits; a consumer that is too slow is cut off.</summary>
    public void Publish(T item)
    {
        byte[]? json = null;
        foreach ((RpcSubscription subscription, Predicate<T> wants) in _subscribers)
        {
            if (!wants(item)) continue;
            json ??= JsonSerializer.SerializeToUtf8Bytes(item, RpcJson.Options);
            subscription.Push(json);
        }
    }

    internal override void Attach(RpcContext context, JsonElement filter, RpcSubscription subscription) =>
        _subscribers[subscription] = accept(context, filter);

    internal override void Detach(RpcSubscription subscription) => _subscribers.TryRemove(subscription, out _);
}

/// <summary>One subscription of one connection. Holds notifications back until the answer that names it is on its way.</summary>
internal sealed class RpcSubscription(string id, RpcTopic topic, RpcConnection connection)
{
    private readonly Lock _lock = new();
    private List<byte[]>? _early = [];

    public string Id => id;

    public RpcTopic Topic => topic;

    public void Push(byte[] json)
    {
        lock (_lock)
        {
            if (_early is null) connection.Notify(id, json);
            else if (_early.Count < connection.MaxQueuedNotifications) _early.Add(json);
            else connection.CutOff();
        }
    }

    public void Start()
    {
        lock (_lock)
        {
            foreach (byte[] json in _early ?? []) connection.Notify(id, json);
            _early = null;
        }
    }
}
