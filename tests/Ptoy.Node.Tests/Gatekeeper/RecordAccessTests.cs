using NUnit.Framework;
using Ptoy.Client.Sealing;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using static Ptoy.Node.Tests.Gatekeeper.SingleNode;

namespace Ptoy.Node.Tests.Gatekeeper;

/// <summary>Access to an organisation's copies: for the organisation and everyone it acts for, decided and logged like any access.</summary>
[TestFixture]
internal sealed class RecordAccessTests
{
    private SingleNode _node = null!;
    private string _record = "";

    [SetUp]
    public async Task Start()
    {
        _node = await SingleNode.StartAsync();
        var builder = new ManifestBuilder(Patient.Address, 0, new Dictionary<Hash, PublicKey> { [Goals] = Vault.Public });
        _record = builder.Add("{\"resourceType\":\"Goal\"}"u8.ToArray(), Goals).ToString();
        await _node.RegisterAsync(builder.Build());
        _node.Certify(Actors.Hospital, "organisation");
        _node.Certify(Actors.App, "service");
        _node.Commit(Actors.Hospital, new ContractId("Provider", Actors.Hospital.Address), "create", new { name = "H", sealingKey = Vault.Public.ToString() });
    }

    [TearDown]
    public async Task Stop() => await _node.DisposeAsync();

    [Test]
    public async Task What_both_are_permitted_is_permitted_and_the_log_names_who_was_acted_for()
    {
        Grant(new { organisation = Actors.Hospital.Address.ToString() });
        Grant(new { person = Actors.App.Address.ToString() });
        RecordAccessResult answer = await AccessAsync();
        Assert.That(answer.Permitted, Is.EqualTo(new[] { _record }));
        AccessEntry entry = _node.Store.Access.OfOwner(Patient.Address, 0).Last().Entry;
        Assert.That((entry.Outcome, entry.Requester, entry.OnBehalfOf, entry.Purpose, entry.Records.Single().ToString()),
            Is.EqualTo((AccessOutcome.Permit, Actors.Hospital.Public, Actors.App.Address, "TREAT", _record)));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task The_grant_of_one_alone_is_not_enough(bool ofHospital)
    {
        Grant(ofHospital ? new { organisation = Actors.Hospital.Address.ToString() } : new { person = Actors.App.Address.ToString() });
        RpcException denied = (await Assert.ThrowsAsync<RpcException>(AccessAsync))!;
        Assert.That(denied.Code, Is.EqualTo(RpcErrors.Denied));
        Assert.That(_node.Store.Access.OfOwner(Patient.Address, 0).Last().Entry.Outcome, Is.EqualTo(AccessOutcome.Deny));
    }

    [Test]
    public async Task Revoking_either_ends_it_at_once()
    {
        Grant(new { organisation = Actors.Hospital.Address.ToString() });
        string app = Grant(new { person = Actors.App.Address.ToString() });
        await AccessAsync();
        _node.Commit(Patient, new ContractId("Patient", Patient.Address), "revoke", int.Parse(app));
        Assert.That((await Assert.ThrowsAsync<RpcException>(AccessAsync))!.Code, Is.EqualTo(RpcErrors.Denied));
    }

    [Test]
    public async Task Asking_what_is_permitted_is_no_access()
    {
        Grant(new { organisation = Actors.Hospital.Address.ToString() });
        Grant(new { person = Actors.App.Address.ToString() });
        int before = _node.Store.Access.OfOwner(Patient.Address, 0).Count();
        var asked = new RecordPermitsParams(
            Patient.Address.ToString(), [_record], "TREAT", [Actors.App.Address.ToString()], "read", [Goals.ToString(), Encounters.ToString()]);
        RecordPermitsResult answer = await _node.Gate.PermitsAsync(_node.Caller(Actors.Hospital, Actors.App.Address), asked, default);
        Assert.That((answer.Any, answer.Permitted.Single(), answer.PermittedTags.Single()), Is.EqualTo((true, _record, Goals.ToString())));
        Assert.That(_node.Store.Access.OfOwner(Patient.Address, 0).Count(), Is.EqualTo(before));
    }

    [Test]
    public async Task What_is_malformed_is_named()
    {
        string owner = Patient.Address.ToString(), app = Actors.App.Address.ToString();
        Assert.That(await RefusalAsync(new(owner, [], "TREAT", [], "read")), Is.EqualTo("actors: 0 accounts, not 1 to 4"));
        Assert.That(await RefusalAsync(new(owner, [], "TREAT", ["nobody"], "read")), Is.EqualTo("actors: not a ptoy1… address"));
        Assert.That(await RefusalAsync(new(owner, [], "TREAT", [app], "write")), Is.EqualTo("action: not read or search"));
        Assert.That(await RefusalAsync(new(owner, [], "TREAT", [owner], "read")),
            Is.EqualTo("actors: the request is signed on behalf of an account that is not among them"));
    }

    private async Task<string> RefusalAsync(RecordAccessParams asked) =>
        (await Assert.ThrowsAsync<RpcException>(() => _node.Gate.AccessAsync(_node.Caller(Actors.Hospital, Actors.App.Address), asked, default)))!.Message;

    private Task<RecordAccessResult> AccessAsync() => _node.Gate.AccessAsync(
        _node.Caller(Actors.Hospital, Actors.App.Address), new RecordAccessParams(Patient.Address.ToString(), [_record], "TREAT", [Actors.App.Address.ToString()], "read"), default);

    private string Grant(object actor) => _node.Commit(Patient, new ContractId("Patient", Patient.Address), "grant", new
    {
        type = "permit", actor, actions = new[] { "read" }, purposes = new[] { "TREAT" }, tags = new[] { Goals.ToString() },
    }).Result;
}

/// <summary>Accounts of these tests, the same in all of them.</summary>
internal static class Actors
{
    public static SigningKey Hospital { get; } = TestTransactions.Key(55);

    public static SigningKey App { get; } = TestTransactions.Key(56);
}
