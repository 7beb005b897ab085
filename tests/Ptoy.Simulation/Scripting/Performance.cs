using System.Text;
using Ptoy.Consensus;

namespace Ptoy.Simulation;

/// <summary>One playing of a script: every step with what nodes said and what was expected, as a transcript.</summary>
internal sealed class Performance
{
    /// <summary>Units after which something awaited is overdue.</summary>
    private const int Patience = 60_000;

    private readonly StringBuilder _transcript = new();
    private readonly World _world;
    private readonly Notes _notes = new();
    private long _marked;

    private Performance(Script script, PlantedFault fault)
    {
        foreach (ScriptStep step in script.Head) _transcript.Append(step.Text).Append('\n');
        _world = new World(script.Scenario, fault, _notes);
    }

    /// <summary>What nodes said since the last step.</summary>
    private sealed class Notes : WorldObserver
    {
        private readonly List<string> _said = [];

        public override void Said(long time, SimNode? node, string text)
        {
            string note = node is null ? text : $"{node.Name}: {text}";
            if (!_said.Contains(note)) _said.Add(note);
        }

        public override void EpochStarted(long time, SimNode node, ulong epoch) => Said(time, node, $"goes on in epoch {epoch}");

        public List<string> Take()
        {
            List<string> said = [.. _said];
            _said.Clear();
            return said;
        }
    }

    /// <summary>Plays a script and returns its transcript. Throws <see cref="ScriptException"/> for what is expected and not so.</summary>
    public static string Of(Script script, PlantedFault fault = PlantedFault.None)
    {
        const int MostNotes = 40;
        var performance = new Performance(script, fault);
        performance._world.Open();
        foreach (ScriptStep step in script.Steps)
        {
            performance._transcript.Append(step.Text).Append('\n');
            string? broken = World.Try(() => performance.Play(step));
            if (broken is not null) throw new ScriptException(step.Line, broken);
            List<string> said = performance._notes.Take();
            foreach (string note in said.Take(MostNotes)) performance._transcript.Append("  ").Append(note).Append('\n');
            if (said.Count > MostNotes) performance._transcript.Append("  …\n");
        }
        return performance._transcript.ToString();
    }

    private int Identities => _world.Nodes.Max(n => n.Identity) + 1;

    private void Play(ScriptStep step)
    {
        switch (step.Words[0])
        {
            case "run" when step.Words.Length > 1 && step.Words[1] == "until": RunUntil(step); break;
            case "run": _world.RunFor(step.Number(1)); break;
            case "crash": foreach (SimNode node in Chosen(step, 1)) World.CutPower(node); break;
            case "restart": foreach (SimNode node in Chosen(step, 1)) World.PowerOn(node); break;
            case "partition": _world.Partition(Sides(step)); break;
            case "heal": _world.EndPartition(); break;
            case "drop": Drop(step); break;
            case "pass": _world.Dropped.Clear(); break;
            case "work": _world.Working = true; break;
            case "idle": _world.Working = false; break;
            case "backup": foreach (SimNode node in Chosen(step, 1)) node.BackUp(); break;
            case "forget": foreach (SimNode node in Chosen(step, 1)) Forget(node); break;
            case "mark": _marked = _world.Totals.Sent; break;
            case "show": Show(); break;
            case "expect": Expect(step); break;
            default:
                throw new ScriptException(step.Line, $"no such step: {step.Words[0]}; there are run, crash, restart, partition, heal, drop, pass, "
                    + "work, idle, backup, forget, mark, show, expect");
        }
    }

    /// <summary>The log is lost, rolled back or damaged, as the node is cast; it stays down until it is restarted.</summary>
    private static void Forget(SimNode node)
    {
        node.HeldDown = true;
        node.Forget();
    }

    /// <summary>drop Prepare [to 0,1].</summary>
    private void Drop(ScriptStep step)
    {
        string kind = step.Words.ElementAtOrDefault(1) ?? throw new ScriptException(step.Line, "drop what? Such as NewView");
        _world.Dropped.Add((kind, step.Words.ElementAtOrDefault(2) == "to" ? step.Nodes(3, Identities) : null));
    }

    private IEnumerable<SimNode> Chosen(ScriptStep step, int word)
    {
        int[] chosen = step.Nodes(word, Identities);
        return _world.Nodes.Where(n => chosen.Contains(n.Identity));
    }

