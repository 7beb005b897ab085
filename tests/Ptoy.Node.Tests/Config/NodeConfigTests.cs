using NUnit.Framework;
using Ptoy.Node.Config;

namespace Ptoy.Node.Tests.Config;

/// <summary>Whatever is wrong with a configuration is named by its key before anything is opened.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class NodeConfigTests
{
    private const string Valid = """
        "dataDir": "data", "genesis": "../genesis.json", "nodeKeyFile": "node.key", "storageKeyFile": "storage.key",
        "listen": "127.0.0.1", "votePort": 28500, "bulkPort": 28501, "rpc": { "listen": "127.0.0.1", "port": 28502 }
        """;

    private static readonly string NodeKey = "1:" + new string('a', 64);

    private TestFolder _folder = null!;

    [SetUp]
    public void Make() => _folder = new TestFolder();

    [TearDown]
    public void Remove() => _folder.Dispose();

    [Test]
    public void A_valid_file_is_read_with_paths_relative_to_it()
    {
        NodeConfig config = Load(Valid + $$""", "peers": [{ "nodeKey": "{{NodeKey}}", "host": "b.example", "votePort": 1, "bulkPort": 2 }]""");
        Assert.That(config.DataDir, Is.EqualTo(Path.Combine(_folder.Path, "data")));
        Assert.That(config.RpcPort, Is.EqualTo(28502));
        Assert.That(config.Peers, Has.Count.EqualTo(1));
        Assert.That(config.Peers[0].NodeKey.ToString(), Is.EqualTo(NodeKey));
    }

    [Test]
    public void Without_a_word_a_node_is_a_member_and_keeps_everything()
    {
        NodeConfig config = Load(Valid);
        Assert.That((config.IsFollower, config.KeepBlocks, config.Followers.Count, config.SnapshotInterval), Is.EqualTo((false, 0, 0, 512)));
    }

    [Test]
    public void Role_followers_and_pruning_are_read()
    {
        NodeConfig config = Load(Valid + $$""", "role": "follower", "store": { "keepBlocks": "5000" }, "followers": [{ "nodeKey": "{{NodeKey}}", "host": "b.example", "votePort": 1, "bulkPort": 2 }]""");
        Assert.That((config.IsFollower, config.KeepBlocks, config.Followers.Count), Is.EqualTo((true, 5_000, 1)));
    }

    [TestCase("\"role\": \"boss\"", "configuration key 'role' is 'boss', not one of member, follower")]
    [TestCase("\"store\": { \"keepBlocks\": \"12\" }", "configuration key 'store:keepBlocks' is '12', not 'all' or a number from 2048")]
    [TestCase("\"store\": { \"keepBlocks\": \"few\" }", "configuration key 'store:keepBlocks' is 'few', not 'all' or a number from 2048")]
    [TestCase("\"sync\": { \"snapshotInterval\": 3 }", "configuration key 'sync:snapshotInterval' is '3', not a number from 16 to 65536")]
    public void Pruning_and_role_that_cannot_be_are_named(string keys, string message) => Assert.That(Refusal(Valid + ", " + keys), Does.StartWith(message));

    [TestCase("dataDir")]
    [TestCase("genesis")]
    [TestCase("nodeKeyFile")]
    [TestCase("storageKeyFile")]
    [TestCase("votePort")]
    [TestCase("bulkPort")]
    public void A_missing_key_is_named_with_the_three_ways_to_set_it(string key)
    {
        Assert.That(Refusal(Remove(key)), Is.EqualTo($"configuration key '{key}' is missing; set it in the file, as PTOY_NODE_{key}, or as --{key}"));
    }

    [Test]
    public void A_missing_nested_key_is_named_as_each_source_writes_it() =>
        Assert.That(
            Refusal(Valid.Replace(", \"port\": 28502", "", StringComparison.Ordinal)),
            Is.EqualTo("configuration key 'rpc:port' is missing; set it in the file, as PTOY_NODE_rpc__port, or as --rpc:port"));

    [TestCase("\"dataDirectory\": \"x\"", "configuration key 'dataDirectory' is not known; known keys: dataDir, genesis, ")]
    [TestCase("\"mempool\": { \"transaction\": 5 }", "configuration key 'mempool:transaction' is not known")]
    [TestCase("\"peers\": [{ \"nodeKey\": \"1:aa\", \"hots\": \"b\" }]", "configuration key 'peers:0:hots' is not known; a peer has nodeKey, host, votePort, bulkPort")]
    public void An_unknown_key_is_refused_so_that_a_misspelt_one_is_not_ignored(string member, string message) =>
        Assert.That(Refusal($"{Valid}, {member}"), Does.StartWith(message));

    [TestCase("\"peers\": \"b.example\"", "configuration key 'peers' is 'b.example', not a list")]
    [TestCase("\"rpc:cors\": \"https://app.example\"", "configuration key 'rpc:cors' is 'https://app.example', not a list")]
    [TestCase("\"log\": { \"level\": { \"default\": \"Debug\" } }", "configuration key 'log:level' is a list or section, not one value")]
    [TestCase("\"log\": { \"level\": \"Loud\" }", "configuration key 'log:level' is 'Loud', not one of Debug, Information, Warning, Error")]
    [TestCase("\"mempool\": { \"transactions\": \"many\" }", "configuration key 'mempool:transactions' is 'many', not a number from 100 to 1000000")]
    [TestCase("\"mempool\": { \"transactions\": -5 }", "configuration key 'mempool:transactions' is '-5', not a number from 100 to 1000000")]
    [TestCase("\"rpc:insecure\": \"perhaps\"", "configuration key 'rpc:insecure' is 'perhaps', not true or false")]
    [TestCase("\"peers\": [{ \"nodeKey\": \"1:zz\", \"host\": \"b\", \"votePort\": 1, \"bulkPort\": 2 }]", "configuration key 'peers:0:nodeKey': a public key is written suite:hex")]
    [TestCase("\"peers\": [{ \"host\": \"b\" }]", "configuration key 'peers:0:nodeKey' is missing")]
    public void A_value_of_the_wrong_form_is_named_with_what_is_expected(string member, string message) =>
        Assert.That(Refusal($"{Valid}, {member}"), Does.StartWith(message));

    [TestCase("0")]
    [TestCase("65536")]
    [TestCase("\"8545 \"")]
    public void A_port_out_of_range_is_named(string port) =>
        Assert.That(
            Refusal(Valid.Replace("28500", port, StringComparison.Ordinal)),
            Is.EqualTo($"configuration key 'votePort' is '{port.Trim('"')}', not a number from 1 to 65535"));

    [TestCase("{", "is not valid JSON")]
    [TestCase("[]", "is not valid JSON")]
    [TestCase("{\"dataDir\":1,\"dataDir\":2}", "is not valid JSON")]
    public void A_file_that_is_not_JSON_is_named(string text, string message)
    {
        string file = _folder.File("broken.json", text);
        Assert.That(() => NodeConfig.Load(file, []), Throws.TypeOf<ConfigException>().With.Message.StartsWith($"--config: '{file}' {message}"));
    }

    [Test]
    public void A_file_that_is_not_there_is_named() =>
        Assert.That(() => NodeConfig.Load("/nowhere/node.json", []), Throws.TypeOf<ConfigException>().With.Message.EqualTo("--config: there is no file '/nowhere/node.json'"));

    [TestCase("'-x' is not a flag; write --key value, for example --rpc:port 8545", "-x", "5")]
    [TestCase("'8545' is not a flag; write --key value, for example --rpc:port 8545", "8545")]
    [TestCase("flag '--rpc:port' has no value", "--rpc:port")]
    [TestCase("flag '--rpc:port' has no value", "--rpc:port", "--log:level", "Debug")]
    [TestCase("configuration key 'rpc:prot' is not known", "--rpc:prot", "8545")]
    public void A_flag_that_would_be_ignored_is_refused(string message, params string[] flags) =>
        Assert.That(() => Load(Valid, flags), Throws.TypeOf<ConfigException>().With.Message.StartsWith(message));

    [Test]
    public void Flags_win_over_the_environment_and_that_over_the_file()
    {
        Assert.That(WithVariable("PTOY_NODE_rpc__port", "1111", () => Load(Valid).RpcPort), Is.EqualTo(1111));
        Assert.That(WithVariable("PTOY_NODE_rpc__port", "1111", () => Load(Valid, "--rpc:port", "2222").RpcPort), Is.EqualTo(2222));
    }

    [Test]
    public void A_misspelt_variable_of_a_section_is_refused_and_one_of_another_program_is_not()
    {
        Assert.That(WithVariable("PTOY_NODE_rpc__prot", "1111", () => Refusal(Valid)), Does.StartWith("configuration key 'rpc:prot' is not known"));
        Assert.That(WithVariable("PTOY_CONFIG", "Release", () => Load(Valid).RpcPort), Is.EqualTo(28502));
    }

    private static T WithVariable<T>(string name, string value, Func<T> act)
    {
        Environment.SetEnvironmentVariable(name, value);
        try
        {
            return act();
        }
        finally
        {
            Environment.SetEnvironmentVariable(name, null);
        }
    }

    private static string Remove(string key)
    {
        int start = Valid.IndexOf($"\"{key}\":", StringComparison.Ordinal);
        int end = Valid.IndexOf(',', start);
        return Valid[..start] + Valid[(end + 1)..];
    }

    private NodeConfig Load(string members, params string[] flags) => NodeConfig.Load(_folder.File("node.json", $"{{ {members} }}"), flags);

    private string Refusal(string members) => Assert.Throws<ConfigException>(() => Load(members))!.Message;
}
