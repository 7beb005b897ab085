using System.Diagnostics;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Crypto;
using Ptoy.Storage.Audit;
using Ptoy.Storage.Consensus;
using Ptoy.Storage.Records;
using static Ptoy.Storage.Tests.TestNode;

namespace Ptoy.Storage.Tests;

/// <summary>
/// The test assembly as a process of its own: writes to a store as fast as it can and says on standard output what was
/// acknowledged, until it is killed.
/// </summary>
internal static class WriterProcess
{
    public static async Task<int> Main(string[] arguments)
    {
        using var node = new TestNode(arguments[0]);
        using NodeStore store = node.Open();
        if (store.Ledger.Last is null) Genesis(store);
        Console.WriteLine("open");
        for (ulong i = store.Ledger.Last!.Height + 1; ; i++)
        {
            string name = $"n{i}";
            store.Consensus.Append([new ConsensusRecord(2, i, 0, Bytes(name))], [new ConsensusBody(i, H(name), Bytes(name))], synced: true);
            Console.WriteLine($"vote {i}");
            store.Records.Put(Upload(name));
            Console.WriteLine($"record {i}");
            Commit(store, [name], Writes(("Token//last", $"{i}"), ($"Token//{i}", "1")), manifests: [H(name)]);
            Console.WriteLine($"block {i}");
            LoggedAccess logged = await store.Access.AppendAsync(Entry(i));
            Console.WriteLine($"access {logged.Sequence}");
        }
    }

    public static Process Start(string directory) => Process.Start(new ProcessStartInfo("dotnet", [typeof(WriterProcess).Assembly.Location, directory])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    public static AccessEntry Entry(ulong time) => new(time, new PublicKey(SuiteId.Ed25519, new byte[32]), 1, new PublicKey(SuiteId.Ed25519, new byte[32]),
        A("hospital"), A("ann"), AccessAction.Read, "TREAT", [], [], AccessOutcome.Permit, "", "", new Signature(SuiteId.Ed25519, new byte[64]), [], Hash.Zero);

    public static ManifestUpload Upload(string name) => new()
    {
        Root = H(name),
        Owner = A("ann"),
        Manifest = Bytes(name),
        Records = [new SealedRecord(H(name + " record"), H("tag"), Bytes("sealed " + name))],
        Wraps = [new StoredWrap(H(name + " record"), H("key"), Bytes("wrap " + name))],
        ReceivedMs = 1,
    };
}
