using NUnit.Framework;

namespace Ptoy.Vm.Tests;

/// <summary>The repository's own contracts are within the language.</summary>
internal sealed class SystemContractsCompileTests
{
    [Test]
    public void The_system_contracts_compile()
    {
        ContractHarness harness = ContractHarness.System();
        Assert.That(harness.Vm.Classes.Keys, Is.SupersetOf(new[] { "Token", "Patient", "Records", "Governance" }));
    }
}
