using System.Security.Cryptography;
using Ptoy.Client.Workflows;
using Ptoy.Protocol.Matching;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Connector;

/// <summary>A code to send to the phone on file.</summary>
/// <param name="Happened">To be journalled before sending.</param>
/// <param name="Phone">As the hospital's record has it.</param>
public sealed record CodeToSend(CodeSent Happened, string Phone);

/// <summary>What a try of a code came to.</summary>
/// <param name="Happened">To be journalled before anything else; null when no code was meant.</param>
/// <param name="Outcome">For the audit log of the hospital; never told to the asker unless right.</param>
public sealed record ConfirmOutcome(CodeSent? Happened, CodeOutcome Outcome);

/// <summary>
/// The rules by which a hospital's records come to a patient's account. Matching only proposes: what opens them is the code that went to the
/// phone in the hospital's own record, together with the birth date in it; or a code that staff handed out after seeing the person.
/// </summary>
public sealed class BindingLogic(ConnectorState state, TimeProvider time, RandomNumberGenerator random)
{
    /// <summary>Tries with a wrong handle from one account, before nothing from it is heard for that code any more.</summary>
    public const int MaxStrays = 50;

    /// <summary>How long a code handed out by staff is good for.</summary>
    public static readonly TimeSpan StaffLifetime = TimeSpan.FromDays(7);

    /// <summary>
    /// The code to send for a request, or null: nobody fits, they are for staff to look at, they are bound already, or there is no phone on
    /// file. The asker sees no difference.
    /// </summary>
    public CodeToSend? Request(MatchClaim claim, string region)
    {
        MatchCandidate? candidate = state.Index.Find(claim.Tokens).FirstOrDefault(c => c.Automatic);
        if (candidate is null) return null;
        ConnectorPatient patient = state.Patients[candidate.PatientId];
        if (patient.Binding is { IsBound: true }) return null;
        string? phone = patient.Seen?.Phones.Select(p => PhoneText.TryNormalise(p, region)).OfType<string>().FirstOrDefault();
        if (phone is null) return null;
        string account = claim.Account.ToString();
        // A live code stays: asking again must not reset its tries, nor flood somebody's phone.
        DateTimeOffset now = time.GetUtcNow();
        if (state.CodesFor(account).Any(c => c.PatientId == patient.Id && now < c.Code.ExpiresAt)) return null;
        OneTimeCode code = OneTimeCode.Create(random, now);
        return new CodeToSend(new CodeSent(account, patient.Id, claim.SealingKey.ToString(), code, ByStaff: false, Strays: 0), phone);
    }

    /// <summary>
    /// A code for staff to hand to a person they have identified, whose account asks with these tokens or is known. Throws
    /// <see cref="ArgumentException"/> for an unknown patient.
    /// </summary>
    public CodeSent HandOut(string patientId, string account, string sealingKey)
    {
        if (!state.Patients.ContainsKey(patientId)) throw new ArgumentException("there is no patient with this id", nameof(patientId));
        OneTimeCode code = OneTimeCode.Create(random, time.GetUtcNow(), StaffLifetime);
        return new CodeSent(account, patientId, sealingKey, code, ByStaff: true, Strays: 0);
    }

    /// <summary>Tries a code that an account sent. The birth date has to agree in the same try, unless staff handed the code out.</summary>
    public ConfirmOutcome Confirm(string account, MatchConfirm confirm)
    {
        IReadOnlyList<CodeSent> codes = state.CodesFor(account);
        if (codes.Count == 0) return new ConfirmOutcome(null, CodeOutcome.Wrong);
        (string handle, string secret) = OneTimeCode.Parse(confirm.Code) ?? ("", "");
        CodeSent? meant = codes.FirstOrDefault(c => c.Code.Handle == handle);
        if (meant is null)
        {
            // Meant for another hospital's code, or guessed: counted apart, so that it neither locks this code nor goes on for ever.
            CodeSent newest = codes[^1];
            return new ConfirmOutcome(newest with { Strays = newest.Strays + 1 }, CodeOutcome.Wrong);
        }
        if (meant.Strays >= MaxStrays) return new ConfirmOutcome(null, CodeOutcome.Locked);
        bool agrees = meant.ByStaff || BirthDates.Agree(state.Patients[meant.PatientId].Seen?.BirthDate, confirm.BirthDate ?? "");
        (CodeOutcome outcome, OneTimeCode next) = meant.Code.Try(secret, time.GetUtcNow(), agrees);
        return new ConfirmOutcome(meant with { Code = next }, outcome);
    }
}
