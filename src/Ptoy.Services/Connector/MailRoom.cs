using Ptoy.Client.Keys;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Matching;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;
using Ptoy.Services.Codes;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Connector;

/// <summary>Puts a mail into an account's inbox.</summary>
internal delegate Task MailSending(Address to, string kind, byte[] bytes, CancellationToken cancellation);

/// <summary>
/// Handles the mail of matching: requests, codes, letters. Mail comes from anybody: what is not right is passed over without an answer, and
/// only the right code is ever answered.
/// </summary>
internal sealed class MailRoom(
    ConnectorOptions options, Hash chain, AccountKeys organisation, ConnectorState state, BindingLogic logic, ICodeSender codes, MailSending send,
    TimeProvider time, ILogger log)
{
    public Task HandleAsync(MailDto mail, CancellationToken cancellation) => mail.Kind switch
    {
        MailKinds.MatchRequest => HandleRequestAsync(mail, cancellation),
        MailKinds.MatchConfirm => HandleConfirmAsync(mail, cancellation),
        MailKinds.WriterLetter => HandleLetterAsync(mail),
        _ => Task.CompletedTask,
    };

    /// <summary>Tells a patient how far the binding is.</summary>
    public Task AnswerAsync(ConnectorPatient patient, MatchState reached, CancellationToken cancellation)
    {
        Binding binding = patient.Binding!;
        int records = state.Family(state.Survivor(patient)).Sum(p => state.Resources.CountOf(p.Number));
        var answer = new MatchAnswer(organisation.Address.ToString(), options.OrganisationName, reached, records);
        byte[] bytes = MatchMail.Seal(PublicKey.Parse(binding.SealingKey), MatchMail.AnswerPurpose, answer);
        return send(Address.Parse(binding.Account), MailKinds.MatchAnswer, bytes, cancellation);
    }

    private async Task HandleRequestAsync(MailDto mail, CancellationToken cancellation)
    {
        if (!Codec.TryDecode(mail.Bytes, MatchStatement.MaxBytes, out MatchStatement? statement, out _)) return;
        MatchClaim claim;
        try { claim = statement!.Open(options.Authority, chain, time.GetUtcNow().ToUnixTimeMilliseconds()); }
        catch (WireException e)
        {
            log.LogWarning("match request refused: {Problem}", e.Message);
            return;
        }
        if (claim.Account.ToString() != mail.From || logic.Request(claim, options.Region) is not { } toSend) return;
        state.Record(toSend.Happened);
        try
        {
            await codes.SendAsync(toSend.Phone, $"Your PTOYMatrix code: {toSend.Happened.Code.Text}. Type it in only if you asked for your records.", cancellation);
            log.LogInformation("match request of account {Account}: a code was sent", claim.Account);
        }
        catch (CodeSendException e)
        {
            log.LogWarning("match request of account {Account}: {Problem}", claim.Account, e.Message);
        }
    }

    private async Task HandleConfirmAsync(MailDto mail, CancellationToken cancellation)
    {
        if (MatchMail.Open<MatchConfirm>(mail.Bytes, MatchMail.ConfirmPurpose, organisation.Sealing) is not { } confirm) return;
        ConfirmOutcome outcome = logic.Confirm(mail.From, confirm);
        if (outcome.Happened is null) return;
        // Who was merged away meanwhile is bound as the patient that they are now.
        ConnectorPatient meant = state.Survivor(state.Patients[outcome.Happened.PatientId]);
        // The same account that proved itself asks again, or the answer was lost with a crash: it learns nothing new.
        if (outcome.Outcome == CodeOutcome.Used && meant.Binding?.Account == mail.From)
        {
            await AnswerAsync(meant, meant.Binding.IsBound ? MatchState.Bound : MatchState.Proven, cancellation);
            return;
        }
        state.Record(outcome.Happened);
        log.LogInformation("code of account {Account}: {Outcome}", mail.From, outcome.Outcome);
        // Only the right code is answered: any other answer would tell that a hospital is here.
        if (outcome.Outcome != CodeOutcome.Right) return;
        CodeSent code = outcome.Happened;
        if (meant.Binding is { IsBound: true } bound && bound.Account != code.Account)
        {
            state.Reviews.Add("binding", [meant.Id, bound.Account, code.Account], "a second account proved to be this patient", time.GetUtcNow());
            return;
        }
        state.Record(new BindingChanged(meant.Id, new Binding(code.Account, code.SealingKey, TagKey: null, IsBound: false)));
        await AnswerAsync(meant, MatchState.Proven, cancellation);
    }

    private Task HandleLetterAsync(MailDto mail)
    {
        IReadOnlyList<ConnectorPatient> bound = state.BoundTo(mail.From);
        if (bound.Count == 0 || MatchMail.Open(mail.Bytes, MatchMail.WriterPurpose, organisation.Sealing) is not { } content) return Task.CompletedTask;
        try
        {
            GrantLetter letter = GrantLetter.Parse(content);
            string tagKey = Convert.ToHexStringLower(letter.TagKey);
            foreach (ConnectorPatient patient in bound) state.Record(new BindingChanged(patient.Id, patient.Binding! with { TagKey = tagKey }));
        }
        catch (FormatException e)
        {
            log.LogWarning("writer's letter of account {Account}: {Problem}", mail.From, e.Message);
        }
        return Task.CompletedTask;
    }
}
