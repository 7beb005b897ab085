using Microsoft.AspNetCore.Routing;

namespace Ptoy.Services.Hosting;

/// <summary>How a part is.</summary>
/// <param name="Ok">False when it does not do its work at present (a source away, a node away): it goes on trying.</param>
/// <param name="Text">One line for the operator; no name, number or medical fact.</param>
public sealed record PartHealth(bool Ok, string Text);

/// <summary>One part of a daemon: started with it, ended with it.</summary>
public interface IDaemonPart
{
    /// <summary>The name of its section in the configuration; names it in health, metrics and messages.</summary>
    string Name { get; }

    /// <summary>How it is now; called from any thread, answers at once.</summary>
    PartHealth Health();

    /// <summary>Adds the part's HTTP routes to the daemon's; called once, before it runs.</summary>
    void Map(IEndpointRouteBuilder routes)
    {
    }

    /// <summary>
    /// Does its work until told to stop. What can be tried again (a source or node away) is, and shows in <see cref="Health"/>; an
    /// exception means that the part cannot go on: the daemon ends with its message. Returning before being told to stop is that too.
    /// </summary>
    Task RunAsync(CancellationToken stop);
}
