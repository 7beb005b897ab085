using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Services.Codes;
using Ptoy.Services.Common;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Authority;

public sealed partial class KeyAuthority
{
    /// <summary>What is held about an account that was authenticated by its key. Throws <see cref="AuthorityException"/> for one that is not certified here.</summary>
    public AccountFacts FactsOf(Address account) => Facts(PersonOf(account));

    /// <summary>
    /// Begins a change of name, phone or birth date for an account that was authenticated by its key: a code goes to the phone, the new one where it
    /// changes. Throws <see cref="FieldException"/>, <see cref="RateLimitException"/>, <see cref="AuthorityException"/>.
    /// </summary>
    public async Task<ChangeStarted> StartChangeAsync(Address account, ChangeStart request, CancellationToken cancellation)
    {
        PersonEntry person = PersonOf(account);
        if (request is { FullName: null, Phone: null, BirthDate: null }) throw new FieldException("change", "nothing is to change");
        string name = (request.FullName ?? person.FullName).Trim();
        PersonNames.Parts(name);
        string phone = request.Phone is null ? person.Phone : PhoneText.Normalise(request.Phone, _options.Region);
        string? birthDate = request.BirthDate is null ? person.BirthDate : BirthDates.Check(request.BirthDate, DateOnly.FromDateTime(_time.GetUtcNow().UtcDateTime));
        if (name == person.FullName && phone == person.Phone && birthDate == person.BirthDate) throw new FieldException("change", "it is so already");
        if (!_startsBySource.TryTake(account.ToString())) throw new RateLimitException("changes of this account");
        if (!_startsByPhone.TryTake(phone)) throw new RateLimitException("codes to this phone");
        OpenSignUp change = _changes.Begin(name, phone, birthDate, account);
        try
        {
            await _sender.SendAsync(phone, $"Your code to change your PTOYMatrix account: {change.Code.Text}. If you did not ask for it, ignore it.", cancellation);
        }
        catch (CodeSendException e)
        {
            _log.LogWarning("change {Change}: the code was not sent: {Problem}", change.Id, e.Message);
            throw new AuthorityException(AuthorityRefusal.Unavailable, "the code could not be sent; try again later", e);
        }
        _log.LogInformation("change {Change} begun for account {Account}", change.Id, account);
        return new ChangeStarted(change.Id, change.Code.ExpiresAt);
    }

    /// <summary>
    /// Ends a change: the account is certified anew with a commitment to the new facts, and tokens are made of them from now on; none are made of the
    /// old ones any more. The old phone is told. Throws as <see cref="StartChangeAsync"/>.
    /// </summary>
    public async Task<AccountFacts> ConfirmChangeAsync(Address account, ChangeConfirm request, CancellationToken cancellation)
    {
        PublicKey signing = ParseKey("signingKey", request.SigningKey, SuiteId.Ed25519);
        if (signing.Address != account) throw new FieldException("signingKey", "not the key of the account that signed");
        OpenSignUp change = TryChange(account, request);
        await _certifying.WaitAsync(cancellation);
        try
        {
            PersonEntry before = PersonOf(account);
            RefuseSecondKey(change, account);
            await DropPendingOfAnotherKeyAsync(change, account, cancellation);
            PersonEntry after = EntryFor(change, account, PublicKey.Parse(before.SealingKey)) with { State = PersonState.Live };
            try
            {
                // The chain first: should we stop in between, the person has the old facts and changes them again.
                await _registrar.CertifyAsync(account, new IdentityFacts(signing, PublicKey.Parse(before.SealingKey), ["patient"], Commitment(after)), cancellation);
            }
            catch (AuthorityException)
            {
                _changes.Reopen(change);
                throw;
            }
            _directory.Put(after);
            _log.LogInformation("change {Change}: account {Account} certified anew", change.Id, account);
            if (before.Phone != after.Phone) await TellOldPhoneAsync(change.Id, before.Phone, cancellation);
            return Facts(after);
        }
        finally
        {
            _certifying.Release();
        }
    }

    private OpenSignUp TryChange(Address account, ChangeConfirm request)
    {
        if (!_confirmsBySource.TryTake(account.ToString())) throw new RateLimitException("codes tried by this account");
        // Somebody else's change looks like none, and uses up none of its tries.
        if (_changes.AccountOf(request.ChangeId ?? "") != account) throw new AuthorityException(AuthorityRefusal.Code, "the code is not right");
        (CodeOutcome outcome, OpenSignUp? change) = _changes.Try(request.ChangeId!, request.Code ?? "");
        _log.LogInformation("change {Change}: code {Outcome}", IdForLog(request.ChangeId), outcome);
        return change ?? throw Refused(outcome);
    }

    private async Task TellOldPhoneAsync(string change, string phone, CancellationToken cancellation)
    {
        try
        {
            await _sender.SendAsync(phone, "The phone number of your PTOYMatrix account was changed, and this one is used no more. If it was not you, call your hospital.", cancellation);
        }
        catch (CodeSendException e)
        {
            _log.LogWarning("change {Change}: the old phone was not told: {Problem}", change, e.Message);
        }
    }

    private PersonEntry PersonOf(Address account) =>
        _directory.Find(account) ?? throw new AuthorityException(AuthorityRefusal.NotEntitled, "this account is not certified by this authority");

    private static AccountFacts Facts(PersonEntry person) => new(person.Account, person.FullName, person.Phone, person.BirthDate);
}
