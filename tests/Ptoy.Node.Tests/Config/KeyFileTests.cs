using NUnit.Framework;
using Ptoy.Node.Config;

namespace Ptoy.Node.Tests.Config;

[TestFixture]
internal sealed class KeyFileTests
{
    private static readonly byte[] Secret = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    [Test]
    public void A_key_comes_back_and_its_file_is_its_owners_alone()
    {
        using var folder = new TestFolder();
        string path = Path.Combine(folder.Path, "node.key");
        KeyFile.Write(path, Secret);
        Assert.That(KeyFile.Read("nodeKeyFile", path), Is.EqualTo(Secret));
        Assert.That(() => KeyFile.Write(path, Secret), Throws.InstanceOf<IOException>(), "a key is never overwritten");
        if (!OperatingSystem.IsWindows()) Assert.That(File.GetUnixFileMode(path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    [Test]
    public void A_missing_file_is_named_with_the_command_that_makes_one() =>
        Assert.That(
            () => KeyFile.Read("storageKeyFile", "/nowhere/storage.key"),
            Throws.TypeOf<ConfigException>().With.Message.StartsWith("configuration key 'storageKeyFile': there is no file '/nowhere/storage.key'; make one with: "));

    [TestCase("")]
    [TestCase("abcd")]
    [TestCase("zz00000000000000000000000000000000000000000000000000000000000000")]
    public void What_is_no_key_is_refused_without_showing_it(string content)
    {
        using var folder = new TestFolder();
        string path = folder.File("node.key", content);
        Protect(path);
        Assert.That(
            () => KeyFile.Read("nodeKeyFile", path),
            Throws.TypeOf<ConfigException>().With.Message.EqualTo($"configuration key 'nodeKeyFile': '{path}' does not hold 64 hexadecimal characters"));
    }

    [Test]
    [Platform("Linux,MacOsX")]
    public void A_key_that_others_can_read_is_refused_with_what_to_run()
    {
        using var folder = new TestFolder();
        string path = folder.File("node.key", Convert.ToHexStringLower(Secret));
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.That(() => KeyFile.Read("nodeKeyFile", path), Throws.TypeOf<ConfigException>().With.Message.Contains($"run: chmod 600 {path}"));
        Protect(path);
        Assert.That(KeyFile.Read("nodeKeyFile", path), Is.EqualTo(Secret));
    }

    private static void Protect(string path)
    {
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
