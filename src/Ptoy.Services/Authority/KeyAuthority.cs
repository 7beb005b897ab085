using System.Security.Cryptography;
using System.Text;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Services.Codes;
using Ptoy.Services.Common;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Authority;

/// <summary>
/// Signs people up: a code to the phone they name, then one certified key for each person. Whether somebody is known is said only to
/// whoever held the phone. Nothing personal is logged or put on chain.
/// </summary>
public sealed partial class KeyAuthority : IDisposable
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly AuthorityDirectory _directory;
    private readonly TokenMaker _tokens;
    private readonly IIdentityRegistrar _registrar;
    private readonly IKeystoreIssuer _issuer;
    private readonly ICodeSender _sender;
    private readonly TimeProvider _time;
    private readonly RandomNumberGenerator _random;
    private readonly ILogger<KeyAuthority> _log;
    private readonly KeyAuthorityOptions _options;
    private readonly SignUpBook _book, _changes;
    private readonly RateLimiter _startsBySource, _startsByPhone, _confirmsBySource;
    private readonly SemaphoreSlim _certifying = new(1, 1);

    /// <summary>Puts the authority together. Throws <see cref="ArgumentException"/> naming a bad option.</summary>
    public KeyAuthority(
        KeyAuthorityOptions options, AuthorityDirectory directory, TokenMaker tokens, IIdentityRegistrar registrar, IKeystoreIssuer issuer,
        ICodeSender sender, TimeProvider time, RandomNumberGenerator random, ILogger<KeyAuthority> log)
    {
        if (options.Problem() is { } problem) throw new ArgumentException(problem, nameof(options));
        (_options, _directory, _tokens, _registrar, _issuer) = (options, directory, tokens, registrar, issuer);
        (_sender, _time, _random, _log) = (sender, time, random, log);
        _book = new SignUpBook(time, random, options.MaxOpen);
        _changes = new SignUpBook(time, random, options.MaxOpen);
        _startsBySource = new RateLimiter(time, options.StartsPerSource, Hour);
        _startsByPhone = new RateLimiter(time, options.StartsPerPhone, Hour);
        _confirmsBySource = new RateLimiter(time, options.ConfirmsPerSource, Hour);
    }

    /// <summary>
    /// Sends a code. Throws <see cref="FieldException"/>, <see cref="RateLimitException"/>, or <see cref="AuthorityException"/> when the code
    /// cannot be sent.
    /// </summary>
    /// <param name="source">Network address of the asker, for limits.</param>
    /// <param name="request">Name, phone, birth date.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<SignUpStarted> StartAsync(string source, SignUpStart request, CancellationToken cancellation)
    {
        PersonNames.Parts(request.FullName);
        string phone = PhoneText.Normalise(request.Phone, _options.Region);
        string? birthDate = request.BirthDate is null ? null : BirthDates.Check(request.BirthDate, DateOnly.FromDateTime(_time.GetUtcNow().UtcDateTime));
        if (!_startsBySource.TryTake(source)) throw new RateLimitException("sign-ups from this address");
        if (!_startsByPhone.TryTake(phone)) throw new RateLimitException("codes to this phone");
        OpenSignUp signUp = _book.Begin(request.FullName.Trim(), phone, birthDate);
        try
        {
            await _sender.SendAsync(phone, $"Your code to sign up with PTOYMatrix: {signUp.Code.Text}. If you did not ask for it, ignore it.", cancellation);
        }
        catch (CodeSendException e)
        {
            _log.LogWarning("sign-up {SignUp}: the code was not sent: {Problem}", signUp.Id, e.Message);
            throw new AuthorityException(AuthorityRefusal.Unavailable, "the code could not be sent; try again later", e);
        }
        _log.LogInformation("sign-up {SignUp} begun by person {Person}", signUp.Id, Pseudonym(signUp));
        return new SignUpStarted(signUp.Id, signUp.Code.ExpiresAt);
    }

    /// <summary>Certifies a key made on the device. Throws as <see cref="StartAsync"/>.</summary>
    public async Task<SignUpDone> ConfirmAsync(string source, SignUpConfirm request, CancellationToken cancellation)
    {
        PublicKey signing = ParseKey("signingKey", request.SigningKey, SuiteId.Ed25519);
        PublicKey sealing = ParseKey("sealingKey", request.SealingKey, SuiteId.HpkeX25519);
        CheckProof(request, signing, sealing);
        OpenSignUp signUp = TryCode(source, request.SignUpId, request.Code);
        await CertifyAsync(signUp, signing, sealing, cancellation);
        return new SignUpDone(signing.Address.ToString());
    }

    /// <summary>Makes keys for the person, certifies them, and hands them out encrypted. Throws as <see cref="StartAsync"/>.</summary>
    public async Task<SignUpIssued> IssueAsync(string source, SignUpIssue request, CancellationToken cancellation)
    {
        const int MinPassphrase = 12;
        if (request.Passphrase is not { Length: >= MinPassphrase }) throw new FieldException("passphrase", $"fewer than {MinPassphrase} characters");
        OpenSignUp signUp = TryCode(source, request.SignUpId, request.Code);
        RefuseSecondKey(signUp, account: null);
        IssuedKeys keys = _issuer.Issue(request.Passphrase);
        await CertifyAsync(signUp, keys.SigningKey, keys.SealingKey, cancellation);
        return new SignUpIssued(keys.SigningKey.Address.ToString(), keys.Keystore);
    }

    /// <summary>Operator: the account's key counts no more, so that the person can sign up again. False when it is not live.</summary>
    public async Task<bool> RevokeAsync(Address account, CancellationToken cancellation)
    {
        await _certifying.WaitAsync(cancellation);
        try
        {
            if (_directory.Find(account) is not { } person) return false;
            await _registrar.RevokeAsync(account, cancellation);
            _directory.Put(person with { State = PersonState.Ended });
            _log.LogInformation("account {Account} revoked", account);
            return true;
        }
        finally
        {
            _certifying.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _certifying.Dispose();

    private OpenSignUp TryCode(string source, string signUpId, string code)
    {
        if (!_confirmsBySource.TryTake(source)) throw new RateLimitException("codes tried from this address");
        (CodeOutcome outcome, OpenSignUp? signUp) = _book.Try(signUpId ?? "", code ?? "");
        _log.LogInformation("sign-up {SignUp}: code {Outcome}", IdForLog(signUpId), outcome);
        return signUp ?? throw Refused(outcome);
    }

    private static AuthorityException Refused(CodeOutcome outcome) => new(AuthorityRefusal.Code, outcome switch
    {
        CodeOutcome.Expired => "the code has expired: begin again",
        CodeOutcome.Used => "the code was used already: begin again",
        CodeOutcome.Locked => "too many wrong codes: begin again",
        _ => "the code is not right",
    });

    private async Task CertifyAsync(OpenSignUp signUp, PublicKey signing, PublicKey sealing, CancellationToken cancellation)
    {
        // One at a time: two sign-ups of one person must not both find nobody there.
        await _certifying.WaitAsync(cancellation);
        try
        {
            Address account = signing.Address;
            RefuseSecondKey(signUp, account);
            await DropPendingOfAnotherKeyAsync(signUp, account, cancellation);
            PersonEntry person = EntryFor(signUp, account, sealing);
            _directory.Put(person);
            var facts = new IdentityFacts(signing, sealing, ["patient"], Commitment(person));
            try
            {
                await _registrar.CertifyAsync(account, facts, cancellation);
            }
            catch (AuthorityException)
            {
                _book.Reopen(signUp);
                throw;
            }
            _directory.Put(person with { State = PersonState.Live });
            _log.LogInformation("sign-up {SignUp}: account {Account} certified", signUp.Id, account);
        }
        finally
        {
            _certifying.Release();
        }
    }

    private void RefuseSecondKey(OpenSignUp signUp, Address? account)
    {
        PersonEntry? holder = _directory.HolderOf(Tag(signUp));
        if (holder is not { State: PersonState.Live } || holder.Account == account?.ToString()) return;
        _log.LogWarning("sign-up {SignUp}: second key refused, account {Account} is live", signUp.Id, holder.Account);
        throw new AuthorityException(AuthorityRefusal.SecondKey, "this person has a live key already: use it, or have it revoked first");
    }

    /// <summary>A certification that was begun and perhaps finished, before a crash or a lost connection, decides itself on chain.</summary>
    private async Task DropPendingOfAnotherKeyAsync(OpenSignUp signUp, Address account, CancellationToken cancellation)
    {
        if (_directory.HolderOf(Tag(signUp)) is not { State: PersonState.Pending } pending || pending.Account == account.ToString()) return;
        bool active = await _registrar.IsActiveAsync(Address.Parse(pending.Account), cancellation);
        _directory.Put(pending with { State = active ? PersonState.Live : PersonState.Ended });
        RefuseSecondKey(signUp, account);
    }

    private PersonEntry EntryFor(OpenSignUp signUp, Address account, PublicKey sealing)
    {
        var salt = new byte[Hash.Size];
        _random.GetBytes(salt);
        return new PersonEntry(Tag(signUp).ToString(), Convert.ToHexStringLower(salt), signUp.FullName, signUp.Phone, signUp.BirthDate,
            account.ToString(), sealing.ToString(), PersonState.Pending);
    }

    private static Hash Commitment(PersonEntry person) =>
        Digest.Of("ptoy/person-commitment/v1", Convert.FromHexString(person.Salt), Convert.FromHexString(person.Tag));

    private static void CheckProof(SignUpConfirm request, PublicKey signing, PublicKey sealing)
    {
        byte[] proof;
        try { proof = Convert.FromHexString(request.Proof ?? ""); }
        catch (FormatException) { throw new FieldException("proof", "not hexadecimal"); }
        byte[] text = Encoding.UTF8.GetBytes(SignUpProof.Text(request.SignUpId, signing, sealing));
        if (!Signing.Verify(signing, SignUpProof.Domain, text, new Signature(SuiteId.Ed25519, proof)))
            throw new AuthorityException(AuthorityRefusal.Proof, "the proof is not signed by the signing key");
    }

    private static PublicKey ParseKey(string field, string text, SuiteId suite)
    {
        try
        {
            PublicKey key = PublicKey.Parse(text ?? "");
            return key.Suite == suite ? key : throw new FieldException(field, $"not a key of suite {(byte)suite}");
        }
        catch (FormatException)
        {
            throw new FieldException(field, $"not a key written {(byte)suite}:hex");
        }
    }

    private static string IdForLog(string? id) => id is { Length: 32 } && id.All(char.IsAsciiHexDigitLower) ? id : "(malformed)";

    private Hash Tag(OpenSignUp signUp) => _tokens.PersonTag(signUp.FullName, signUp.Phone);

    private string Pseudonym(OpenSignUp signUp) => Tag(signUp).Short;
}
