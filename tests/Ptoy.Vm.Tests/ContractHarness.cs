using System.Text.Json;
using NUnit.Framework;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Vm.Tests;

/// <summary>
/// A chain in miniature: contract classes over a state in memory, called by anyone at any time and height. A call that fails
/// changes nothing; one that succeeds is kept.
/// </summary>
internal sealed class ContractHarness
{
    private readonly SortedDictionary<string, string> _state = new(StringComparer.Ordinal);

    private ContractHarness(Dictionary<string, ContractCode> classes, EmergencyLimits? emergency)
    {
        Vm = new ContractVm(classes, emergency);
    }

    public ContractVm Vm { get; }

    /// <summary>What <c>ctx.height</c>, <c>ctx.time</c> and <c>ctx.epoch</c> say from now on.</summary>
    public ulong Height { get; set; } = 1;

    public long TimeMs { get; set; } = 1_700_000_000_000;

    public ulong Epoch { get; set; } = 1;

    public Hash ChainId { get; set; } = Digest.Of("test/chain", [1]);

    public ulong GasLimit { get; set; } = 20_000_000;

    /// <summary>Every entry, as <c>Class/owner#key</c> (contract id text, key) to JSON text.</summary>
    public IReadOnlyDictionary<string, string> State => _state;

    /// <summary>The system contracts of the repository: <c>genesis/contracts/*.js</c>.</summary>
    public static ContractHarness System(EmergencyLimits? emergency = null)
    {
        string folder = Path.Combine(Root(), "genesis", "contracts");
        return new ContractHarness(
            Directory.GetFiles(folder, "*.js").Order(StringComparer.Ordinal).ToDictionary(
                file => Path.GetFileNameWithoutExtension(file),
                file => ContractCode.Compile(Path.GetFileNameWithoutExtension(file), File.ReadAllText(file))),
            emergency);
    }

    /// <summary>Contracts from sources: class name and text.</summary>
    public static ContractHarness Of(params (string Name, string Source)[] sources) => Of(null, sources);

    public static ContractHarness Of(EmergencyLimits? emergency, params (string Name, string Source)[] sources) =>
        new(sources.ToDictionary(s => s.Name, s => ContractCode.Compile(s.Name, s.Source)), emergency);

    /// <summary>This harness, with a copy of another's state.</summary>
    public ContractHarness WithStateOf(ContractHarness other)
    {
        foreach ((string key, string json) in other._state) _state[key] = json;
        return this;
    }

    /// <summary>An account, the same for the same name.</summary>
    public static SigningKey Account(string name) => new(Digest.Of("test/account", global::System.Text.Encoding.UTF8.GetBytes(name)).ToArray());

    /// <summary>Runs a call (a transaction) as an account; <paramref name="caller"/> may be empty for genesis and the system.</summary>
    public CallResult Call(string caller, string contract, string method, params object?[] arguments) =>
        Run(caller, contract, method, readOnly: false, JsonSerializer.Serialize(arguments));

    /// <summary>Runs a view as an account.</summary>
    public CallResult View(string caller, string contract, string method, params object?[] arguments) =>
        Run(caller, contract, method, readOnly: true, JsonSerializer.Serialize(arguments));

    /// <summary>A call that must succeed; its result.</summary>
    public JsonElement Ok(string caller, string contract, string method, params object?[] arguments) =>
        Must(Call(caller, contract, method, arguments), contract, method);

    /// <summary>A view that must succeed; its result.</summary>
    public JsonElement Ask(string caller, string contract, string method, params object?[] arguments) =>
        Must(View(caller, contract, method, arguments), contract, method);

    /// <summary>A call that must fail; its error.</summary>
    public string Refused(string caller, string contract, string method, params object?[] arguments)
    {
        CallResult result = Call(caller, contract, method, arguments);
        Assert.That(result.Status, Is.EqualTo(CallStatus.Failed), $"{contract}.{method} gave {result.ResultJson} {result.Error}");
        return result.Error;
    }

    /// <summary>Runs with arguments as JSON text.</summary>
    public CallResult Run(string caller, string contract, string method, bool readOnly, string argumentsJson)
    {
        if (!ContractId.TryParse(contract, out ContractId? id)) throw new ArgumentException($"'{contract}' is not a contract id", nameof(contract));
        var overlay = new StateOverlay((of, key) => _state.GetValueOrDefault($"{of}#{key}"));
        CallResult result = Vm.Execute(
            new CallRequest
            {
                Contract = id!,
                Method = method,
                ArgumentsJson = argumentsJson,
                Caller = caller,
                Sender = caller,
                Height = Height,
                TimeMs = TimeMs,
                ChainId = ChainId,
                TxHash = Digest.Of("test/tx", [1]),
                Epoch = Epoch,
                GasLimit = GasLimit,
                ReadOnly = readOnly,
            },
            overlay);
        foreach (StateWrite write in overlay.Writes())
        {
            if (write.Json is null) _state.Remove($"{write.Contract}#{write.Key}");
            else _state[$"{write.Contract}#{write.Key}"] = write.Json;
        }
        return result;
    }

    private static JsonElement Must(CallResult result, string contract, string method)
    {
        Assert.That(result.Status, Is.EqualTo(CallStatus.Ok), $"{contract}.{method}: {result.Error}");
        return JsonDocument.Parse(result.ResultJson).RootElement;
    }

    private static string Root()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Ptoy.sln"))) return at.FullName;
        }
        throw new InvalidOperationException("the repository's root was not found above the test binaries");
    }
}
