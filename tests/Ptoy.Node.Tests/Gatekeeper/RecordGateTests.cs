using System.Text;
using NUnit.Framework;
using Ptoy.Client.Sealing;
using Ptoy.Node.Gatekeeper;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Audit;
using static Ptoy.Node.Tests.Gatekeeper.SingleNode;

namespace Ptoy.Node.Tests.Gatekeeper;

/// <summary>What the gatekeeper refuses, with which message, and that the access log has every decision.</summary>
[TestFixture]
internal sealed class RecordGateTests
{
    private SingleNode _node = null!;
    private UploadPackage _package = null!;
    private string _record = "";

    [SetUp]
    public async Task Start()
    {
        _node = await SingleNode.StartAsync();
        _package = Package();
        _record = _package.Manifest.Entries[0].RecordId.ToString();
        await _node.RegisterAsync(_package);
    }

    [TearDown]
    public async Task Stop() => await _node.DisposeAsync();

    [Test]
    public async Task The_owner_reads_and_the_log_says_so()
    {
        RecordGetResult answer = await GetAsync(Patient);
        Assert.That(answer.Records.Single().Sealed, Is.EqualTo(_package.Sealed[0]));
        LoggedAccess entry = Reads().Single();
        Assert.That((entry.Entry.Outcome, entry.Entry.Purpose), Is.EqualTo((AccessOutcome.Permit, "PATRQT")));
    }

    [Test]
    public async Task A_stranger_is_denied_and_the_denial_is_in_the_log()
    {
        _node.Certify(Stranger, "patient");
        RpcException denied = await RefusedAsync(() => GetAsync(Stranger, "TREAT"));
        Assert.That(denied.Code, Is.EqualTo(RpcErrors.Denied));
        Assert.That(denied.Message, Does.StartWith("the owner's contract does not permit it: "));
        AccessEntry entry = Reads().Single().Entry;
        Assert.That((entry.Outcome, entry.Requester, entry.Records.Single().ToString()), Is.EqualTo((AccessOutcome.Deny, Stranger.Public, _record)));
    }

    [Test]
    public async Task An_unknown_record_looks_to_a_stranger_like_one_that_may_not_be_read()
    {
        _node.Certify(Stranger, "patient");
        string known = (await RefusedAsync(() => GetAsync(Stranger, "TREAT"))).Message;
        string unknown = (await RefusedAsync(() => GetAsync(Stranger, "TREAT", new string('a', 64)))).Message;
        Assert.That(unknown, Is.EqualTo(known));
        Assert.That(
            (await RefusedAsync(() => GetAsync(Patient, "PATRQT", new string('a', 64)))).Message,
            Is.EqualTo("the owner's contract does not permit it: no-such-record"));
    }

    [Test]
    public async Task Another_purpose_than_was_granted_is_denied()
    {
        Grant("TREAT", end: null);
        Assert.That((await GetAsync(Clinician, "TREAT")).Records, Has.Length.EqualTo(1));
        RpcException denied = await RefusedAsync(() => GetAsync(Clinician, "HRESCH"));
        Assert.That(denied.Code, Is.EqualTo(RpcErrors.Denied));
        Assert.That(
            Reads().Select(e => (e.Entry.Outcome, e.Entry.Purpose)),
            Is.EqualTo(new[] { (AccessOutcome.Permit, "TREAT"), (AccessOutcome.Deny, "HRESCH") }));
    }

    [Test]
    public async Task A_remembered_permission_ends_when_its_period_ends_though_no_block_came()
    {
        long end = _node.Clock.GetUtcNow().AddSeconds(10).ToUnixTimeMilliseconds();
        Grant("TREAT", end);
        Assert.That((await GetAsync(Clinician, "TREAT")).Records, Has.Length.EqualTo(1));
        _node.Clock.Advance(TimeSpan.FromSeconds(11));
        Assert.That((await RefusedAsync(() => GetAsync(Clinician, "TREAT"))).Code, Is.EqualTo(RpcErrors.Denied));
    }

    [Test]
    public async Task A_remembered_permission_ends_with_the_block_that_revokes_it()
    {
        string id = Grant("TREAT", end: null);
        Assert.That((await GetAsync(Clinician, "TREAT")).Records, Has.Length.EqualTo(1));
        _node.Commit(Patient, new ContractId("Patient", Patient.Address), "revoke", int.Parse(id));
        Assert.That((await RefusedAsync(() => GetAsync(Clinician, "TREAT"))).Code, Is.EqualTo(RpcErrors.Denied));
    }

