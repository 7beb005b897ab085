using System.Diagnostics;

namespace Ptoy.EndToEnd.Demo;

/// <summary>A step did not hold. The message says what was expected.</summary>
public sealed class StepFailedException(string message) : Exception(message);

/// <summary>Plays steps one after another, tells a newcomer what happens, and keeps the score.</summary>
public sealed class Playbook(TextWriter output)
{
    private readonly List<(string Name, bool Held, string Figures, TimeSpan Took)> _steps = [];

    /// <summary>True when every step so far held.</summary>
    public bool AllHeld => _steps.TrueForAll(s => s.Held);

    /// <summary>Plays one step: what it returns goes into the table. A step that throws did not hold, and ends the play.</summary>
    public async Task StepAsync(string name, Func<Task<string>> play)
    {
        output.WriteLine();
        output.WriteLine($"── {_steps.Count + 1}. {name}");
        long start = Stopwatch.GetTimestamp();
        try
        {
            string figures = await play().ConfigureAwait(false);
            _steps.Add((name, true, figures, Stopwatch.GetElapsedTime(start)));
        }
        catch (Exception e)
        {
            _steps.Add((name, false, e.Message, Stopwatch.GetElapsedTime(start)));
            throw;
        }
    }

    /// <summary>A line about what happens.</summary>
    public void Say(string line) => output.WriteLine($"   {line}");

    /// <summary>Throws <see cref="StepFailedException"/> unless it holds.</summary>
    public static void Require(bool holds, string expectation)
    {
        if (!holds) throw new StepFailedException(expectation);
    }

    /// <summary>The table of steps, counts and times.</summary>
    public void Table()
    {
        output.WriteLine();
        output.WriteLine("  #  held  seconds  step");
        for (int i = 0; i < _steps.Count; i++)
        {
            (string name, bool held, string figures, TimeSpan took) = _steps[i];
            output.WriteLine($" {i + 1,2}  {(held ? "yes" : "NO "),-4}  {took.TotalSeconds,7:0.0}  {name}: {figures}");
        }
    }
}
