namespace Ptoy.Simulation;

/// <summary>What becomes of a write of the consensus log.</summary>
internal enum WriteFate
{
    Done,
    /// <summary>The power goes before anything is on disk.</summary>
    LostBefore,
    /// <summary>The power goes when half of it is.</summary>
    Torn,
    /// <summary>The power goes when all of it is, and nothing is sent yet.</summary>
    LostAfter,
}