    [Test]
    public async Task A_node_that_is_behind_does_not_decide()
    {
        _node.Clock.Advance(TimeSpan.FromSeconds(20));
        RpcException behind = await RefusedAsync(() => GetAsync(Patient));
        Assert.That((behind.Code, behind.Message), Is.EqualTo((RpcErrors.NodeBehind, "the node is behind: its newest block is 20 s old; ask another node")));
        _node.Tick();
        Assert.That(
            (await RefusedAsync(() => _node.Gate.ListAsync(_node.Caller(Patient), new RecordListParams(Patient.Address.ToString(), "PATRQT", MinHeight: 99), default))).Message,
            Does.EndWith("below the 99 asked for"));
    }

    [TestCase("ptoy1x", "TREAT", null, "owner: not a ptoy1… address")]
    [TestCase(null, "", null, "purpose: not an HL7 v3 purpose of use such as TREAT")]
    [TestCase(null, "for research, please", null, "purpose: not an HL7 v3 purpose of use such as TREAT")]
    [TestCase(null, "TREAT", "zz", "tags: not 64 hexadecimal characters")]
    [TestCase(null, "TREAT", null, "cursor: not a cursor of this method", "one:two")]
    public async Task What_is_malformed_is_named(string? owner, string purpose, string? tag, string message, string? cursor = null)
    {
        var asked = new RecordListParams(owner ?? Patient.Address.ToString(), purpose, tag is null ? null : [tag], Cursor: cursor);
        RpcException refusal = await RefusedAsync(() => _node.Gate.ListAsync(_node.Caller(Patient), asked, default));
        Assert.That((refusal.Code, refusal.Message), Is.EqualTo((RpcErrors.InvalidParams, message)));
    }

    [Test]
    public async Task Too_many_tags_and_records_are_refused_with_the_bound()
    {
        string owner = Patient.Address.ToString();
        string[] tags = [.. Enumerable.Repeat(Goals.ToString(), 257)];
        Assert.That(
            (await RefusedAsync(() => _node.Gate.ListAsync(_node.Caller(Patient), new RecordListParams(owner, "PATRQT", tags), default))).Message,
            Is.EqualTo("tags: 257 tags, more than 256"));
        Assert.That(
            (await RefusedAsync(() => _node.Gate.GetAsync(_node.Caller(Patient), new RecordGetParams(owner, tags, "PATRQT"), default))).Message,
            Is.EqualTo("recordIds: 257 records, not 1 to 256"));
    }

    [Test]
    public async Task An_uncertified_uploader_is_refused_before_its_bytes_are_looked_at()
    {
        RpcException refusal = await RefusedAsync(() => _node.Gate.UploadAsync(_node.Caller(Stranger), new byte[] { 1, 2, 3 }, default));
        Assert.That((refusal.Code, refusal.Message), Is.EqualTo((RpcErrors.NotAuthorised, "the account is not certified by the key authority")));
    }

    [Test]
    public async Task A_package_with_changed_bytes_or_wraps_is_refused_naming_the_place()
    {
        UploadPackage other = Package();
        byte[] spoilt = [.. other.Sealed[0]];
        spoilt[^1] ^= 1;
        Assert.That(await RefusalAsync(Codec.Encode(other with { Sealed = [spoilt] })), Is.EqualTo("sealed[0] does not hash to what its entry says"));
        WrapSet wraps = other.Wraps with { Salts = [Hash.Zero] };
        Assert.That(await RefusalAsync(Codec.Encode(other with { Wraps = wraps })), Is.EqualTo("the wraps of entry 0 do not match its commitment"));
        UploadPackage second = Package();
        var mixed = new UploadPackage(
            new Manifest(Patient.Address, [Unwrapped(other.Manifest.Entries[0], 0), Unwrapped(second.Manifest.Entries[0], 1)]), new WrapSet([], [Hash.Zero, Hash.Zero]), [other.Sealed[0], second.Sealed[0]]);
        Assert.That(await RefusalAsync(Codec.Encode(mixed)), Is.EqualTo("the entries are of several epochs; a registration has one"));
        Assert.That(_node.Store.Records.Has(mixed.Manifest.Root()), Is.False);
        Assert.That(await RefusalAsync([1, 2, 3]), Is.EqualTo("UploadPackage: not decodable"));
        Assert.That(await RefusalAsync([.. Codec.Encode(other), 0]), Is.EqualTo("UploadPackage: 1 bytes after the end"));
    }

