using System.Text;
using Ptoy.Node.Devnet;
using Ptoy.Protocol.Ledger;
using Ptoy.Vm;

namespace Ptoy.Fuzz;

/// <summary>Contract sources and the arguments of calls: whatever they are, the outcome is a refusal or a result, never a stop of the node.</summary>
internal static class ContractTargets
{
    private const string Echo = """
        class Echo {
          echo(value) { state.set('v', value); emit('said', { value }); return { value, kept: state.get('v') }; }
          fold(list) { let sum = 0; for (const item of list) { sum += item; } return sum; }
        }
        """;

    private const string Small = """
        class Counter {
          static views = ['value'];
          add(n) { require(n > 0, `n is ${n}`); const [a, ...b] = [n, 1]; state.set('n', this.value() + a); for (const x of b) { emit('x', { x }); } return (() => a)(); }
          value() { return state.get('n') || 0; }
        }
        """;

    public static IEnumerable<FuzzTarget> All()
    {
        string audit = DevnetBuilder.SystemContracts()["Audit"];
        yield return FuzzTarget.Of<ContractRejectedException>("contract.compile", Targets.Utf8(Small, Small, audit), bytes =>
        {
            string source = Encoding.UTF8.GetString(bytes);
            ContractCode.Compile(source.Contains("class Audit", StringComparison.Ordinal) ? "Audit" : "Counter", source);
        });
        var vm = new ContractVm(new Dictionary<string, ContractCode> { ["Echo"] = ContractCode.Compile("Echo", Echo) });
        byte[][] arguments = [.. Targets.Utf8("[1]", "[\"text\"]", "[{\"a\":[1,2,{\"b\":null}]}]", "[[1,2,3]]", "[\"\\ud83d\\ude00\",1e3,-0.5]")];
        foreach (string method in new[] { "echo", "fold" })
        {
            yield return new FuzzTarget($"contract.{method}", arguments, bytes =>
            {
                var state = new StateOverlay((_, _) => null);
                CallResult result = vm.Execute(
                    new CallRequest { Contract = ContractId.Single("Echo"), Method = method, ArgumentsJson = Encoding.UTF8.GetString(bytes) }, state);
                Targets.Require(result.Status != CallStatus.EmergencyStop, $"the node would halt: {result.Error}");
                Targets.Require(result.Status == CallStatus.Ok || result.Error.Length > 0, "failed without a reason");
                return result.Status == CallStatus.Ok;
            });
        }
    }
}
