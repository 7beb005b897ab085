using NUnit.Framework;
using Ptoy.Client.Light;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Node.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Tests.Light;

/// <summary>A node that tells of three epochs, truly or not, and shows state of the last one.</summary>
[TestFixture]
internal sealed class EpochFollowerTests
{
    private static readonly SigningKey[] Keys = [.. Enumerable.Range(1, 7).Select(i => new SigningKey([.. Enumerable.Repeat((byte)i, SigningKey.SeedSize)]))];
    private static readonly ValidatorSet First = SetOf(0, 0, 1, 2, 3), Second = SetOf(1, 0, 1, 2, 3, 4), Third = SetOf(2, 0, 2, 3, 4);
    private static readonly Genesis Genesis = new("test", 1, 1, First, [new GenesisContract("Token", "class Token {}")], []);
    private static readonly Hash ChainId = Genesis.ComputeChainId();
    private static readonly ContractId Token = ContractId.Single("Token");

    [OneTimeTearDown]
    public void Forget() => Array.ForEach(Keys, k => k.Dispose());

    [Test]
    public async Task State_of_a_later_epoch_is_believed_after_its_validators_were_followed_from_genesis()
    {
        await using RpcServer node = await NodeAsync([Start(50, First, Second, 0, 1, 2), Start(90, Second, Third, 0, 2, 3, 4)], Certified(2, 95, Third, 0, 2, 4));
        await using RpcClient rpc = RpcClient.Http(node.Addresses[0]);
        var light = new LightClient(Genesis);
        VerifiedValue value = await new VerifiedClient(rpc, light).StateAsync(Token, "supply");
        Assert.That((value.Value, value.Height, light.Epochs.Newest.Epoch), Is.EqualTo(("\"5\"", 95UL, 2UL)));
    }

    [Test]
    public async Task A_workflow_follows_by_itself()
    {
        await using RpcServer node = await NodeAsync([Start(50, First, Second, 0, 1, 2)], Certified(1, 60, Second, 0, 1, 2, 4));
        await using NodeConnection connection = await NodeConnection.ConnectAsync(node.Addresses[0], TrustedChain.From(Genesis), Keys[6]);
        Assert.That(await connection.ProvenAsync(Token, "supply"), Is.EqualTo("\"5\""));
        Assert.That(connection.Chain.Validators.Count, Is.EqualTo(5));
    }

    [Test]
    public async Task A_node_that_names_its_own_validators_is_caught()
    {
        ValidatorSet mine = SetOf(1, 3, 4, 5, 6);
        EpochStart[] lies =
        [
            Start(50, First, Second, 0, 1, 2) with { Validators = mine },
            Start(50, First, mine, 3),
            Start(50, SetOf(0, 3, 4, 5, 6), mine, 3, 4, 5, 6),
        ];
        foreach (EpochStart lie in lies)
        {
            await using RpcServer node = await NodeAsync([lie], Certified(1, 60, mine, 3, 4, 5, 6));
            await using RpcClient rpc = RpcClient.Http(node.Addresses[0]);
            var light = new LightClient(Genesis);
            Assert.That(async () => await new VerifiedClient(rpc, light).StateAsync(Token, "supply"),
                Throws.TypeOf<ProofException>().With.Property(nameof(ProofException.Part)).EqualTo(ProofPart.Epoch));
            Assert.That(light.Epochs.Newest.Epoch, Is.Zero);
        }
    }

    [Test]
    public async Task Those_who_left_cannot_speak_for_heights_after_their_epoch()
    {
        EpochStart start = Start(50, First, Second, 0, 1, 2);
        await using RpcServer node = await NodeAsync([start], Certified(0, 60, First, 0, 1, 3));
        await using RpcClient rpc = RpcClient.Http(node.Addresses[0]);
        var light = new LightClient(Genesis);
        EpochFollower.Take(light.Epochs, Codec.Encode(start));
        Assert.That(async () => await new VerifiedClient(rpc, light).StateAsync(Token, "supply"),
            Throws.TypeOf<ProofException>().With.Message.Contain("after epoch 0, which ended at 50"));
    }

