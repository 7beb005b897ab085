using System.Globalization;

namespace Ptoy.Simulation;

/// <summary>A script that does not read, or an expectation that does not hold; the message names the line.</summary>
internal sealed class ScriptException(int line, string message) : Exception($"line {line}: {message}");

/// <summary>One step: its words, and where it stands.</summary>
internal sealed record ScriptStep(int Line, string Text, string[] Words)
{
    /// <summary>A whole number among the words.</summary>
    public int Number(int word) =>
        word < Words.Length && int.TryParse(Words[word], NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new ScriptException(Line, $"'{Text}' needs a whole number as word {word + 1}");

    /// <summary>Node numbers with commas between them.</summary>
    public int[] Nodes(int word, int most)
    {
        if (word >= Words.Length) throw new ScriptException(Line, $"'{Text}' needs nodes, such as 0,2");
        return Words[word] == "all" ? [.. Enumerable.Range(0, most)] : NodesOf(Words[word], most);
    }

    public int[] NodesOf(string list, int most) => [.. list.Split(',').Select(text =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int node) && node < most
            ? node
            : throw new ScriptException(Line, $"'{text}' is not a node: they are 0 to {most - 1}"))];
}

/// <summary>A scenario written by hand: first what the network is, then what happens to it and what is expected.</summary>
internal sealed class Script
{
    private Script(Scenario scenario, IReadOnlyList<ScriptStep> head, IReadOnlyList<ScriptStep> steps)
    {
        Scenario = scenario;
        Head = head;
        Steps = steps;
    }

    public Scenario Scenario { get; }

    /// <summary>The lines that describe the network.</summary>
    public IReadOnlyList<ScriptStep> Head { get; }

    public IReadOnlyList<ScriptStep> Steps { get; }

    /// <summary>Reads a script. Throws <see cref="ScriptException"/> naming the line.</summary>
    public static Script Parse(string text)
    {
        var scenario = new Scenario { Seed = 1, Replicas = 4, Steady = true, ChaosEvery = 0, FaultUnits = 0, Incorrigible = true };
        var head = new List<ScriptStep>();
        var steps = new List<ScriptStep>();
        int number = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            string bare = line.Split('#')[0].Trim();
            if (bare.Length == 0) continue;
            var step = new ScriptStep(number, bare, bare.Split(' ', StringSplitOptions.RemoveEmptyEntries));
            if (step.Words[0] is not ("nodes" or "set" or "cast" or "change"))
            {
                steps.Add(step);
                continue;
            }
            if (steps.Count > 0) throw new ScriptException(number, $"'{bare}' describes the network: it belongs before the first step");
            head.Add(step);
            scenario = Describe(scenario, step);
        }
        return new Script(scenario, head, steps);
    }

    private static Scenario Describe(Scenario scenario, ScriptStep step)
    {
        const int MaxNodes = 100;
        switch (step.Words[0])
        {
            case "nodes":
                return scenario with { Replicas = step.Number(1) is >= 4 and <= MaxNodes and int n ? n : throw new ScriptException(step.Line, $"nodes are 4 to {MaxNodes}") };
            case "cast":
                if (step.Words.Length != 3 || !Enum.TryParse(step.Words[2], ignoreCase: true, out Role role))
                    throw new ScriptException(step.Line, $"'{step.Text}': cast NODE ROLE, where a role is one of {string.Join(", ", Enum.GetNames<Role>())}");
                var cast = new Role[scenario.Replicas];
                for (int i = 0; i < scenario.Cast.Count; i++) cast[i] = scenario.Cast[i];
                foreach (int node in step.Nodes(1, scenario.Replicas)) cast[node] = role;
                return scenario with { Cast = cast };
            case "change":
                return scenario with { Changes = [.. scenario.Changes, new Change(step.Number(1), step.Nodes(2, MaxNodes))] };
            default:
                return Set(scenario, step);
        }
    }

    private static Scenario Set(Scenario scenario, ScriptStep step)
    {
        int value = step.Number(2);
        return step.Words[1] switch
        {
            "seed" => scenario with { Seed = (ulong)value },
            "window" => scenario with { Window = (ulong)value },
            "checkpoint" => scenario with { CheckpointInterval = (ulong)value },
            "in-flight" => scenario with { MaxInFlight = value },
            "view-timeout" => scenario with { ViewTimeoutTicks = value },
            "heartbeat" => scenario with { HeartbeatTicks = value },
            "doubling" => scenario with { MaxDoublingTicks = value },
            "kept-blocks" => scenario with { KeptBlocks = value },
            _ => throw new ScriptException(step.Line,
                $"no such setting: {step.Words[1]}; there are seed, window, checkpoint, in-flight, view-timeout, heartbeat, doubling, kept-blocks"),
        };
    }
}
