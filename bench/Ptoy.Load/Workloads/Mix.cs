using Ptoy.Load.Engine;

namespace Ptoy.Load.Workloads;

/// <summary>Several workloads at once, each with its share of the items, their messages interleaved evenly.</summary>
internal sealed class Mix(IReadOnlyList<(IWorkload Workload, double Share)> parts) : IWorkload
{
    private readonly Dictionary<Message, IWorkload> _of = new(ReferenceEqualityComparer.Instance);

    public string Name => "mix";

    public int Weight => 1;

    public async Task PrepareAsync()
    {
        foreach ((IWorkload workload, _) in parts) await workload.PrepareAsync().ConfigureAwait(false);
    }

    public async Task<IReadOnlyList<Message>> MakeAsync(int items, int first, int perMessage)
    {
        double whole = parts.Sum(p => p.Share);
        var placed = new List<(double Place, Message Message)>();
        int at = first;
        for (int i = 0; i < parts.Count; i++)
        {
            int count = i == parts.Count - 1 ? first + items - at : (int)(items * parts[i].Share / whole);
            if (count == 0) continue;
            IReadOnlyList<Message> made = await parts[i].Workload.MakeAsync(count, at, perMessage).ConfigureAwait(false);
            for (int m = 0; m < made.Count; m++)
            {
                _of[made[m]] = parts[i].Workload;
                placed.Add(((m + 0.5) / made.Count, made[m]));
            }
            at += count;
        }
        return [.. placed.OrderBy(p => p.Place).Select(p => p.Message)];
    }

    public void Begin(Recorder recorder)
    {
        foreach ((IWorkload workload, _) in parts) workload.Begin(recorder);
    }

    public void Send(Message message) => _of[message].Send(message);

    public void TakeBack(IEnumerable<Message> unsent)
    {
        foreach (Message message in unsent) _of[message].TakeBack([message]);
    }

    public async Task<string?> CheckAsync()
    {
        foreach ((IWorkload workload, _) in parts)
        {
            if (await workload.CheckAsync().ConfigureAwait(false) is { } problem) return $"{workload.Name}: {problem}";
        }
        return null;
    }

    public async ValueTask DisposeAsync()
    {
        foreach ((IWorkload workload, _) in parts) await workload.DisposeAsync().ConfigureAwait(false);
    }
}
