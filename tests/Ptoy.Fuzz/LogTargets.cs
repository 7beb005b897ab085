using System.Buffers.Binary;
using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Tests.Wire;
using Ptoy.Protocol.Wire;
using Ptoy.Storage;
using Ptoy.Storage.Consensus;
using Ptoy.Storage.Ledger;

namespace Ptoy.Fuzz;

/// <summary>
/// The consensus log, read at start: its records, and the file that they are in. Whatever is wrong with it, the node says so or follows without
/// signing; it never forgets a vote in silence.
/// </summary>
internal static class LogTargets
{
    private const int HeadSize = 1 + 8 + 8 + 4;

    public static IEnumerable<FuzzTarget> All()
    {
        yield return FuzzTarget.Of<ConsensusLogException>("consensus.logRecords", Records(), bytes =>
            _ = new Replica(Config(), new LedgerState([Genesis()], null), Parse(bytes), 1));
        var file = new LogFile();
        yield return new FuzzTarget("consensus.logFile", [file.Bytes], file.Open);
    }

    private static ReplicaConfig Config() => new()
    {
        ChainId = Samples.ChainId,
        Validators = Codec.Decode<ValidatorSet>(Samples.All.First(s => s.Type == typeof(ValidatorSet)).Bytes, 1 << 20),
        Self = 0,
        Signer = new Ed25519Signer(Samples.Alice),
    };

    private static ExecutionStatement Genesis() =>
        Codec.Decode<ExecutionStatement>(Samples.All.First(s => s.Type == typeof(ExecutionStatement)).Bytes, 1 << 20) with
        {
            ChainId = Samples.ChainId, Height = 0, Epoch = Config().Validators.Epoch,
        };

    private static byte[][] Records()
    {
        (LogKind Kind, string Type)[] kinds =
        [
            (LogKind.Block, "Block"), (LogKind.Prepare, "Prepare"), (LogKind.Prepared, "PreparedCertificate"), (LogKind.Commit, "Commit"),
            (LogKind.ViewChange, "ViewChange"), (LogKind.NewView, "NewView"), (LogKind.Checkpoint, "ExecutionCertificate"),
        ];
        byte[][] records = [.. kinds.Select(k => Record(k.Kind, 1, Samples.All.First(s => s.Type.Name == k.Type).Bytes))];
        byte[] marker = Record(LogKind.Marker, 0, [.. Samples.ChainId.ToArray(), .. Config().Validators.Members[0].NodeKey.Bytes]);
        return [.. records.Select(r => (byte[])[.. marker, .. r]), marker, [.. marker, .. records.SelectMany(r => r)]];
    }

    private static byte[] Record(LogKind kind, ulong height, byte[] value)
    {
        var head = new byte[HeadSize];
        head[0] = (byte)kind;
        BinaryPrimitives.WriteUInt64BigEndian(head.AsSpan(1), height);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(17), value.Length);
        return [.. head, .. value];
    }

    private static List<LogRecord> Parse(byte[] bytes)
    {
        var records = new List<LogRecord>();
        var keys = new HashSet<LogKey>();
        for (int at = 0; at + HeadSize <= bytes.Length;)
        {
            ReadOnlySpan<byte> head = bytes.AsSpan(at, HeadSize);
            int length = (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(head[17..]), (uint)(bytes.Length - at - HeadSize));
            // The store keeps one record of a key; what a key says is the store's own and not a stranger's.
            var key = new LogKey((LogKind)(head[0] % 8), BinaryPrimitives.ReadUInt64BigEndian(head[1..]), BinaryPrimitives.ReadUInt64BigEndian(head[9..]));
            if (keys.Add(key)) records.Add(new LogRecord(key, bytes[(at + HeadSize)..(at + HeadSize + length)]));
            at += HeadSize + length;
        }
        return records;
    }

    /// <summary>The write-ahead file of a log whose votes the ledger knows of: damaged in any way, it must be noticed.</summary>
    private sealed class LogFile
    {
        private const int Votes = 4;
        private readonly string _template = Directory.CreateTempSubdirectory("ptoy-fuzz-log-").FullName;
        private readonly string _name;

        public LogFile()
        {
            AppDomain.CurrentDomain.ProcessExit += (_, _) => Delete(_template);
            using (NodeStore store = NodeStore.Open(Options(_template)))
            {
                store.Ledger.CommitGenesis(store.State.Prepare([], 0), Hash.Zero, MerkleTree.Root([]), 1_000);
                for (byte i = 1; i <= Votes; i++) store.Consensus.Append([new ConsensusRecord(2, i, 0, [i, i, i])], [], synced: true);
                Commit(store);
            }
            string log = Directory.GetFiles(Path.Combine(_template, "consensus"), "*.log").MaxBy(f => new FileInfo(f).Length)!;
            _name = Path.GetFileName(log);
            Bytes = File.ReadAllBytes(log);
        }

        public byte[] Bytes { get; }

        public bool Open(byte[] bytes)
        {
            string copy = Directory.CreateTempSubdirectory("ptoy-fuzz-log-").FullName;
            try
            {
                Copy(_template, copy);
                File.WriteAllBytes(Path.Combine(copy, "consensus", _name), bytes);
                using NodeStore store = NodeStore.Open(Options(copy));
                if (!store.Consensus.MaySign)
                {
                    Targets.Require(store.Consensus.Problem!.Length > 0, "signs nothing without a reason");
                    return false;
                }
                ConsensusRecord[] votes = [.. store.Consensus.LoadAll().Records];
                Targets.Require(votes.Length == Votes && votes.All(v => v.Bytes is { } b && b.SequenceEqual([(byte)v.Height, (byte)v.Height, (byte)v.Height])),
                    "a vote is forgotten, and the node would sign");
                return true;
            }
            catch (StoreException e)
            {
                Targets.Require(e.Message.Length > 0, "refused without a reason");
                return false;
            }
            finally
            {
                Delete(copy);
            }
        }

        private static StoreOptions Options(string folder) => new()
        {
            Directory = folder, StorageKey = new byte[32], ChainId = Samples.ChainId, NodeKey = Samples.Alice.Public, BlockCacheBytes = 8 << 20, WriteBufferBytes = 16 << 20,
        };

        private static void Commit(NodeStore store)
        {
            ExecutedBlock last = store.Ledger.Last!;
            var block = new Block(new BlockHeader(Samples.ChainId, 0, 1, MerkleTree.Root([]), 2_000, 0, last.ChainHash, last.StateRoot), []);
            store.Ledger.CommitBlock(new BlockCommit
            {
                Block = block,
                Certificate = new CommitCertificate(new VoteStatement(Samples.ChainId, 0, 0, 1, block.ComputeHash()), []),
                Bodies = [],
                Receipts = [],
                State = store.State.Prepare([], 1),
                ChainHash = ExecutionStatement.NextChainHash(last.ChainHash, 1, block.ComputeHash()),
                ReceiptsRoot = MerkleTree.Root([]),
                EffectiveTimeMs = 2_000,
                RegisteredManifests = [],
            });
        }

        private static void Copy(string from, string to)
        {
            foreach (string folder in Directory.GetDirectories(from, "*", SearchOption.AllDirectories)) Directory.CreateDirectory(folder.Replace(from, to, StringComparison.Ordinal));
            foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories)) File.Copy(file, file.Replace(from, to, StringComparison.Ordinal), overwrite: true);
        }

        private static void Delete(string folder)
        {
            try { Directory.Delete(folder, recursive: true); }
            catch (IOException) { /* the system clears its temporary files */ }
        }
    }
}
