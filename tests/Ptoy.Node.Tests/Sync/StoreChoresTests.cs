using NUnit.Framework;
using Ptoy.Node.Config;
using Ptoy.Node.Tests.Cluster;

namespace Ptoy.Node.Tests.Sync;

/// <summary>Backup and verification of a stopped node.</summary>
[NonParallelizable]
public sealed class StoreChoresTests
{
    private TestCluster _cluster = null!;
    private NodeConfig _config = null!;

    [SetUp]
    public void Create()
    {
        _cluster = new TestCluster();
        _config = NodeConfig.Load(_cluster.Layout.Nodes[0].ConfigFile, []);
    }

    [TearDown]
    public async Task RemoveAsync() => await _cluster.DisposeAsync();

    [Test]
    public async Task ABackupHasTheStoreAndNeitherVotesNorKeysAndOpensAsALearner()
    {
        await _cluster.StartAsync(0);
        await _cluster.StopAsync(0);
        string target = Path.Combine(_cluster.Layout.Directory, "backup");

        StoreReport copied = StoreChores.Backup(_config, target);

        Assert.That(copied.Directory, Is.EqualTo(target));
        Assert.That(Directory.EnumerateFileSystemEntries(target).Select(Path.GetFileName), Is.EqualTo(new[] { "store" }));
        Assert.That(StoreChores.Verify(_config).Votes, Is.Null);
        StoreReport restored = StoreChores.Verify(_config with { DataDir = target });
        Assert.That(restored.Votes, Does.Contain("votes forgotten"));
        Assert.That(restored.Height, Is.EqualTo(copied.Height));
    }

    [Test]
    public async Task ABackupIntoADirectoryWithSomethingInItOrOfARunningNodeIsRefused()
    {
        Assert.That(() => StoreChores.Backup(_config, _cluster.Layout.Directory), Throws.TypeOf<ConfigException>().With.Message.Contain("is not empty"));
        Assert.That(() => StoreChores.Verify(_config), Throws.TypeOf<ConfigException>().With.Message.Contain("holds no store"));
        await _cluster.StartAsync(0);
        Assert.That(() => StoreChores.Verify(_config), Throws.TypeOf<IOException>().With.Message.Contain("in use by another process"));
    }
}
