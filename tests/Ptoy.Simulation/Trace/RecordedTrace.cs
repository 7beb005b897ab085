using System.Text.Json;

namespace Ptoy.Simulation.Trace;

/// <summary>One action of the model: its name and its numbers, in the order that <c>spec/README.md</c> gives.</summary>
internal sealed record TraceAction(string Name, int[] Numbers);

/// <summary>
/// A run as actions of the model. <paramref name="Sets"/> are the members of each epoch in the order in which they take turns as primary;
/// blocks are numbered from 1, the null block is 0.
/// </summary>
internal sealed record RecordedTrace(
    ulong Seed, int[][] Sets, int[] Byzantine, ulong Window, int[] Changes, ulong Heights, ulong Views, TraceAction[] Actions)
{
    /// <summary>Writes it as JSON lines: first the world, then one action a line.</summary>
    public void Write(TextWriter output)
    {
        output.WriteLine(JsonSerializer.Serialize(new
        {
            seed = Seed,
            sets = Sets,
            byzantine = Byzantine,
            window = Window,
            changes = Changes,
            heights = Heights,
            views = Views,
        }));
        foreach (TraceAction action in Actions)
            output.WriteLine($"[\"{action.Name}\"{string.Concat(action.Numbers.Select(n => $",{n}"))}]");
    }
}
