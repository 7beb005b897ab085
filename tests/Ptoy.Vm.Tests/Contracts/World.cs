using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Vm.Tests.Contracts;

/// <summary>A contract refused; the message is what its receipt would say.</summary>
public sealed class RefusedException(string message) : Exception(message);

/// <summary>
/// A chain reduced to its state: the system contracts of the genesis folder on the real VM, with accounts, time and height set by
/// the test.
/// </summary>
public sealed class World
{
    private static readonly Lazy<Dictionary<string, ContractCode>> Classes = new(CompileAll);
    private readonly Dictionary<(ContractId, string), string> _state;
    private ContractVm Vm { get; } = new(Classes.Value);

    public World() => _state = [];

    private World(World other)
    {
        _state = new Dictionary<(ContractId, string), string>(other._state);
        TimeMs = other.TimeMs;
        Height = other.Height;
    }

    public long TimeMs { get; set; } = 1_800_000_000_000;

    public ulong Height { get; set; }

    public ulong LastGas { get; private set; }

    public List<ContractEvent> Events { get; } = [];

    public static Hash ChainId { get; } = Digest.Of("test/chain", default);

    public World Copy() => new(this);

    /// <summary>The signing key of a named account; the same name gives the same key.</summary>
    public static SigningKey Key(string name) => new(Seed("sign", name));

    public static string Account(string name) => Key(name).Address.ToString();

    /// <summary>A sealing key's public half as text. Its bytes are any 32: contracts never use the key.</summary>
    public static PublicKey Sealing(string name) => new(SuiteId.HpkeX25519, Seed("seal", name));

    public static string Hex(string name) => Digest.Of("test/hash", Encoding.UTF8.GetBytes(name)).ToString();

    /// <summary>A transaction. Throws <see cref="RefusedException"/> when it fails.</summary>
    public JsonElement Send(string caller, string contract, string method, params object?[] arguments)
    {
        var overlay = new StateOverlay((id, key) => _state.GetValueOrDefault((id, key)));
        JsonElement result = Run(overlay, caller, contract, method, arguments, false);
        foreach (StateWrite write in overlay.Writes())
        {
            if (write.Json is null) _state.Remove((write.Contract, write.Key));
            else _state[(write.Contract, write.Key)] = write.Json;
        }
        return result;
    }

    public JsonElement View(string caller, string contract, string method, params object?[] arguments)
    {
        var overlay = new StateOverlay((id, key) => _state.GetValueOrDefault((id, key)));
        JsonElement result = Run(overlay, caller, contract, method, arguments, true);
        Assert.That(overlay.Writes(), Is.Empty, "a view wrote");
        return result;
    }

    /// <summary>The message with which a transaction is refused; the test fails when it is not, or when it changed the state.</summary>
    public string Refusal(string caller, string contract, string method, params object?[] arguments)
    {
        Dictionary<(ContractId, string), string> before = new(_state);
        string message = Assert.Throws<RefusedException>(() => Send(caller, contract, method, arguments))!.Message;
        Assert.That(_state, Is.EqualTo(before), "a refused call changed the state");
        return message;
    }

    /// <summary>A state value as JSON text, or null.</summary>
    public string? State(string contract, string key) => _state.GetValueOrDefault((Id(contract), key));

    /// <summary>Every entry of a contract whose key begins so.</summary>
    public IEnumerable<string> StateValues(string contract, string prefix)
    {
        ContractId id = Id(contract);
        return _state.Where(e => e.Key.Item1 == id && e.Key.Item2.StartsWith(prefix, StringComparison.Ordinal)).Select(e => e.Value);
    }

    public int EventsNamed(string name) => Events.Count(e => e.Name == name);

    private JsonElement Run(StateOverlay overlay, string caller, string contract, string method, object?[] arguments, bool readOnly)
    {
        var request = new CallRequest
        {
            Contract = Id(contract), Method = method, ArgumentsJson = JsonSerializer.Serialize(arguments),
            Caller = caller, Sender = caller, Height = Height, TimeMs = TimeMs, ChainId = ChainId, ReadOnly = readOnly, GasLimit = 100_000_000,
        };
        CallResult result = Vm.Execute(request, overlay);
        LastGas = result.GasUsed;
        Assert.That(result.Status, Is.Not.EqualTo(CallStatus.EmergencyStop), result.Error);
        if (result.Status != CallStatus.Ok) throw new RefusedException(result.Error);
        Events.AddRange(result.Events);
        using JsonDocument document = JsonDocument.Parse(result.ResultJson);
        return document.RootElement.Clone();
    }

    private static ContractId Id(string contract) =>
        ContractId.TryParse(contract, out ContractId? id) ? id! : throw new ArgumentException($"{contract} is not a contract id");

    private static byte[] Seed(string use, string name) => Digest.Of("test/seed", Encoding.UTF8.GetBytes($"{use}/{name}")).ToArray();

    private static Dictionary<string, ContractCode> CompileAll()
    {
        string folder = Path.Combine(Root(), "genesis", "contracts");
        return Directory.GetFiles(folder, "*.js").ToDictionary(
            file => Path.GetFileNameWithoutExtension(file),
            file => ContractCode.Compile(Path.GetFileNameWithoutExtension(file), File.ReadAllText(file)));
    }

    private static string Root()
    {
        DirectoryInfo? at = new(TestContext.CurrentContext.TestDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "Ptoy.sln"))) at = at.Parent;
        return at?.FullName ?? throw new InvalidOperationException("the tests do not run inside the repository");
    }
}
