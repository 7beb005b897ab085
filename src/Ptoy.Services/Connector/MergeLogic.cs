namespace Ptoy.Services.Connector;

/// <summary>
/// Whether two of a source's patients may be made one without people looking at it. A wrong merge of bound patients would hand one person's
/// records to another, so whatever involves an account of the patient that goes away, or two accounts, is for review.
/// </summary>
internal static class MergeLogic
{
    public static MergeOutcome Merge(ConnectorState state, ConnectorPatient from, ConnectorPatient into)
    {
        if (from == into) return new MergeOutcome(MergeResult.Already);
        ConnectorPatient target = state.Survivor(into);
        if (IsMergedInto(state, from, into)) return new MergeOutcome(MergeResult.Already);
        if (target == state.Survivor(from)) return Review("the other one was merged into this one before: a circle");
        if (from.MergedInto is not null) return Review("it was merged into another patient before");
        string? ours = Account(state, from), theirs = Account(state, target);
        if (ours is null || ours == theirs) return new MergeOutcome(MergeResult.Done);
        return Review(theirs is null
            ? "the patient that goes away is bound to an account: somebody has to see that it is the same person"
            : "the two are bound to different accounts");
    }

    public static MergeOutcome Undo(ConnectorState state, ConnectorPatient from, ConnectorPatient into)
    {
        if (from.MergedInto is null) return new MergeOutcome(MergeResult.Already);
        if (from.MergedInto != into.Id) return Review("it is merged into another patient than this");
        bool ownAccount = from.Binding is not null;
        if (!ownAccount && state.Resources.SlicesOf(from.Number).Any(s => s.Slice.InVault))
            return Review("records of it are in the vault of the patient that it was merged into");
        return new MergeOutcome(MergeResult.Done);
    }

    private static bool IsMergedInto(ConnectorState state, ConnectorPatient from, ConnectorPatient into)
    {
        for (ConnectorPatient? at = from; at?.MergedInto is { } next; at = state.Patients.GetValueOrDefault(next))
        {
            if (next == into.Id) return true;
        }
        return false;
    }

    /// <summary>The account of the patient or of anybody merged into it.</summary>
    private static string? Account(ConnectorState state, ConnectorPatient patient) =>
        state.Family(patient).Select(p => p.Binding?.Account).FirstOrDefault(a => a is not null);

    private static MergeOutcome Review(string reason) => new(MergeResult.Review, reason);
}
