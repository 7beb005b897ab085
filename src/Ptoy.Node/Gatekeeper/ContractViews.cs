using System.Collections.Concurrent;
using System.Text.Json;
using Ptoy.Node.Execution;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage;
using Ptoy.Storage.Ledger;
using Ptoy.Vm;

namespace Ptoy.Node.Gatekeeper;

/// <summary>The answer of a view: what it returned or why it failed, and the height of the state that it saw.</summary>
public sealed record ViewResult(ulong Height, string? Json, string Error)
{
    /// <summary>True when the view returned.</summary>
    public bool Ok => Json is not null;
}

/// <summary>
/// Asks contracts read-only questions on the newest executed state. Each question sees one height throughout, also while blocks
/// are being executed. Also tells when an instance's state last changed, so that answers can be kept until then.
/// </summary>
public sealed class ContractViews : IDisposable
{
    private const ulong GasPerView = 20_000_000;

    private readonly ContractVm _vm;
    private readonly NodeStore _store;
    private readonly Hash _chainId;
    private readonly VmPool _deciding = new(threads: 2, capacity: 4096);
    private readonly VmPool _asked = new(threads: 1, capacity: 1024);
    private readonly ConcurrentDictionary<string, ulong> _changed = new(StringComparer.Ordinal);

    /// <summary>Starts the view threads.</summary>
    public ContractViews(ContractVm vm, NodeStore store, Hash chainId) => (_vm, _store, _chainId) = (vm, store, chainId);

    /// <summary>Runs a view that the gatekeeper itself needs. <paramref name="caller"/> is who signed the request, or empty.</summary>
    public Task<ViewResult> AskAsync(ContractId contract, string method, string arguments, string caller) => AskAsync(_deciding, contract, method, arguments, caller);

    /// <summary>Runs a view that somebody asked for, on a thread of its own: no stranger's question delays a decision.</summary>
    public Task<ViewResult> AskForAsync(ContractId contract, string method, string arguments, string caller) => AskAsync(_asked, contract, method, arguments, caller);

    private Task<ViewResult> AskAsync(VmPool pool, ContractId contract, string method, string arguments, string caller)
    {
        var answer = new TaskCompletionSource<ViewResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool queued = pool.TryPost(() =>
        {
            try
            {
                answer.SetResult(Ask(contract, method, arguments, caller));
            }
#pragma warning disable CA1031 // every failure goes to the one who asked
            catch (Exception e)
#pragma warning restore CA1031
            {
                answer.SetException(e);
            }
        });
        if (!queued) answer.SetException(new Protocol.Rpc.RpcException(Protocol.Rpc.RpcErrors.Busy, "the contract threads are busy; try again"));
        return answer.Task;
    }

    /// <summary>The height at which an instance's state last changed, as far as this process saw it; 0 for "not since the start".</summary>
    public ulong ChangedAt(ContractId contract) => _changed.GetValueOrDefault(Prefix(contract));

    /// <summary>One state value of the newest height, or null.</summary>
    public string? State(ContractId contract, string key) => _store.State.Get(StatePath.Of(contract, key));

    /// <summary>The nonce text of an account as of the newest height, or null.</summary>
    public string? AccountState(Address account) => _store.State.Get(StatePath.Nonce(account));

    /// <summary>Notes what a block changed.</summary>
    public void OnExecuted(IReadOnlyList<KeyValuePair<string, string?>> writes, ulong height)
    {
        foreach ((string path, _) in writes)
        {
            int end = path.IndexOf('/', path.IndexOf('/', StringComparison.Ordinal) + 1);
            _changed[path[..end]] = height;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _deciding.Dispose();
        _asked.Dispose();
    }

    private ViewResult Ask(ContractId contract, string method, string arguments, string caller)
    {
        ExecutedBlock at = _store.Ledger.Last!;
        var state = new StateOverlay((id, key) => _store.State.GetAt(StatePath.Of(id, key), at.Height));
        CallResult result = _vm.Execute(
            new CallRequest
            {
                Contract = contract,
                Method = method,
                ArgumentsJson = arguments,
                Caller = caller,
                Sender = caller,
                Height = at.Height,
                TimeMs = (long)at.EffectiveTimeMs,
                ChainId = _chainId,
                GasLimit = GasPerView,
                ReadOnly = true,
            },
            state);
        return result.Status == CallStatus.Ok ? new ViewResult(at.Height, result.ResultJson, "") : new ViewResult(at.Height, null, result.Error);
    }

    private static string Prefix(ContractId contract) => contract.Owner.IsNone ? contract.Class + "/" : $"{contract.Class}/{contract.Owner.Value}";

    /// <summary>A JSON array of arguments.</summary>
    public static string Arguments(params object?[] arguments) => JsonSerializer.Serialize(arguments, Protocol.Rpc.RpcJson.Options);
}
