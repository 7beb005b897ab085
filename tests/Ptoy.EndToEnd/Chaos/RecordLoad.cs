using System.Text.Json;
using System.Text.Json.Nodes;
using Ptoy.Client.Sealing;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>Patients who seal records, store them with a quorum of the members, and register them.</summary>
internal sealed class RecordLoad(Patients patients, Members members, AckLog acks, int seed)
{
    private const int PerManifest = 4;
    private const int MaxContent = 2_048;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(700);
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(50);
    private static long _expiry;

    /// <summary>Registrations that a contract refused: none is expected.</summary>
    public int Refused => _refused;

    private int _refused;

    public Task RunAsync(CancellationToken stopping, CancellationToken cancellation) =>
        Task.WhenAll(patients.Writing.Select(p =>
            Task.Run(() => RunAsync(p, new Random(seed + p.Index), stopping, cancellation), CancellationToken.None)));

    /// <summary>An expiry about half a minute ahead that no other request has.</summary>
    public static long NextExpiry()
    {
        long wanted = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() + 30_000;
        long known = Interlocked.Read(ref _expiry);
        while (true)
        {
            long next = Math.Max(known + 1, wanted);
            long before = Interlocked.CompareExchange(ref _expiry, next, known);
            if (before == known) return next;
            known = before;
        }
    }

    private async Task RunAsync(Patient patient, Random random, CancellationToken stopping, CancellationToken cancellation)
    {
        while (!stopping.IsCancellationRequested)
        {
            await WriteAsync(patient, random, cancellation).ConfigureAwait(false);
            await Pace.PauseAsync(Pause, stopping).ConfigureAwait(false);
        }
    }

    private async Task WriteAsync(Patient patient, Random random, CancellationToken cancellation)
    {
        Hash[] tags = [.. patient.Vault.Tags.Values];
        var builder = new ManifestBuilder(patient.Keys.Address, 0, patient.Vault.PublicKeys(0));
        var written = new List<AckedRecord>();
        for (int i = 0; i < PerManifest; i++)
        {
            var content = new byte[1 + random.Next(MaxContent)];
            random.NextBytes(content);
            Hash id = builder.Add(content, tags[random.Next(tags.Length)]);
            written.Add(new AckedRecord(patient.Index, id, ContentHash(content)));
        }
        UploadPackage package = builder.Build();
        if (await StoreAsync(patient, package, random, cancellation).ConfigureAwait(false) is not { } stored) return;
        acks.Add(new AckedManifest(package.Manifest.Root(), PerManifest));
        JsonNode manifest = JsonNode.Parse(Registration.Of(package.Manifest, package.Wraps).ToJson())!;
        if (stored.UnderReplicated) manifest["underReplicated"] = true;
        string arguments = JsonSerializer.Serialize(new object[] { patient.Keys.Address.ToString(), manifest, stored.Receipts },
            RpcJson.Options);
        Receipt? receipt = await patient.Writer.WriteAsync("register", ContractId.Single("Records"), "register", arguments,
            cancellation).ConfigureAwait(false);
        if (receipt?.Status == ReceiptStatus.Ok) written.ForEach(acks.Add);
        else if (receipt is not null && Interlocked.Increment(ref _refused) == 1)
            Console.WriteLine($"a registration was refused: {receipt.Error}");
    }

    public static Hash ContentHash(byte[] content) => new(System.Security.Cryptography.SHA256.HashData(content));

    private async Task<RecordUploadResult?> StoreAsync(Patient patient, UploadPackage package, Random random,
        CancellationToken cancellation)
    {
        byte[] bytes = Codec.Encode(package);
        int at = random.Next(members.All.Count);
        while (!cancellation.IsCancellationRequested)
        {
            Member member = members.All[at++ % members.All.Count];
            if (members.IsUp(member.Index))
            {
                try
                {
                    byte[] answer = await member.Rpc.CallBinaryAsync(
                        "record_upload", bytes, members.Signer(member, patient.Keys.Signing, null, NextExpiry()),
                        cancellation).ConfigureAwait(false);
                    RecordUploadResult result = JsonSerializer.Deserialize<RecordUploadResult>(answer, RpcJson.Options)!;
                    // Fewer than a quorum is no acknowledgement yet: the same package goes to the next node.
                    if (Verified(package, result) >= members.Chain.Validators.Quorum) return result;
                }
                catch (Exception e) when (Failure.IsExpected(e))
                {
                    LastProblem = e.Message;
                }
            }
            await Pace.PauseAsync(Retry, cancellation).ConfigureAwait(false);
        }
        return null;
    }

    /// <summary>Why the last upload failed.</summary>
    public string LastProblem { get; private set; } = "";

    private int Verified(UploadPackage package, RecordUploadResult result)
    {
        StorageStatement statement = StorageStatement.For(members.Chain.ChainId, package);
        return result.Receipts.Select(r =>
            new StorageReceipt(PublicKey.Parse(r.Node), new Signature(SuiteId.Ed25519, Convert.FromHexString(r.Signature))))
            .Where(r => members.Chain.Validators.IndexOf(r.Node) >= 0 && r.Verify(statement)).Select(r => r.Node).Distinct().Count();
    }
}
