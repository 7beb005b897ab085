using Ptoy.Load.Ordering;

namespace Ptoy.Load.Report;

/// <summary>
/// The CPU of one operation over all nodes and the generator, put together from micro-benchmarks alone, in microseconds, and the limit that
/// follows from it. Only the number of operations in a block is taken from a run.
/// </summary>
internal sealed record MicroLimit(double Codec, double Signature, double Vm, double State, double Sync, double Rpc, double Transport, double Consensus)
{
    private const int Nodes = 4;

    /// <summary>Size of a vote's packet.</summary>
    private const int VoteBytes = 250;

    private const int Batch = 50, Rounds = 400, Blocks = 40, MostPerBlock = 1_024, WarmUps = 6;

    public double Sum => Codec + Signature + Vm + State + Sync + Rpc + Transport + Consensus;

    public double PerSecond => Environment.ProcessorCount * 1e6 / Sum;

    /// <summary>Of a transfer or a grant.</summary>
    public static async Task<MicroLimit> OfTransactionsAsync(bool grants, double perBlock, int basePort)
    {
        int block = (int)Math.Clamp(perBlock, 1, MostPerBlock), count = Math.Clamp(4_000 / block, 2, 200) * block;
        (StageCosts stages, byte[][] sample) = Stages(grants, block, count, basePort);
        double rpc = await WireBench.SubmitAsync(sample, Rounds).ConfigureAwait(false);
        (double bulk, double vote) = await WireBench.TransportAsync(sample.Sum(t => t.Length), VoteBytes, Rounds).ConfigureAwait(false);
        return Combine(stages, rpc, bulk / Batch, vote, block, 1);
    }

    /// <summary>Of a command in client batches of that many.</summary>
    public static async Task<MicroLimit> OfCommandsAsync(int perBatch, double perBlock, int basePort)
    {
        int block = (int)Math.Clamp(perBlock / perBatch, 1, MostPerBlock);
        byte[][] batches = [.. Enumerable.Range(0, 2 * Blocks * block).Select(i => CommandBatch.Make(1, (ulong)(i * perBatch), perBatch, 0))];
        StageCosts stages;
        using (var bench = new StageBench(basePort))
        {
            byte[][][] blocks = [.. batches.Chunk(block)];
            bench.RunBatches(blocks[..Blocks]);
            stages = bench.RunBatches(blocks[Blocks..]);
        }
        double wire = await WireBench.CommandAsync(batches[0], basePort + 90, Rounds).ConfigureAwait(false);
        (double bulk, double vote) = await WireBench.TransportAsync(batches[0].Length, VoteBytes, Rounds).ConfigureAwait(false);
        return Combine(stages, wire, bulk, vote, block, perBatch);
    }

    private static (StageCosts Stages, byte[][] Sample) Stages(bool grants, int block, int count, int basePort)
    {
        using var bench = new StageBench(basePort);
        // All but the last part compile what that one measures.
        byte[][] all = grants ? bench.Grants(WarmUps * count) : bench.Transfers(WarmUps * count);
        StageCosts costs = null!;
        foreach (byte[][] part in all.Chunk(count)) costs = bench.Run([.. part.Chunk(block)]);
        return (costs, all[..Batch]);
    }

    /// <summary><paramref name="unit"/>: operations in what the stages and the wire were measured with.</summary>
    private static MicroLimit Combine(StageCosts stages, double rpc, double bulk, double vote, int block, int unit)
    {
        ConsensusCosts consensus;
        using (var bench = new ConsensusBench(block)) consensus = bench.Run(Blocks);
        double votes = consensus.MessagesPerBlock * vote / block;
        return new MicroLimit(
            Nodes * stages.Codec / unit, Nodes * stages.Signature / unit, Nodes * stages.Vm / unit, Nodes * stages.State / unit, Nodes * stages.Sync / unit,
            rpc / unit, (((Nodes - 1) * bulk) + votes) / unit, consensus.MicrosecondsPerBlock / block / unit);
    }
}
