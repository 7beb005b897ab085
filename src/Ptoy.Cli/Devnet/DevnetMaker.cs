using Ptoy.Client.Keys;
using Ptoy.Node.Devnet;

namespace Ptoy.Cli.Devnet;

/// <summary>Makes a network on disk: keystores, then what the nodes need.</summary>
internal static class DevnetMaker
{
    private const string KeysFolder = "keys";

    public static DevnetFile Make(string directory, int nodes, int basePort, string passphrase, Argon2Cost cost, IProgress<int> progress)
    {
        Directory.CreateDirectory(Path.Combine(directory, KeysFolder));
        int done = 0;
        DevnetAccount Account(string name, string file)
        {
            using Keystore keystore = Keystore.FromPhrase(Mnemonic.Create());
            using AccountKeys keys = keystore.Account();
            keystore.Save(Path.Combine(directory, file), passphrase, cost);
            progress.Report(++done);
            return new DevnetAccount(name, keys.Signing.Public, keys.Sealing.Public);
        }
        string authorityFile = Path.Combine(KeysFolder, "authority.keystore");
        DevnetAccount authority = Account("Key authority", authorityFile);
        string[] files = [.. Enumerable.Range(1, nodes).Select(i => Path.Combine(KeysFolder, $"hospital{i}.keystore"))];
        DevnetAccount[] hospitals = [.. files.Select((file, i) => Account($"Hospital {Letter(i)}", file))];
        DevnetLayout layout = DevnetBuilder.Create(new DevnetOptions { Directory = directory, Hospitals = hospitals, Authority = authority, BasePort = basePort });
        var made = new DevnetFile(
            layout.ChainId.ToString(), Path.GetRelativePath(directory, layout.GenesisFile), authorityFile, authority.Address.ToString(),
            [.. layout.Nodes.Select((n, i) => new DevnetFileNode(
                n.Name, n.Organisation.ToString(), files[i], Path.GetRelativePath(directory, n.Directory), Path.GetRelativePath(directory, n.ConfigFile),
                n.NodeKey.ToString(), n.Rpc.ToString()))]);
        made.Write(directory);
        return made;
    }

    /// <summary>A, B … Z, AA, AB …</summary>
    private static string Letter(int index) => index < 26 ? ((char)('A' + index)).ToString() : Letter((index / 26) - 1) + Letter(index % 26);
}
