using System.Text.Json;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>The methods every server has: discovery and subscriptions.</summary>
internal static class BuiltInMethods
{
    private static readonly JsonElement EmptyObject = JsonDocument.Parse("{}").RootElement;

    public static RpcMethod Discover(Func<byte[]> document) => new()
    {
        Name = "rpc.discover",
        Summary = "Describes every method, parameter, topic and error.",
        Result = "An OpenRPC document.",
        Handler = (_, _, _) => Task.FromResult<object?>(new RawJson(document())),
    };

    public static RpcMethod Subscribe(IReadOnlyDictionary<string, RpcTopic> topics) => new()
    {
        Name = "subscribe",
        Summary = "Starts notifications of a topic on this WebSocket connection.",
        Params =
        [
            new RpcParam("topic", RpcType.String, true, "One of the topics that rpc.discover lists."),
            new RpcParam("filter", RpcType.Object, false, "Which notifications are wanted; the topic says what it may hold."),
        ],
        Result = "The id of the subscription, as each notification names it.",
        Handler = (context, parameters, _) => Task.FromResult<object?>(Subscribe(topics, context, parameters)),
    };

    public static RpcMethod Unsubscribe() => new()
    {
        Name = "unsubscribe",
        Summary = "Ends a subscription of this WebSocket connection.",
        Params = [new RpcParam("subscription", RpcType.String, true, "The id that subscribe answered with.")],
        Result = "true when there was such a subscription.",
        Handler = (context, parameters, _) =>
            Task.FromResult<object?>(Connection(context).Unsubscribe(parameters.Text("subscription"))),
    };

    private static RpcSubscription Subscribe(IReadOnlyDictionary<string, RpcTopic> topics, RpcContext context, JsonElement parameters)
    {
        RpcConnection connection = Connection(context);
        if (!topics.TryGetValue(parameters.Text("topic"), out RpcTopic? topic))
            throw RpcException.Parameter("topic", $"not one of {string.Join(", ", topics.Keys.Order(StringComparer.Ordinal))}");
        if (topic.RequiresAuth) context.RequireCaller();
        JsonElement filter = parameters.Find("filter") ?? EmptyObject;
        try
        {
            RpcParams.Validate(filter, topic.Filter, topic.Name);
            return connection.Subscribe(topic, context, filter);
        }
        catch (RpcException e) when (e.Code == RpcErrors.InvalidParams)
        {
            throw new RpcException(e.Code, $"filter.{e.Message}");
        }
    }

    private static RpcConnection Connection(RpcContext context) =>
        context.Connection ?? throw new RpcException(RpcErrors.WrongTransport, "subscriptions need a WebSocket connection");
}
