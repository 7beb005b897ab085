namespace Ptoy.Protocol.Rpc;

/// <summary>One line of the error table: the number on the wire, its name, and what it means to a caller.</summary>
public sealed record RpcErrorInfo(int Code, string Name, string Meaning);

/// <summary>
/// Every error code of the JSON-RPC interface. −32700…−32600 are those of JSON-RPC 2.0; −32000…−32099 are ours. A code is
/// never given a second meaning.
/// </summary>
public static class RpcErrors
{
    /// <summary>The bytes are not JSON.</summary>
    public const int ParseError = -32700;
    /// <summary>JSON, but not a request.</summary>
    public const int InvalidRequest = -32600;
    /// <summary>No such method.</summary>
    public const int MethodNotFound = -32601;
    /// <summary>A parameter is missing, unknown or wrong; the message names it.</summary>
    public const int InvalidParams = -32602;
    /// <summary>A fault of the node; its log has the details under the reference in <c>data</c>.</summary>
    public const int InternalError = -32603;

    /// <summary>The request is not signed, or its signer may not do this.</summary>
    public const int NotAuthorised = -32001;
    /// <summary>The signature does not fit the request.</summary>
    public const int BadSignature = -32002;
    /// <summary>Signed for another node.</summary>
    public const int WrongNode = -32003;
    /// <summary>This nonce was used before.</summary>
    public const int Replayed = -32004;
    /// <summary>The request's expiry has passed, or lies too far ahead.</summary>
    public const int Expired = -32005;
    /// <summary>More calls than the node allows one client.</summary>
    public const int RateLimited = -32006;
    /// <summary>The node is at its limit of work; try again later or elsewhere.</summary>
    public const int Busy = -32007;
    /// <summary>The node's newest block is too old to decide on.</summary>
    public const int NodeBehind = -32008;
    /// <summary>What was asked for is not here.</summary>
    public const int NotFound = -32009;
    /// <summary>The owner's storage quota does not allow it.</summary>
    public const int OverQuota = -32010;
    /// <summary>The call took longer than the node allows.</summary>
    public const int TimedOut = -32011;
    /// <summary>More bytes or elements than the limit in <c>data</c>.</summary>
    public const int TooLarge = -32012;
    /// <summary>The patient's or organisation's contract does not permit it; the denial is in the access log.</summary>
    public const int Denied = -32013;
    /// <summary>The method exists, but not over this transport.</summary>
    public const int WrongTransport = -32014;
    /// <summary>The node's disk is full.</summary>
    public const int StorageFull = -32015;
    /// <summary>The uploaded bytes do not agree with their manifest.</summary>
    public const int BadUpload = -32016;
    /// <summary>A contract refused a view call; the message is the contract's.</summary>
    public const int ContractFailed = -32017;

    /// <summary>The transaction is refused for a reason without a code of its own.</summary>
    public const int TransactionRejected = -32020;
    /// <summary>The transaction's nonce is ahead of the account's.</summary>
    public const int NonceGap = -32021;
    /// <summary>The transaction's nonce was used before.</summary>
    public const int NonceUsed = -32022;
    /// <summary>The transaction's expiry height has passed, or lies too far ahead.</summary>
    public const int TransactionExpired = -32023;
    /// <summary>The sender's or sponsor's signature on the transaction is wrong.</summary>
    public const int TransactionSignature = -32024;
    /// <summary>The transaction is for another chain.</summary>
    public const int WrongChain = -32025;
    /// <summary>The node's queue of waiting transactions is full.</summary>
    public const int MempoolFull = -32026;
    /// <summary>The bytes are not a transaction.</summary>
    public const int TransactionMalformed = -32027;
    /// <summary>The transaction's gas limit is below the least or above the most.</summary>
    public const int GasLimit = -32028;

    /// <summary>The connection has as many subscriptions as are allowed.</summary>
    public const int TooManySubscriptions = -32040;
    /// <summary>The connection did not take its notifications fast enough and is closed.</summary>
    public const int SlowConsumer = -32041;

