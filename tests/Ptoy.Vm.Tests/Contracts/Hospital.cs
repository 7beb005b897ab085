using System.Text;
using System.Text.Json;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Vm.Tests.Contracts;

/// <summary>The cast that most tests share: four member hospitals, the key authority, a patient, and what they do often.</summary>
public sealed class Hospital
{
    public const string Letter = "letter";

    private static readonly Lazy<World> Start = new(Begin);

    public Hospital() => World = Start.Value.Copy();

    public World World { get; }

    public static string Authority { get; } = World.Account("authority");

    public static string Patient { get; } = World.Account("patient");

    public static string PatientContract { get; } = "Patient/" + Patient;

    /// <summary>A clinician employed at hospital B.</summary>
    public static string Clinician { get; } = World.Account("clinician");

    /// <summary>The connector of hospital A, which may write every compartment of the patient.</summary>
    public static string Connector { get; } = World.Account("connector");

    public static string Org(string letter) => World.Account("hospital " + letter);

    public static string OrgContract(string letter) => "Provider/" + Org(letter);

    public static string Tag(string name) =>
        name == Letter ? Digest.Of("ptoy/tag/letter", default).ToString() : World.Hex("tag " + name);

    public static string NodeKey(string letter) => World.Key("node " + letter).Public.ToString();

    public static Dictionary<string, string>[] VaultKeys(int from, int count) =>
        [.. Enumerable.Range(from, count).Select(epoch => new[] { "medications", "encounters", "conditions" }.ToDictionary(
            Tag, name => World.Sealing($"vault {epoch} {name}").ToString()))];

    public static object Permit(string letter = "B", string action = "read", object? tags = null, string purpose = "TREAT", long? end = null,
        string? role = null, long? start = null) =>
        new { type = "permit", actor = Actor(letter, role), actions = new[] { action }, purposes = new[] { purpose },
            tags = tags ?? new[] { Tag("medications") }, period = Period(start, end) };

    public static object Deny(object actor, string[]? actions = null, string[]? purposes = null, object? tags = null, long? start = null, long? end = null) =>
        new { type = "deny", actor, actions = actions ?? [], purposes = purposes ?? [], tags = tags ?? "all", period = Period(start, end) };

    private static Dictionary<string, string> Actor(string letter, string? role)
    {
        var actor = new Dictionary<string, string> { ["organisation"] = Org(letter) };
        if (role is not null) actor["role"] = role;
        return actor;
    }

    private static Dictionary<string, long> Period(long? start, long? end)
    {
        var period = new Dictionary<string, long>();
        if (start is not null) period["start"] = start.Value;
        if (end is not null) period["end"] = end.Value;
        return period;
    }

    public int Grant(object provision) => World.Send(Patient, PatientContract, "grant", provision).GetInt32();

    public int Epoch => World.View("", PatientContract, "currentEpoch").GetInt32();

    public JsonElement Decide(string? requester = null, string? org = "B", string action = "read", string purpose = "TREAT", string tag = "medications", long? time = null)
    {
        var request = new Dictionary<string, object>
        {
            ["requester"] = requester ?? Clinician, ["action"] = action, ["purpose"] = purpose, ["tag"] = Tag(tag),
        };
        if (org is not null) request["onBehalfOf"] = Org(org);
        if (time is not null) request["time"] = time.Value;
        return World.View("", PatientContract, "decide", request);
    }

    public bool Permits(string? requester = null, string? org = "B", string action = "read", string purpose = "TREAT", string tag = "medications", long? time = null) =>
        Decide(requester, org, action, purpose, tag, time).GetProperty("permit").GetBoolean();

    public string[] Recipients(string tag) =>
        [.. World.View("", PatientContract, "recipients", Tag(tag)).EnumerateArray().Select(r => r.GetProperty("keyId").GetString()!)];

    /// <summary>The recipients that a diligent author wraps to now.</summary>
    public List<object> Wraps(string contract, params string[] tags)
    {
        var wraps = new List<object>();
        foreach (JsonElement plan in World.View("", contract, "sealTo", (object)tags.Select(Tag).ToArray()).GetProperty("tags").EnumerateArray())
        {
            string tag = plan.GetProperty("tag").GetString()!;
            if (plan.GetProperty("vault").ValueKind == JsonValueKind.Object) wraps.Add(Wrap(tag, plan.GetProperty("vault").GetProperty("keyId").GetString()!));
            foreach (JsonElement r in plan.GetProperty("recipients").EnumerateArray()) wraps.Add(Wrap(tag, r.GetProperty("keyId").GetString()!));
        }
        return wraps;
    }

