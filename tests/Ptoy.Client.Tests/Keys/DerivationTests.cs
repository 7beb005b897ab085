using NUnit.Framework;
using Ptoy.Client.Keys;

namespace Ptoy.Client.Tests.Keys;

/// <summary>SLIP-10 and BIP-32 with their published vectors.</summary>
public sealed class DerivationTests
{
    private const string Seed1 = "000102030405060708090a0b0c0d0e0f";
    private const string Seed2 =
        "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542";

    [TestCase(Seed1, "m", "90046a93de5380a72b5e45010748567d5ea02bbf6522f979e05c0d8d8ca9fffb", "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7")]
    [TestCase(Seed1, "m/0'", "8b59aa11380b624e81507a27fedda59fea6d0b779a778918a2fd3590e16e9c69", "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3")]
    [TestCase(Seed1, "m/0'/1'", "a320425f77d1b5c2505a6b1b27382b37368ee640e3557c315416801243552f14", "b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2")]
    [TestCase(Seed1, "m/0'/1'/2'", "2e69929e00b5ab250f49c3fb1c12f252de4fed2c1db88387094a0f8c4c9ccd6c", "92a5b23c0b8a99e37d07df3fb9966917f5d06e02ddbd909c7e184371463e9fc9")]
    [TestCase(Seed1, "m/0'/1'/2'/2'", "8f6d87f93d750e0efccda017d662a1b31a266e4a6f5993b15f5c1f07f74dd5cc", "30d1dc7e5fc04c31219ab25a27ae00b50f6fd66622f6e9c913253d6511d1e662")]
    [TestCase(Seed1, "m/0'/1'/2'/2'/1000000000'", "68789923a0cac2cd5a29172a475fe9e0fb14cd6adb5ad98a3fa70333e7afa230", "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793")]
    [TestCase(Seed2, "m", "ef70a74db9c3a5af931b5fe73ed8e1a53464133654fd55e7a66f8570b8e33c3b", "171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012")]
    [TestCase(Seed2, "m/0'", "0b78a3226f915c082bf118f83618a618ab6dec793752624cbeb622acb562862d", "1559eb2bbec5790b0c65d8693e4d0875b1747f4970ae8b650486ed7470845635")]
    [TestCase(Seed2, "m/0'/2147483647'", "138f0b2551bcafeca6ff2aa88ba8ed0ed8de070841f0c4ef0165df8181eaad7f", "ea4f5bfe8694d8bb74b7b59404632fd5968b774ed545e810de9c32a4fb4192f4")]
    [TestCase(Seed2, "m/0'/2147483647'/1'/2147483646'/2'", "5d70af781f3a37b829f0d060924d5e960bdc02e85423494afc0b1a41bbe196d4", "551d333177df541ad876a60ea71f00447931c0a9da16f227c11ea080d7391b8d")]
    public void Slip10Ed25519(string seed, string path, string chainCode, string privateKey) =>
        Check(Derivation.Ed25519(Convert.FromHexString(seed), path), chainCode, privateKey);

    [TestCase("m", "77997ca3588a1a34f3589279ea2962247abfe5277d52770a44c706378c710768", "d70a59c2e68b836cc4bbe8bcae425169b9e2384f3905091e3d60b890e90cd92c")]
    [TestCase("m/0'", "349a3973aad771c628bf1f1b4d5e071f18eff2e492e4aa7972a7e43895d6597f", "cd7630d7513cbe80515f7317cdb9a47ad4a56b63c3f1dc29583ab8d4cc25a9b2")]
    [TestCase("m/0'/1'", "2ee5ba14faf2fe9d7ab532451c2be3a0a5375c5e8c44fb31d9ad7edc25cda000", "a95f97cfc1a61dd833b882c89d36a78a030ea6b2fbe3ae2a70e4f1fc9008d6b1")]
    public void Slip10Curve25519(string path, string chainCode, string privateKey) =>
        Check(Derivation.Curve25519(Convert.FromHexString(Seed1), path), chainCode, privateKey);

    [TestCase("m", "5c7289dc9f7f3ea1c8c2de7323b9fb0781f69c9ecd6de4f095ac89a02dc80577")]
    [TestCase("m/0'", "cb8be6b256ce509008b43ae0dccd69960ad4f7ff2e2868c1fbc9e19ec3ad544b")]
    [TestCase("m/0'/1'", "e9506455dce2526df42e5e4eb5585eaef712e5f9c6a28bf9fb175d96595ea872")]
    public void Slip10Curve25519PublicKeys(string path, string publicKey)
    {
        byte[] key = Derivation.Curve25519(Convert.FromHexString(Seed1), path).PrivateKey;
        Assert.That(Convert.ToHexStringLower(Protocol.Crypto.X25519.PublicOf(key)), Is.EqualTo(publicKey));
    }

    [TestCase("m", "873dff81c02f525623fd1fe5167eac3a55a049de3d314bb42ee227ffed37d508", "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35")]
    [TestCase("m/0'", "47fdacbd0f1097043b78c63c20c34ef4ed9a111d980047ad16282c7ae6236141", "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea")]
    [TestCase("m/0'/1", "2a7857631386ba23dacac34180dd1983734e444fdbf774041578e9b6adb37c19", "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368")]
    public void Bip32TestVector1(string path, string chainCode, string privateKey) =>
        Check(Derivation.Bip32(Convert.FromHexString(Seed1), path), chainCode, privateKey);

    [TestCase("0/1")]
    [TestCase("m/x")]
    [TestCase("m/2147483648")]
    [TestCase("m//1")]
    [TestCase("m/-1")]
    public void WrongPathsAreRefused(string path) =>
        Assert.That(() => Derivation.Bip32(new byte[64], path), Throws.TypeOf<FormatException>().With.Message.Contains(path));

    [Test]
    public void Ed25519TakesHardenedStepsOnly() =>
        Assert.That(() => Derivation.Ed25519(new byte[64], "m/44'/0"), Throws.TypeOf<FormatException>().With.Message.Contains("hardened"));

    private static void Check(DerivedKey key, string chainCode, string privateKey)
    {
        Assert.That(Convert.ToHexStringLower(key.PrivateKey), Is.EqualTo(privateKey));
        Assert.That(Convert.ToHexStringLower(key.ChainCode), Is.EqualTo(chainCode));
    }
}