    /// <summary>The nodes named after "on", or all that are up.</summary>
    private List<SimNode> On(ScriptStep step)
    {
        int on = Array.IndexOf(step.Words, "on");
        List<SimNode> nodes = on < 0 ? [.. _world.Nodes.Where(n => n.Up)] : [.. Chosen(step, on + 1)];
        foreach (SimNode node in nodes)
        {
            if (!node.Up) throw new ScriptException(step.Line, $"'{step.Text}', but {node.Name} is down{(node.Refuses is null ? "" : $": {node.Refuses}")}");
        }
        return nodes;
    }

    private static int[][] SidesOf(ScriptStep step, int most) => [.. step.Words[1].Split('|').Select(side => step.NodesOf(side, most))];

    private int[][] Sides(ScriptStep step) =>
        step.Words.Length == 2 ? SidesOf(step, Identities) : throw new ScriptException(step.Line, "a partition reads like 0,1|2,3");

    /// <summary>run until committed 10 [on 0,1] [within 5000].</summary>
    private void RunUntil(ScriptStep step)
    {
        string what = step.Words.ElementAtOrDefault(2) ?? "";
        ulong goal = (ulong)step.Number(3);
        List<SimNode> nodes = On(step);
        int within = Array.IndexOf(step.Words, "within");
        int patience = within < 0 ? Patience : step.Number(within + 1);
        long limit = _world.Time + patience;
        while (nodes.Exists(n => !n.Up || Measure(step, n, what) < goal))
        {
            if (_world.Time > limit) throw new ScriptException(step.Line, $"'{step.Text}' is not reached within {patience} units: {Standing(what, step, nodes)}");
            _world.Next();
        }
    }

    private static ulong Measure(ScriptStep step, SimNode node, string what) => what switch
    {
        "committed" => node.Replica!.Committed,
        "executed" => node.Replica!.ExecutedHeight,
        "certified" => node.Replica!.CertifiedHeight,
        "stable" => node.Replica!.Stable,
        "view" => node.Replica!.View,
        "epoch" => node.Epoch,
        "voting" => node.Replica!.Signs ? 1UL : 0,
        "accusations" => (ulong)node.Accusations,
        _ => throw new ScriptException(step.Line, $"'{what}' cannot be measured; committed, executed, certified, stable, view, epoch, voting, accusations can"),
    };

    private static string Standing(string what, ScriptStep step, List<SimNode> nodes) =>
        string.Join(", ", nodes.Select(n => $"{n.Name} {what} {(n.Up ? Measure(step, n, what).ToString(System.Globalization.CultureInfo.InvariantCulture) : "down")}"));

    private void Expect(ScriptStep step)
    {
        string what = step.Words.ElementAtOrDefault(1) ?? "";
        if (what == "refused")
        {
            foreach (SimNode node in Chosen(step, 2))
            {
                if (node.Refuses is null) throw new ScriptException(step.Line, $"{node.Name} did not refuse to start");
                _world.Say(node, "refuses to start");
            }
            return;
        }
        string sign = step.Words.ElementAtOrDefault(2) ?? "";
        ulong wanted = (ulong)step.Number(3);
        if (what is "messages" or "views")
        {
            ulong seen = (ulong)(what == "messages" ? _world.Totals.Sent - _marked : _world.Totals.ViewChanges);
            if (!Holds(step, seen, sign, wanted)) throw new ScriptException(step.Line, $"'{step.Text}', but there are {seen}");
            return;
        }
        List<SimNode> nodes = On(step);
        if (!nodes.TrueForAll(n => Holds(step, Measure(step, n, what), sign, wanted)))
            throw new ScriptException(step.Line, $"'{step.Text}', but {Standing(what, step, nodes)}");
    }

    private static bool Holds(ScriptStep step, ulong seen, string sign, ulong wanted) => sign switch
    {
        "=" => seen == wanted,
        ">=" => seen >= wanted,
        "<=" => seen <= wanted,
        _ => throw new ScriptException(step.Line, $"'{sign}' is no comparison; =, >= and <= are"),
    };

    private void Show()
    {
        foreach (SimNode node in _world.Nodes)
        {
            string standing = node.Replica is { } r
                ? $"epoch {node.Epoch} view {r.View}{(r.ViewActive ? "" : " (not open)")} committed {r.Committed} stable {r.Stable}{(r.Signs ? "" : ", no vote")}"
                : "down";
            _world.Say(node, standing);
        }
    }
}