    [Test]
    public async Task A_node_that_hides_an_epoch_proves_nothing_of_it()
    {
        await using RpcServer node = await NodeAsync([], Certified(1, 60, Second, 0, 1, 2, 4));
        await using RpcClient rpc = RpcClient.Http(node.Addresses[0]);
        Assert.That(async () => await new VerifiedClient(rpc, new LightClient(Genesis)).StateAsync(Token, "supply"),
            Throws.TypeOf<ProofException>().With.Message.Contain("epoch 1 is not known"));
        await using NodeConnection connection = await NodeConnection.ConnectAsync(node.Addresses[0], TrustedChain.From(Genesis), Keys[6]);
        Assert.That(async () => await connection.ProvenAsync(Token, "supply"), Throws.TypeOf<UnknownEpochException>());
    }

    private static ValidatorSet SetOf(ulong epoch, params int[] keys) => ValidatorSet.Of(epoch, [.. keys.Select(k => new Validator(Keys[k].Public, Keys[k].Address))]);

    private static StateEntry[] State { get; } =
        [new StateEntry(StateHash.Key("Token//supply"), StateHash.Value("\"5\"")), new StateEntry(StateHash.Key("Token//other"), StateHash.Value("1"))];

    private static ExecutionCertificate Certified(ulong epoch, ulong height, ValidatorSet set, params int[] signers) =>
        Signed(new ExecutionStatement(ChainId, epoch, height, Hash.Zero, StateTree.Root(State), Hash.Zero, Hash.Zero, 1), set, signers);

    private static EpochStart Start(ulong barrier, ValidatorSet before, ValidatorSet next, params int[] signers) => new(
        next, Signed(new ExecutionStatement(ChainId, before.Epoch, barrier, Hash.Zero, Hash.Zero, Hash.Zero, next.ComputeHash(), 1), before, signers));

    private static ExecutionCertificate Signed(ExecutionStatement statement, ValidatorSet set, int[] signers) => new(
        statement,
        [.. signers.Select(k => (Index: set.IndexOf(Keys[k].Public), Key: Keys[k])).OrderBy(s => s.Index)
            .Select(s => new ReplicaSignature((byte)s.Index, s.Key.Sign(ExecutionStatement.Domain, Codec.Encode(statement))))]);

    private static Task<RpcServer> NodeAsync(EpochStart[] epochs, ExecutionCertificate shown)
    {
        var proof = new ChainProofResult(
            shown.Statement.Height, "\"5\"", Codec.Encode(StateTree.Prove(State, StateHash.Key("Token//supply"))), Codec.Encode(shown));
        RpcMethod[] methods =
        [
            new()
            {
                Name = "chain_info", Summary = "-", Result = "-",
                Handler = (_, _, _) => Task.FromResult<object?>(new ChainInfoResult(
                    ChainId.ToString(), "test", shown.Statement.Height, 1, shown.Statement.Epoch, Keys[0].Public.ToString(), Keys[0].Address.ToString())),
            },
            new()
            {
                Name = "chain_proof", Summary = "-", Result = "-", Params = [new("contract", RpcType.String, true, ""), new("key", RpcType.String, true, "")],
                Handler = (_, _, _) => Task.FromResult<object?>(proof),
            },
            new()
            {
                Name = "chain_epochs", Summary = "-", Result = "-", Params = [new("from", RpcType.Integer, true, "")],
                Handler = (_, p, _) => Task.FromResult<object?>(new ChainEpochsResult(
                    (ulong)epochs.Length, [.. epochs.Where(e => e.Validators.Epoch >= p.GetProperty("from").GetUInt64()).Select(e => Codec.Encode(e))])),
            },
        ];
        return RpcServer.StartAsync(
            new RpcServerOptions { Listen = ["http://127.0.0.1:0"] },
            new RpcServices { Identity = new RpcIdentity(ChainId, Keys[0].Public), Methods = methods, Topics = [] });
    }
}
