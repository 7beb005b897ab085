using System.Text;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Ptoy.Client.Keys;

namespace Ptoy.Client.Tests.Keys;

public sealed class KeystoreTests
{
    private const string Phrase = "legal winner thank year wave sausage worth useful legal winner thank yellow";
    private static readonly Argon2Cost Cheap = new(64, 1, 1);

    [Test]
    public void PhraseAndVaultRootsComeBack()
    {
        using Keystore keystore = Keystore.FromPhrase(Mnemonic.Parse(Phrase));
        keystore.AddVaultRoot(VaultRoot.Create(2));
        byte[] file = keystore.Encrypt("correct horse", Cheap);
        using Keystore back = Keystore.Decrypt(file, "correct horse");
        Assert.That(back.Phrase!.Phrase, Is.EqualTo(Phrase));
        Assert.That(back.VaultRoots.Select(r => (r.Version, Convert.ToHexString(r.Export()))), Is.EqualTo(keystore.VaultRoots.Select(r => (r.Version, Convert.ToHexString(r.Export())))));
        using AccountKeys mine = keystore.Account(), theirs = back.Account();
        Assert.That(theirs.Address, Is.EqualTo(mine.Address));
    }

    [Test]
    public void ASeedComesBackWithoutAPhrase()
    {
        using Keystore keystore = Keystore.FromSeed(Mnemonic.Parse(Phrase).ToSeed());
        using Keystore back = Keystore.Decrypt(keystore.Encrypt("p", Cheap), "p");
        using AccountKeys mine = keystore.Account(), theirs = back.Account();
        Assert.That(back.Phrase, Is.Null);
        Assert.That(theirs.Address, Is.EqualTo(mine.Address));
    }

    [Test]
    public void AWrongPassphraseIsToldSo()
    {
        using Keystore keystore = Keystore.FromPhrase(Mnemonic.Parse(Phrase));
        byte[] file = keystore.Encrypt("right", Cheap);
        Assert.That(() => Keystore.Decrypt(file, "wrong"), Throws.TypeOf<KeystoreException>().With.Message.Contains("wrong passphrase"));
        Assert.That(() => keystore.Encrypt("", Cheap), Throws.ArgumentException);
    }

    [Test]
    public void TheFileShowsNeitherPhraseNorRoot()
    {
        using Keystore keystore = Keystore.FromPhrase(Mnemonic.Parse(Phrase));
        string text = Encoding.UTF8.GetString(keystore.Encrypt("p", Cheap));
        Assert.That(text, Does.Not.Contain("sausage").And.Not.Contain(Convert.ToHexStringLower(keystore.VaultRoot.Export())));
        Assert.That(text, Does.Contain("argon2id").And.Contain("\"memoryKiB\": 64"));
    }

    [TestCase("address", "ptoy1x", "wrong passphrase, or the keystore was changed")]
    [TestCase("version", 2, "version 2")]
    [TestCase("format", "other", "format")]
    [TestCase("cipher", "rot13", "aes-256-gcm")]
    [TestCase("nonce", "00", "nonce")]
    [TestCase("nonce", "zz", "nonce")]
    [TestCase("ciphertext", "00", "too short")]
    [TestCase("extra", 1, "format of a keystore")]
    public void ChangedFilesAreRefusedWithTheReason(string member, object value, string reason)
    {
        using Keystore keystore = Keystore.FromPhrase(Mnemonic.Parse(Phrase));
        JsonObject file = JsonNode.Parse(keystore.Encrypt("p", Cheap))!.AsObject();
        file[member] = value is int number ? JsonValue.Create(number) : JsonValue.Create((string)value);
        Assert.That(() => Keystore.Decrypt(Encoding.UTF8.GetBytes(file.ToJsonString()), "p"), Throws.TypeOf<KeystoreException>().With.Message.Contains(reason));
    }

    [TestCase("memoryKiB", 2_000_000)]
    [TestCase("iterations", 1_000_000)]
    [TestCase("parallelism", 0)]
    [TestCase("memoryKiB", 4)]
    public void AFileCannotAskForUnboundedWork(string parameter, int value)
    {
        using Keystore keystore = Keystore.FromPhrase(Mnemonic.Parse(Phrase));
        JsonNode file = JsonNode.Parse(keystore.Encrypt("p", Cheap))!;
        file["kdf"]![parameter] = value;
        Assert.That(() => Keystore.Decrypt(Encoding.UTF8.GetBytes(file.ToJsonString()), "p"), Throws.TypeOf<KeystoreException>().With.Message.Contains(parameter));
    }

    [TestCase("")]
    [TestCase("null")]
    [TestCase("[]")]
    [TestCase("{}")]
    [TestCase("{\"format\":\"ptoy-keystore\"}")]
    public void WhatIsNoKeystoreIsRefused(string json) =>
        Assert.That(() => Keystore.Decrypt(Encoding.UTF8.GetBytes(json), "p"), Throws.TypeOf<KeystoreException>());

    [Test]
    public void TheFileIsItsOwnersAloneAndNeverOverwritten()
    {
        string folder = Directory.CreateTempSubdirectory("ptoy-keystore-").FullName;
        try
        {
            string path = Path.Combine(folder, "keys.json");
            using Keystore keystore = Keystore.FromPhrase(Mnemonic.Parse(Phrase));
            keystore.Save(path, "p", Cheap);
            if (!OperatingSystem.IsWindows()) Assert.That(File.GetUnixFileMode(path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
            using Keystore back = Keystore.Load(path, "p");
            Assert.That(back.Phrase!.Phrase, Is.EqualTo(Phrase));
            Assert.That(() => keystore.Save(path, "p", Cheap), Throws.TypeOf<KeystoreException>().With.Message.Contains("exists"));
            Assert.That(() => Keystore.Load(path + ".no", "p"), Throws.TypeOf<KeystoreException>().With.Message.Contains("there is no keystore"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void AnOlderVaultRootIsNotAdded()
    {
        using Keystore keystore = Keystore.FromPhrase(Mnemonic.Parse(Phrase), VaultRoot.Create(5));
        Assert.That(() => keystore.AddVaultRoot(VaultRoot.Create(5)), Throws.ArgumentException);
    }
}
