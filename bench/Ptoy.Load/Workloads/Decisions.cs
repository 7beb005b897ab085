using Ptoy.Load.Engine;
using Ptoy.Load.Network;

namespace Ptoy.Load.Workloads;

/// <summary>Consent decisions: <c>contract_view</c> of a patient's <c>decide</c>, asked by a hospital, at every node in turn. Done when answered.</summary>
internal sealed class Decisions(PatientPool pool, NodeClient client) : IWorkload
{
    private int _next;

    public string Name => "decisions";

    public int Weight => 1;

    public Task PrepareAsync() => pool.PrepareAsync();

    public Task<IReadOnlyList<Message>> MakeAsync(int items, int first, int perMessage)
    {
        var messages = new List<Message>();
        for (int at = 0; at < items; at += perMessage)
        {
            int count = Math.Min(perMessage, items - at);
            object[] questions = [.. Enumerable.Range(0, count).Select(_ => Question(_next++))];
            byte[] json = RpcMessages.Calls("contract_view", questions, first + at);
            messages.Add(new Message(first + at, count, messages.Count % client.Cluster.Nodes.Count, new Outgoing(json, EndsWithAnswer: true)));
        }
        return Task.FromResult<IReadOnlyList<Message>>(messages);
    }

    public void Begin(Recorder recorder) => client.Begin(recorder);

    public void Send(Message message) => client.Send(message);

    public void TakeBack(IEnumerable<Message> unsent) => NodeClient.TakeBack(unsent);

    public Task<string?> CheckAsync() => Task.FromResult<string?>(null);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private object Question(int number)
    {
        string hospital = pool.Hospitals[number % pool.Hospitals.Length];
        var question = new
        {
            requester = hospital, onBehalfOf = hospital, action = "read", purpose = "TREAT", tag = pool.Tags[number % pool.Tags.Length],
            time = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
        };
        return new { contract = PatientPool.ContractOf(pool.Patients[number % pool.Patients.Length]).ToString(), method = "decide", args = new object[] { question } };
    }
}
