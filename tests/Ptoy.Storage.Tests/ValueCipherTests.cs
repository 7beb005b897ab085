using System.Security.Cryptography;
using NUnit.Framework;
using Ptoy.Storage.Engine;
using static Ptoy.Storage.Tests.TestNode;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class ValueCipherTests
{
    private static readonly byte[] StorageKey = SHA256.HashData("k"u8);

    [Test]
    public void A_value_opens_only_at_its_own_place()
    {
        using var cipher = new ValueCipher(StorageKey, "store");
        cipher.Begin(0);
        byte[] value = cipher.Seal(Tables.Blocks, Bytes("key"), Bytes("plain"));
        Assert.Multiple(() =>
        {
            Assert.That(cipher.Open(Tables.Blocks, Bytes("key"), value), Is.EqualTo(Bytes("plain")));
            Assert.That(cipher.Open(Tables.Blocks, Bytes("kex"), value), Is.Null);
            Assert.That(cipher.Open(Tables.Bodies, Bytes("key"), value), Is.Null);
            Assert.That(cipher.Open(Tables.Blocks, Bytes("key"), value.AsSpan(1)), Is.Null);
            Assert.That(cipher.Open(Tables.Blocks, Bytes("key"), []), Is.Null);
        });
        for (int i = 0; i < value.Length; i++)
        {
            byte[] changed = [.. value];
            changed[i] ^= 1;
            Assert.That(cipher.Open(Tables.Blocks, Bytes("key"), changed), Is.Null, $"byte {i}");
        }
    }

    [Test]
    public void No_nonce_is_used_twice_by_any_number_of_threads()
    {
        using var cipher = new ValueCipher(StorageKey, "store");
        cipher.Begin(7);
        string[] nonces = [.. Enumerable.Range(0, 20_000).AsParallel()
            .Select(i => Convert.ToHexString(cipher.Seal(Tables.Blocks, [], []).AsSpan(0, 12)))];
        Assert.That(nonces.Distinct().Count(), Is.EqualTo(20_000));
    }

    [Test]
    public void The_same_session_number_begun_twice_has_different_keys()
    {
        using var first = new ValueCipher(StorageKey, "store");
        using var second = new ValueCipher(StorageKey, "store");
        byte[] record = first.Begin(1);
        second.Begin(1);
        byte[] value = first.Seal(Tables.Blocks, [], Bytes("plain"));
        Assert.That(second.Open(Tables.Blocks, [], value), Is.Null, "as after restoring a backup");
        using var reader = new ValueCipher(StorageKey, "store");
        Assert.That(reader.Add(1, record), Is.True);
        Assert.That(reader.Open(Tables.Blocks, [], value), Is.EqualTo(Bytes("plain")));
    }

    [Test]
    public void Another_storage_key_or_database_is_noticed_before_anything_is_read()
    {
        using var cipher = new ValueCipher(StorageKey, "store");
        byte[] record = cipher.Begin(1);
        using var otherKey = new ValueCipher(SHA256.HashData("other"u8), "store");
        using var otherName = new ValueCipher(StorageKey, "consensus");
        Assert.Multiple(() =>
        {
            Assert.That(otherKey.Add(1, record), Is.False);
            Assert.That(otherName.Add(1, record), Is.False);
            Assert.That(cipher.Add(2, record), Is.False);
            Assert.That(cipher.Add(1, [1, 2, 3]), Is.False);
        });
    }
}