    [Test]
    public async Task An_upload_over_the_owners_quota_is_refused_with_what_is_left()
    {
        // Nobody without a vault has free storage beyond a patient's allowance: one declared entry above it is enough.
        UploadPackage huge = Package(Encoding.UTF8.GetBytes(new string('x', 12_000_000)));
        RpcException refusal = await RefusedAsync(async () =>
        {
            for (int i = 0; i < 100; i++) await _node.RegisterAsync(i == 0 ? huge : Package(Encoding.UTF8.GetBytes(new string('y', 12_000_000))));
        });
        Assert.That(refusal.Code, Is.EqualTo(RpcErrors.OverQuota));
        Assert.That(refusal.Message, Does.Match("the records have [0-9]+ bytes; the owner has [0-9]+ left. Buy storage: ptoy wallet buy-storage"));
    }

    [Test]
    public async Task The_access_log_is_for_whom_the_owner_permits_it_for_that_purpose_and_each_listing_is_in_it()
    {
        var service = _node.Caller(Clinician);
        Grant("FRAUD", end: null);
        RpcException records = await RefusedAsync(() => _node.Gate.RequireAccessLogAsync(service, Patient.Address, "FRAUD"));
        Assert.That(records.Code, Is.EqualTo(RpcErrors.NotAuthorised), "who may read records may not read the log for that");
        _node.Commit(Patient, new ContractId("Patient", Patient.Address), "grant", new
        {
            type = "permit", actor = new { person = Clinician.Address.ToString() }, actions = new[] { "search" }, purposes = new[] { "FRAUD" },
            tags = new[] { Compartments.AccessLogTag.ToString() }, period = new { },
        });
        Assert.That((await RefusedAsync(() => _node.Gate.RequireAccessLogAsync(service, Patient.Address, "TREAT"))).Code, Is.EqualTo(RpcErrors.NotAuthorised));
        await _node.Gate.RequireAccessLogAsync(service, Patient.Address, "FRAUD");
        Assert.That(
            _node.Store.Access.OfOwner(Patient.Address, 0).Select(e => e.Entry).Where(e => e.Tags.Contains(Compartments.AccessLogTag)).Select(e => (e.Outcome, e.Purpose)),
            Is.EqualTo(new[] { (AccessOutcome.Deny, "FRAUD"), (AccessOutcome.Deny, "TREAT"), (AccessOutcome.Permit, "FRAUD") }));
    }

    private async Task<string> RefusalAsync(byte[] body)
    {
        RpcException refusal = await RefusedAsync(() => _node.Gate.UploadAsync(_node.Caller(Patient), body, default));
        Assert.That(refusal.Code, Is.EqualTo(RpcErrors.BadUpload));
        return refusal.Message;
    }

    private IEnumerable<LoggedAccess> Reads() => _node.Store.Access.OfOwner(Patient.Address, 0).Where(e => e.Entry.Action == AccessAction.Read);

    private static async Task<RpcException> RefusedAsync(Func<Task> act) => (await Assert.ThrowsAsync<RpcException>(async () => await act()))!;

    private string Grant(string purpose, long? end)
    {
        object period = end is null ? new { } : new { end };
        return _node.Commit(Patient, new ContractId("Patient", Patient.Address), "grant", new
        {
            type = "permit", actor = new { person = Clinician.Address.ToString() }, actions = new[] { "read" }, purposes = new[] { purpose }, tags = new[] { Goals.ToString() }, period,
        }).Result;
    }

    private static ManifestEntry Unwrapped(ManifestEntry entry, byte epoch) =>
        entry with { Epoch = epoch, WrapCommitment = WrapSet.Commitment(Hash.Zero, []) };

    private static UploadPackage Package(byte[]? content = null)
    {
        var builder = new ManifestBuilder(Patient.Address, 0, new Dictionary<Hash, PublicKey> { [Goals] = Vault.Public });
        builder.Add(content ?? "{\"resourceType\":\"Goal\"}"u8.ToArray(), Goals);
        return builder.Build();
    }

    private Task<RecordGetResult> GetAsync(SigningKey who, string purpose = "PATRQT", string? record = null) =>
        _node.Gate.GetAsync(_node.Caller(who), new RecordGetParams(Patient.Address.ToString(), [record ?? _record], purpose), default);
}
