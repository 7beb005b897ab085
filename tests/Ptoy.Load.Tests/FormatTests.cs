using System.Text;
using NUnit.Framework;
using Ptoy.Load.Network;
using Ptoy.Load.Ordering;
using Ptoy.Load.Report;
using Ptoy.Load.Results;
using Ptoy.Protocol;

namespace Ptoy.Load.Tests;

public sealed class FormatTests
{
    [TestCase("--rate x", "--rate is 'x', not a number from 0 to 10000000")]
    [TestCase("--rate", "--rate needs a value")]
    [TestCase("--workload transfers,blocks", "--workload: 'blocks' is none of ordering, transfers")]
    [TestCase("--loop round", "--loop is open, closed or search")]
    [TestCase("--mix ordering:1", "--mix: 'ordering:1' is not a workload and its share")]
    [TestCase("--faults 3:kick:1", "--faults: '3:kick:1' is not seconds:what:node")]
    [TestCase("--faults 3:kill:5", "--faults: there is no node 5 of 4")]
    [TestCase("--workload ordering --batch 4096 --payload 200", "--batch 4096 with --payload 200: a client batch has at most 131072 bytes")]
    [TestCase("--nodes 3", "--nodes is '3', not a number from 4 to 31")]
    [TestCase("--colour red", "there is no option '--colour'")]
    public void A_wrong_option_is_named(string line, string message)
    {
        Assert.That(() => LoadOptions.Parse(line.Split(' ')), Throws.TypeOf<LoadOptionException>().With.Message.StartsWith(message));
    }

    [TestCase("--only transfers,blocks", "--only: 'blocks' is none of")]
    [TestCase("--seconds 1", "--seconds is '1', not a number from 4 to 60")]
    public void A_wrong_option_of_the_report_is_named(string line, string message)
    {
        Assert.That(() => ReportOptions.Parse(line.Split(' ')), Throws.TypeOf<LoadOptionException>().With.Message.StartsWith(message));
    }

    [Test]
    public void Faults_shorten_the_view_timeout_unless_it_is_set()
    {
        Assert.That(LoadOptions.Parse([]).ViewTimeoutMs, Is.EqualTo(5_000));
        Assert.That(LoadOptions.Parse(["--faults", "1:kill:1"]).ViewTimeoutMs, Is.EqualTo(600));
        Assert.That(LoadOptions.Parse(["--faults", "1:kill:1", "--view-timeout", "900"]).ViewTimeoutMs, Is.EqualTo(900));
    }

    [Test]
    public void The_confidence_interval_is_by_Students_t()
    {
        Estimate estimate = Statistics.Of([1, 2, 3]);
        Assert.That((estimate.Mean, estimate.Count), Is.EqualTo((2.0, 3)));
        Assert.That(estimate.HalfWidth, Is.EqualTo(4.303 / Math.Sqrt(3)).Within(1e-9));
        Assert.That(Statistics.Of([5]).HalfWidth, Is.NaN);
    }

    [Test]
    public void A_batch_of_commands_counts_only_when_its_length_is_exact([Values(0, 3, 128)] int payload)
    {
        byte[] batch = CommandBatch.Make(9, 1_000, 400, payload);
        Assert.That(CommandBatch.Count(batch), Is.EqualTo(400));
        Assert.That(CommandBatch.Origin(batch), Is.EqualTo((9UL, 1_000UL)));
        Assert.That(CommandBatch.Count(batch.AsSpan(..^1)), Is.Zero);
        Assert.That(CommandBatch.Count([.. batch, 0]), Is.Zero);
        Assert.That(CommandBatch.Count([]), Is.Zero);
    }

    [Test]
    public void Answers_of_a_batch_are_told_apart_by_id_and_error()
    {
        byte[] json = Encoding.UTF8.GetBytes(
            """[{"jsonrpc":"2.0","id":7,"result":{"hash":"aa","error":{"code":1,"message":"not this"}}},{"jsonrpc":"2.0","id":8,"error":{"code":-32010,"message":"full","data":{"message":"inner"}}}]""");
        var found = new List<(int, int, string)>();
        RpcMessages.Answers(json, (id, error) => found.Add((id, error?.Code ?? 0, error?.Message ?? "")));
        Assert.That(found, Is.EqualTo(new[] { (7, 0, ""), (8, -32010, "full") }));
        Assert.That(RpcMessages.FirstId(json), Is.EqualTo(7));
    }

    [Test]
    public void A_notice_of_a_block_gives_its_height_and_transactions()
    {
        string first = new('1', 64), second = new('2', 64);
        byte[] json = Encoding.UTF8.GetBytes($$$$"""{"jsonrpc":"2.0","method":"subscription","params":{"result":{"height":42,"hash":"{{{{first}}}}","transactions":["{{{{first}}}}","{{{{second}}}}"]}}}""");
        var found = new List<(ulong, Hash)>();
        RpcMessages.Block(json, (height, hash) => found.Add((height, hash)));
        Assert.That(found, Is.EqualTo(new[] { (42UL, Hash.Parse(first)), (42UL, Hash.Parse(second)) }));
    }
}
