namespace Ptoy.Services.Monitoring;

/// <summary>What kind of thing was noticed: all that a notification ever says.</summary>
public enum FindingKind
{
    /// <summary>A value crossed a threshold.</summary>
    Threshold,

    /// <summary>Values move in a direction that is watched for.</summary>
    Trend,

    /// <summary>A treatment goal was not met when it was due.</summary>
    GoalMissed,

    /// <summary>A treatment goal is met.</summary>
    GoalMet,

    /// <summary>Nothing was recorded for longer than expected.</summary>
    NoData,

    /// <summary>A prescribed medicine covers too few days.</summary>
    Adherence,

    /// <summary>What was eaten or drunk is off what was ordered.</summary>
    Nutrition,
}

/// <summary>Something noticed in one patient's records. Everything but the kind stays with the patient's sealed data.</summary>
/// <param name="Kind">What kind.</param>
/// <param name="Key">Which one: the same matter has the same key each time.</param>
/// <param name="IsUrgent">It does not wait for the morning, and goes on to the care team.</param>
/// <param name="Compartment">Compartment of the records behind it: who may not see that is not told.</param>
/// <param name="RecordIds">The records behind it.</param>
/// <param name="Text">What it is, for the patient's own eyes.</param>
public sealed record Finding(FindingKind Kind, string Key, bool IsUrgent, string Compartment, IReadOnlyList<string> RecordIds, string Text);