    public static object Wrap(string tag, string keyId) => new { tag, keyId };

    public static object[] Manifest(string owner, string root, int epoch, IEnumerable<object> wraps, string[] tags, long bytes = 5_000, int count = 3,
        string nodes = "ABC", bool underReplicated = false)
    {
        string hash = World.Hex(root);
        object[] recipients = [.. wraps];
        object manifest = new { root = hash, bytes, count, epoch, tags = tags.Select(Tag), recipients, underReplicated };
        return [owner, manifest, Receipts(hash, owner, bytes, count, nodes, Facts(manifest))];
    }

    /// <summary>What the members saw in manifest and wraps, as they sign it.</summary>
    public static string Facts(object manifest)
    {
        JsonElement m = JsonSerializer.SerializeToElement(manifest);
        string tags = string.Join(',', m.GetProperty("tags").EnumerateArray().Select(t => t.GetString()));
        string recipients = string.Join(',', m.GetProperty("recipients").EnumerateArray().Select(r => $"{r.GetProperty("tag").GetString()}:{r.GetProperty("keyId").GetString()}"));
        byte[] text = Encoding.UTF8.GetBytes($"{m.GetProperty("epoch").GetInt32()}|{tags}|{recipients}");
        return Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(text));
    }

    public static object[] Receipts(string root, string owner, long bytes, int count, string nodes, string facts)
    {
        byte[] text = Encoding.UTF8.GetBytes($"{World.ChainId}|{root}|{owner}|{bytes}|{count}|{facts}");
        return [.. nodes.Select(n => World.Key("node " + n)).Select(key => (object)new
        {
            node = key.Public.ToString(), signature = Convert.ToHexStringLower(key.Sign("ptoy/storage-receipt/v1", text).Bytes),
        })];
    }

    /// <summary>Arguments with which hospital A's connector registers records of the patient, as a diligent author does.</summary>
    public object[] Visit(string root, long bytes = 5_000, string nodes = "ABC", bool underReplicated = false, string tag = "medications") =>
        [.. Manifest(Patient, root, Epoch, Wraps(PatientContract, tag), [tag], bytes, 3, nodes, underReplicated), Org("A")];

    public void Certify(string name, params string[] roles) =>
        World.Send(Authority, "Identity", "certify", World.Account(name), new { sealingKey = World.Sealing(name).ToString(), roles });

    private static World Begin()
    {
        var world = new World();
        string[] letters = ["A", "B", "C", "D"];
        world.Send("", "Governance", "init", new
        {
            members = letters.Select(l => new { nodeKey = NodeKey(l), organisation = Org(l), name = "Hospital " + l }), keyAuthority = Authority,
        });
        world.Send("", "Identity", "init", Authority);
        world.Send("", "Token", "init", (object)new[] { new { account = Org("A"), amount = "60000000000000" }, new { account = Patient, amount = "40000000000000" } });
        world.Height = 1;
        foreach (string letter in letters) Certify(world, "hospital " + letter, "organisation");
        foreach (string letter in letters) world.Send(Org(letter), OrgContract(letter), "create", new { name = "Hospital " + letter, sealingKey = World.Sealing("hospital " + letter).ToString() });
        Certify(world, "patient", "patient");
        Certify(world, "clinician", "practitioner");
        Certify(world, "connector", "service");
        world.Send(Org("B"), OrgContract("B"), "hire", Clinician, "clinician");
        world.Send(Org("B"), OrgContract("B"), "setTeamKey", "clinician", new { publicKey = World.Sealing("team B 1").ToString() });
        world.Send(Org("A"), OrgContract("A"), "hire", Connector, "connector");
        world.Send(Patient, PatientContract, "create", new { vaultKeys = VaultKeys(0, 32) });
        world.Send(Patient, PatientContract, "publishKeys", 32, VaultKeys(32, 32));
        world.Send(Patient, PatientContract, "grant", Permit("A", "write", "all", role: "connector"));
        world.Events.Clear();
        return world;
    }

    private static void Certify(World world, string name, params string[] roles) =>
        world.Send(Authority, "Identity", "certify", World.Account(name), new { sealingKey = World.Sealing(name).ToString(), roles });
}
