using System.Text.Json;
using Ptoy.Load.Engine;
using Ptoy.Load.Network;
using Ptoy.Protocol;

namespace Ptoy.Load.Workloads;

/// <summary>
/// Grants by many patients to the hospitals in turn; done when the execution certificate exists. The contract keeps at most 64 provisions
/// for one actor, so the number of patients bounds how many grants a network takes.
/// </summary>
internal sealed class Grants(PatientPool pool, NodeClient client) : IWorkload
{
    private const int PerActor = 64;

    private readonly int[] _made = new int[pool.Patients.Length];
    private int _next;

    public string Name => "grants";

    public int Weight => 1;

    private int Left => (pool.Patients.Length * pool.Hospitals.Length * PerActor) - _next;

    public Task PrepareAsync() => pool.PrepareAsync();

    public async Task<IReadOnlyList<Message>> MakeAsync(int items, int first, int perMessage)
    {
        if (items > Left) throw new LoadOptionException($"{pool.Patients.Length} patients can make {Left} more grants, not {items}: more --patients, or fewer --seconds");
        (Hash chain, ulong expiry) = await client.ChainAsync().ConfigureAwait(false);
        var made = new Prepared[items];
        for (int i = 0; i < items; i++, _next++)
        {
            int who = _next % pool.Patients.Length;
            Account patient = pool.Patients[who];
            string hospital = pool.Hospitals[_next / pool.Patients.Length % pool.Hospitals.Length];
            made[i] = patient.Sign(chain, expiry, PatientPool.ContractOf(patient), "grant", pool.Permit(hospital, _next)) with
            {
                Undo = () => _made[who]--,
            };
            _made[who]++;
        }
        return client.Pack(made, first, perMessage);
    }

    public void Begin(Recorder recorder) => client.Begin(recorder);

    public void Send(Message message) => client.Send(message);

    public void TakeBack(IEnumerable<Message> unsent) => NodeClient.TakeBack(unsent);

    public async Task<string?> CheckAsync()
    {
        for (int i = 0; i < pool.Patients.Length; i++)
        {
            string text = await client.StateAsync(PatientPool.ContractOf(pool.Patients[i]), "meta").ConfigureAwait(false)
                ?? throw new InvalidOperationException($"patient {i} does not exist");
            using JsonDocument meta = JsonDocument.Parse(text);
            int found = meta.RootElement.GetProperty("next").GetInt32() - 1;
            if (found != _made[i]) return $"patient {i} has {found} provisions, not {_made[i]}";
        }
        return null;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
