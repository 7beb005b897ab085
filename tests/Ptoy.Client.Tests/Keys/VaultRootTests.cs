using NUnit.Framework;
using Ptoy.Client.Keys;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Records;

namespace Ptoy.Client.Tests.Keys;

public sealed class VaultRootTests
{
    private static readonly byte[] Bytes = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    [Test]
    public void EveryCompartmentAndEpochHasItsOwnKey()
    {
        using var root = new VaultRoot(1, Bytes);
        HashSet<PublicKey> keys = [];
        foreach (SealingKey key in root.VaultKeys(3))
        {
            Assert.That(keys.Add(key.Public), Is.True);
            key.Dispose();
        }
        Assert.That(keys, Has.Count.EqualTo(4 * Compartments.Names.Count));
    }

    [Test]
    public void PublishedKeysAreThePublicHalves()
    {
        using var root = new VaultRoot(1, Bytes);
        IReadOnlyDictionary<Protocol.Hash, PublicKey> published = root.PublicKeys(63);
        using SealingKey key = root.VaultKey("goals", 63);
        Assert.That(published, Has.Count.EqualTo(Compartments.Names.Count));
        Assert.That(published[root.Tags["goals"]], Is.EqualTo(key.Public));
        Assert.That(root.Tags["goals"], Is.EqualTo(Compartments.Tag(root.TagKey, "goals")));
    }

    [Test]
    public void TheSameRootGivesTheSameKeysForEver()
    {
        using var root = new VaultRoot(1, Bytes);
        using SealingKey key = root.VaultKey("medications", 0);
        Assert.That(key.Public.ToString(), Is.EqualTo("2:3dcfaaed0ae3c6b9ca2c601998f276c54da7b83ac73882103a51ecc67de0dd26"));
        Assert.That(Convert.ToHexStringLower(root.TagKey), Is.EqualTo("59eceea632ecc4a495066a0d25814424e66e60aeebc4449ba2affa1799cc4a51"));
    }

    [Test]
    public void AnotherVersionHasOtherKeysAndTags()
    {
        using VaultRoot first = new(1, Bytes), second = new(2, Bytes);
        Assert.That(first.TagKey.ToArray(), Is.Not.EqualTo(second.TagKey.ToArray()));
        Assert.That(first.PublicKeys(0).Values, Has.None.Matches<PublicKey>(k => second.PublicKeys(0).Values.Contains(k)));
    }

    [Test]
    public void UnknownCompartmentsEpochsAndVersionsAreRefused()
    {
        using var root = new VaultRoot(1, Bytes);
        Assert.That(() => root.VaultKey("secrets", 0), Throws.ArgumentException.With.Message.Contains("secrets"));
        Assert.That(() => root.VaultKey("goals", 64), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new VaultRoot(0, Bytes), Throws.ArgumentException);
        Assert.That(() => new VaultRoot(1, new byte[31]), Throws.ArgumentException);
    }

    [Test]
    public void TheAccountsKeyAloneUnwraps()
    {
        using var root = new VaultRoot(3, Bytes);
        using var account = new SealingKey(Bytes);
        using var other = new SealingKey(new byte[32]);
        SealedMessage wrapped = root.WrapTo(account.Public);
        using VaultRoot back = VaultRoot.Unwrap(wrapped, account);
        Assert.That((back.Version, back.Export()), Is.EqualTo((3u, Bytes)));
        Assert.That(() => VaultRoot.Unwrap(wrapped, other), Throws.TypeOf<SealException>().With.Property("Fault").EqualTo(SealFault.NoKey));
        wrapped.Ciphertext[3] ^= 1;
        Assert.That(() => VaultRoot.Unwrap(wrapped, account), Throws.TypeOf<SealException>().With.Property("Fault").EqualTo(SealFault.Corrupted));
    }

    [Test]
    public void AnyThresholdOfGuardiansRestoresTheRoot()
    {
        using var root = new VaultRoot(2, Bytes);
        IReadOnlyList<ShamirShare> shares = root.Split(3, 5);
        for (int a = 0; a < 5; a++)
        {
            for (int b = a + 1; b < 5; b++)
            {
                Assert.That(() => VaultRoot.Join([shares[a], shares[b]]), Throws.TypeOf<FormatException>().With.Message.Contains("too few"));
                for (int c = b + 1; c < 5; c++)
                {
                    using VaultRoot back = VaultRoot.Join([shares[c], shares[a], shares[b]]);
                    Assert.That((back.Version, back.Export()), Is.EqualTo((2u, Bytes)));
                }
            }
        }
    }

    [Test]
    public void ADamagedShareIsNoticed()
    {
        using var root = new VaultRoot(2, Bytes);
        IReadOnlyList<ShamirShare> shares = root.Split(2, 3);
        shares[1].Bytes[10] ^= 4;
        Assert.That(() => VaultRoot.Join([shares[0], shares[1]]), Throws.TypeOf<FormatException>());
        using VaultRoot back = VaultRoot.Join([shares[0], shares[2]]);
        Assert.That(back.Export(), Is.EqualTo(Bytes));
    }
}
