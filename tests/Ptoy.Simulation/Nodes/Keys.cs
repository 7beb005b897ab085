using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Simulation;

/// <summary>The node keys of simulated networks: identity i has the i-th key in every network.</summary>
internal static class Keys
{
    private static readonly Validator[] All = [.. Enumerable.Range(0, 255).Select(i =>
    {
        var bytes = new byte[32];
        bytes.AsSpan().Fill((byte)(i + 1));
        return new Validator(new PublicKey(SuiteId.Ed25519, bytes), new Address(Digest.Of("ptoy/sim/org", bytes)));
    })];

    private static readonly CheapSigner[] Signers = [.. All.Select(v => new CheapSigner(v.NodeKey))];

    public static Validator Of(int identity) => All[identity];

    public static INodeSigner SignerOf(int identity) => Signers[identity];

    public static ValidatorSet Set(ulong epoch, IEnumerable<int> identities) => ValidatorSet.Of(epoch, [.. identities.Select(Of)]);
}

/// <summary>One epoch of a simulated network.</summary>
internal sealed record Epoch(ValidatorSet Set, int[] Identities, MessageVerifier Verifier)
{
    public ulong Number => Set.Epoch;

    /// <summary>The place of an identity in the set, or −1.</summary>
    public int IndexOf(int identity) => Array.IndexOf(Identities, identity);
}
