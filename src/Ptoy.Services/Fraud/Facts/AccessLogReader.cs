using Ptoy.Protocol;
using Ptoy.Protocol.Audit;

namespace Ptoy.Services.Fraud.Facts;

/// <summary>Takes looks out of this network's access log.</summary>
internal static class AccessLogReader
{
    /// <summary>
    /// Looks by people of organisations. Left out: what the patient did, what organisations' own services did on their own behalf, writing, and looks of persons whom the patient permitted by
    /// name (no organisation stands behind them, and the permission is the reason).
    /// </summary>
    /// <param name="into">The patient's facts: its looks are replaced, and who looked for which organisation is added.</param>
    /// <param name="facts">Knows which account is whose.</param>
    /// <param name="entries">Entries of all nodes that were asked, verified.</param>
    public static void Take(PatientFacts into, FraudFacts facts, IEnumerable<AccessEntry> entries)
    {
        into.Accesses.Clear();
        var staff = new HashSet<(string, string)>();
        foreach (AccessEntry e in entries)
        {
            Address requester = e.Requester.Address;
            if (requester == e.Owner || e.OnBehalfOf.IsNone || e.OnBehalfOf == requester || e.Action == AccessAction.Write) continue;
            string user = facts.IdOf(requester.ToString()), organisation = facts.IdOf(e.OnBehalfOf.ToString());
            into.Accesses.Add(new AccessFact(
                e.ComputeHash().ToString(), user, e.Owner.ToString(), DateTimeOffset.FromUnixTimeMilliseconds((long)e.TimeMs), e.Purpose,
                e.Outcome == AccessOutcome.Permit, e.Action == AccessAction.Override));
            if (staff.Add((user, organisation))) into.Staff.Add(new StaffFact(user, organisation, "", "", "", ""));
        }
    }
}