    /// <summary>The whole table, in the order of codes.</summary>
    public static IReadOnlyList<RpcErrorInfo> All { get; } =
    [
        new(ParseError, nameof(ParseError), "the bytes are not JSON"),
        new(InvalidParams, nameof(InvalidParams), "a parameter is missing, unknown or wrong; the message names it"),
        new(InvalidRequest, nameof(InvalidRequest), "JSON, but not a JSON-RPC 2.0 request"),
        new(MethodNotFound, nameof(MethodNotFound), "there is no such method"),
        new(InternalError, nameof(InternalError), "a fault of the node; the reference in data finds it in the node's log"),
        new(NotAuthorised, nameof(NotAuthorised), "the request is not signed, or its signer may not do this"),
        new(BadSignature, nameof(BadSignature), "the signature does not fit the request"),
        new(WrongNode, nameof(WrongNode), "the request was signed for another node"),
        new(Replayed, nameof(Replayed), "this nonce was used before"),
        new(Expired, nameof(Expired), "the request's expiry has passed or is more than five minutes ahead"),
        new(RateLimited, nameof(RateLimited), "more calls than the node allows one client"),
        new(Busy, nameof(Busy), "the node is at its limit of work; try again later or at another node"),
        new(NodeBehind, nameof(NodeBehind), "the node's newest block is too old to decide on"),
        new(NotFound, nameof(NotFound), "what was asked for is not here"),
        new(OverQuota, nameof(OverQuota), "the owner's storage quota does not allow it"),
        new(TimedOut, nameof(TimedOut), "the call took longer than the node allows"),
        new(TooLarge, nameof(TooLarge), "more bytes or elements than the node accepts"),
        new(Denied, nameof(Denied), "the owner's contract does not permit it"),
        new(WrongTransport, nameof(WrongTransport), "the method exists, but not over this transport"),
        new(StorageFull, nameof(StorageFull), "the node's disk is full"),
        new(BadUpload, nameof(BadUpload), "the uploaded bytes do not agree with their manifest"),
        new(ContractFailed, nameof(ContractFailed), "a contract refused the view call"),
        new(TransactionRejected, nameof(TransactionRejected), "the transaction is refused; the message says why"),
        new(NonceGap, nameof(NonceGap), "the transaction's nonce is ahead of the account's"),
        new(NonceUsed, nameof(NonceUsed), "the transaction's nonce was used before"),
        new(TransactionExpired, nameof(TransactionExpired), "the transaction's expiry height has passed or is too far ahead"),
        new(TransactionSignature, nameof(TransactionSignature), "a signature on the transaction is wrong"),
        new(WrongChain, nameof(WrongChain), "the transaction is for another chain"),
        new(MempoolFull, nameof(MempoolFull), "the node's queue of waiting transactions is full"),
        new(TransactionMalformed, nameof(TransactionMalformed), "the bytes are not a transaction"),
        new(GasLimit, nameof(GasLimit), "the transaction's gas limit is too low or too high"),
        new(TooManySubscriptions, nameof(TooManySubscriptions), "the connection has as many subscriptions as are allowed"),
        new(SlowConsumer, nameof(SlowConsumer), "notifications were not taken fast enough; the connection is closed"),
    ];

    private static readonly Dictionary<int, string> Names = All.ToDictionary(e => e.Code, e => e.Name);

    /// <summary>The name of a code, or the number as text when the table does not have it.</summary>
    public static string NameOf(int code) => Names.TryGetValue(code, out string? name) ? name : code.ToString();
}

/// <summary>
/// An error as JSON-RPC carries it. A method handler throws it to answer with that code; a client throws it for an answer that
/// is an error. The message goes to the caller as it is, so it never holds a name, a phone number or a medical fact.
/// </summary>
public sealed class RpcException(int code, string message, object? details = null) : Exception(message)
{
    /// <summary>A code of <see cref="RpcErrors"/>.</summary>
    public int Code { get; } = code;

    /// <summary>The <c>data</c> member: on the server any JSON-serialisable value, on the client a JsonElement; or null.</summary>
    public object? Details { get; } = details;

    /// <summary>A wrong parameter: <c>name: problem</c>.</summary>
    public static RpcException Parameter(string name, string problem) => new(RpcErrors.InvalidParams, $"{name}: {problem}");

    /// <summary>Something that is not here.</summary>
    public static RpcException NotFound(string what) => new(RpcErrors.NotFound, what);
}
