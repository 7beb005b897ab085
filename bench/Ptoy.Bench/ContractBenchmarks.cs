using System.Text.Json;
using BenchmarkDotNet.Attributes;
using Ptoy.EndToEnd.Network;
using Ptoy.Node.Config;
using Ptoy.Node.Devnet;
using Ptoy.Node.Execution;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Vm;

namespace Ptoy.Bench;

/// <summary>A grant on the state of a new network, as a block executes it: the costliest of the frequent calls.</summary>
public class ContractBenchmarks
{
    private const int Calls = 50;

    private readonly Dictionary<(ContractId, string), string?> _state = [];
    private readonly Consortium _consortium = new();
    private ContractVm _vm = null!;
    private string _patient = "";
    private string _hospital = "";
    private string _grant = "";

    [GlobalSetup]
    public void Setup()
    {
        string directory = Directory.CreateTempSubdirectory("ptoy-bench-").FullName;
        try
        {
            DevnetLayout layout = DevnetBuilder.Create(_consortium.Options(Path.Combine(directory, "net"), 31_600));
            Genesis genesis = GenesisFile.Parse(File.ReadAllText(layout.GenesisFile));
            _vm = new ContractVm(GenesisExecutor.Compile(genesis));
            foreach (GenesisCall call in genesis.Calls) Apply("", 0, call.Contract, call.Method, call.Arguments);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
        _hospital = _consortium.Hospitals[0].Address.ToString();
        Address patient = Sample.Account("patient");
        _patient = patient.ToString();
        string tag = Convert.ToHexStringLower(Sample.Bytes("tag"));
        string vaultKey = "2:" + Convert.ToHexStringLower(Sample.Bytes("vault"));
        string authority = _consortium.Authority.Address.ToString();
        Apply(authority, 1, ContractId.Single("Identity"), "certify", Json(_patient, new { sealingKey = vaultKey, roles = new[] { "patient" } }));
        Apply(_hospital, 1, new ContractId("Provider", _consortium.Hospitals[0].Address), "create",
            Json(new { name = "Hospital", sealingKey = _consortium.Hospitals[0].Sealing.Public.ToString() }));
        Apply(_patient, 1, new ContractId("Patient", patient), "create", Json(new { vaultKeys = new[] { new Dictionary<string, string> { [tag] = vaultKey } } }));
        _grant = Json(new
        {
            type = "permit", actor = new { organisation = _hospital, role = "clinician" }, actions = new[] { "read" },
            purposes = new[] { "TREAT" }, tags = new[] { tag },
        });
        Apply(_patient, 1, new ContractId("Patient", patient), "grant", _grant);
    }

    [Benchmark(Description = "VM: Patient.grant", OperationsPerInvoke = Calls)]
    public int Grant() => Many(_patient, new ContractId("Patient", Sample.Account("patient")), "grant", _grant);

    private int Many(string caller, ContractId contract, string method, string arguments) => VmThread.Run(() =>
    {
        for (int i = 0; i < Calls; i++)
        {
            CallResult result = Run(caller, 2, contract, method, arguments, new StateOverlay(Read));
            if (result.Status != CallStatus.Ok) throw new InvalidOperationException(result.Error);
        }
        return Calls;
    });

    private void Apply(string caller, ulong height, ContractId contract, string method, string arguments)
    {
        var overlay = new StateOverlay(Read);
        CallResult result = Run(caller, height, contract, method, arguments, overlay);
        if (result.Status != CallStatus.Ok) throw new InvalidOperationException($"{contract.Class}.{method}: {result.Error}");
        foreach (StateWrite write in overlay.Writes()) _state[(write.Contract, write.Key)] = write.Json;
    }

    private CallResult Run(string caller, ulong height, ContractId contract, string method, string arguments, StateOverlay overlay) => _vm.Execute(
        new CallRequest
        {
            Contract = contract, Method = method, ArgumentsJson = arguments, Caller = caller, Sender = caller, Height = height,
            TimeMs = 1_700_000_000_000, ChainId = new Hash(Sample.Bytes("chain")), GasLimit = 50_000_000,
        },
        overlay);

    private string? Read(ContractId contract, string key) => _state.GetValueOrDefault((contract, key));

    private static string Json(params object[] arguments) => JsonSerializer.Serialize(arguments);
}
