using BenchmarkDotNet.Attributes;
using Ptoy.Client.Sealing;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Bench;

/// <summary>What a writer of records does.</summary>
public class SealingBenchmarks
{
    private const int RecordBytes = 3 * 1024;

    private readonly byte[] _record = new byte[RecordBytes];
    private readonly byte[] _dataKey = Sample.Bytes("data key");
    private readonly byte[] _seed = Sample.Bytes("ephemeral");
    private readonly Hash _id = new(Sample.Bytes("record"));
    private readonly SealingKey _recipient = new(Sample.Bytes("recipient"));
    private readonly HpkeSender _context;
    private ulong _sequence;

    public SealingBenchmarks() => _context = Hpke.SetupSender(_recipient.Public, "bench"u8, _seed);

    [Benchmark(Description = "HPKE: context for a recipient")]
    public HpkeSender Setup() => Hpke.SetupSender(_recipient.Public, "bench"u8, _seed);

    [Benchmark(Description = "HPKE: seal a data key in a context")]
    public byte[] Wrap() => _context.Seal(_sequence++, "aad"u8, _dataKey);

    [Benchmark(Description = "record of 3 KiB: seal")]
    public byte[] Seal() => Sealer.Seal(_record, _dataKey, _id);
}
