using BenchmarkDotNet.Attributes;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Vm;

namespace Ptoy.Bench;

/// <summary>
/// What a contract call costs the executor. Each benchmark runs a batch on a VM thread, as the executor does, so that the
/// hand-over to the thread is not measured.
/// </summary>
[MemoryDiagnoser]
public class VmBenchmarks
{
    private const int Batch = 1_000;

    private readonly string _from = AccountText(1);
    private readonly string _to = AccountText(2);
    private ContractVm _vm = null!;

    [GlobalSetup]
    public void Compile()
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "genesis", "contracts");
        _vm = new ContractVm(Directory.GetFiles(folder, "*.js").ToDictionary(
            file => Path.GetFileNameWithoutExtension(file),
            file => ContractCode.Compile(Path.GetFileNameWithoutExtension(file), File.ReadAllText(file))));
    }

    [Benchmark(OperationsPerInvoke = Batch)]
    public CallResult TokenTransfer() => Repeat("transfer", $"[\"{_to}\",\"1\"]");

    [Benchmark(OperationsPerInvoke = Batch)]
    public CallResult TokenSupply() => Repeat("supply", "[]");

    private CallResult Repeat(string method, string arguments) => VmThread.Run(() =>
    {
        CallResult? last = null;
        for (int i = 0; i < Batch; i++) last = Once(method, arguments);
        return last!;
    });

    private CallResult Once(string method, string arguments)
    {
        var overlay = new StateOverlay((_, key) => key == "b/" + _from ? "1000000000" : null);
        CallResult result = _vm.Execute(
            new CallRequest
            {
                Contract = ContractId.Single("Token"),
                Method = method,
                ArgumentsJson = arguments,
                Caller = _from,
                Sender = _from,
                Height = 1,
            },
            overlay);
        overlay.Writes();
        return result.Status == CallStatus.Ok ? result : throw new InvalidOperationException(result.Error);
    }

    private static string AccountText(byte seed) => new Address(Digest.Of("bench/account", [seed])).ToString();
}
