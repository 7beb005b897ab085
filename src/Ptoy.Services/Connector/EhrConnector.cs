using System.Security.Cryptography;
using Ptoy.Client.Keys;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Matching;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;
using Ptoy.Services.Codes;
using Ptoy.Services.Fhir;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Connector;

/// <summary>
/// Beside a hospital's EHR: takes its export in, keeps it sealed in the hospital's custody, answers match requests, and hands records over to
/// the patients who prove themselves. One thing at a time; every step is remembered, so it goes on after a restart where it was.
/// </summary>
public sealed class EhrConnector : IDisposable
{
    private readonly ConnectorOptions _options;
    private readonly AccountKeys _organisation;
    private readonly TransactionSender _sender;
    private readonly AuthorityClient _authority;
    private readonly ConnectorState _state;
    private readonly CustodyKeys _custody;
    private readonly SliceStore _store;
    private readonly BindingLogic _logic;
    private readonly ICodeSender _codes;
    private readonly TimeProvider _time;
    private readonly ILogger<EhrConnector> _log;
    private readonly MailBox _mail;
    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>Puts a connector together. State and keys stay the caller's to dispose.</summary>
    /// <param name="options">Name, authority, region.</param>
    /// <param name="organisation">The hospital's account.</param>
    /// <param name="node">Connection to the hospital's own node, signing with that account.</param>
    /// <param name="authority">For tokens.</param>
    /// <param name="state">The connector's memory.</param>
    /// <param name="custody">The custody keys.</param>
    /// <param name="connectorKey">The connector's key; compartment tags of custody derive from it.</param>
    /// <param name="codes">Sends codes to phones.</param>
    /// <param name="time">Clock.</param>
    /// <param name="log">Messages without personal data.</param>
    public EhrConnector(
        ConnectorOptions options, AccountKeys organisation, NodeConnection node, AuthorityClient authority, ConnectorState state, CustodyKeys custody,
        ReadOnlySpan<byte> connectorKey, ICodeSender codes, TimeProvider time, ILogger<EhrConnector> log)
    {
        (_options, _organisation, _authority, _state, _custody) = (options, organisation, authority, state, custody);
        (_codes, _time, _log) = (codes, time, log);
        _sender = new TransactionSender(node);
        byte[] tagKey = HKDF.DeriveKey(HashAlgorithmName.SHA256, connectorKey.ToArray(), 32, info: "ptoy/custody-tags/v1"u8.ToArray());
        _store = new SliceStore(organisation, _sender, custody, tagKey);
        _logic = new BindingLogic(state, time, RandomNumberGenerator.Create());
        _mail = new MailBox(node, state.MailCursor);
    }

    /// <summary>The connector's memory.</summary>
    public ConnectorState State => _state;

    /// <summary>
    /// Imports every <c>*.json</c> of a folder. What is stored already is passed over, so an import that was cut off is simply run again, and a
    /// new visit's file brings only what is new. A file that cannot be taken is reported and the others go on.
    /// </summary>
    public async Task<ImportResult> ImportAsync(string folder, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"EHR folder '{folder}' does not exist");
        string[] files = [.. Directory.GetFiles(folder, "*.json").Order(StringComparer.Ordinal)];
        int done = 0, resources = 0, stored = 0;
        long bytes = 0;
        var failures = new List<string>();
        foreach (string file in files)
        {
            try
            {
                byte[] content = await File.ReadAllBytesAsync(file, cancellation);
                (int found, int fresh) = await ImportBundleAsync(BundleSlicer.Slice(content, Path.GetFileName(file)), cancellation);
                resources += found;
                stored += fresh;
                bytes += content.Length;
            }
            catch (BundleException e)
            {
                _log.LogWarning("import: file {Number} of {Count} refused: {Problem}", done + 1, files.Length, e.Message);
                failures.Add(e.Describe());
            }
            catch (TransactionFailedException e)
            {
                // A bound patient has withdrawn the permission to write: the file stays in the EHR, for staff to decide on.
                _log.LogWarning("import: file {Number} of {Count} not taken: {Problem}", done + 1, files.Length, e.Message);
                failures.Add($"{Path.GetFileName(file)}: {e.Message}");
            }
            done++;
            progress?.Report(done);
        }
        await PublishTokensAsync(cancellation);
        _log.LogInformation("import: {Files} files, {Resources} resources, {Stored} newly stored, {Failures} refused", done, resources, stored, failures.Count);
        return new ImportResult(done - failures.Count, resources, stored, bytes, failures);
    }

    /// <summary>Imports one bundle: into custody, or straight into the vault of a patient who is bound. Returns resources, and slices newly stored.</summary>
    public async Task<(int Resources, int Stored)> ImportBundleAsync(SlicedBundle bundle, CancellationToken cancellation = default)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            Remember(bundle);
            ConnectorPatient patient = _state.Patients[bundle.PatientId];
            Slice[] fresh = [.. SlicesOf(bundle).Where(s => !patient.Slices.ContainsKey(s.Digest.ToString())).DistinctBy(s => s.Digest)];
            if (fresh.Length == 0) return (bundle.Slices.Count, 0);
            StoredSlice[] stored = patient.Binding is { IsBound: true, TagKey: { } tagKey } binding
                ? await _store.BindAsync(Address.Parse(binding.Account), Convert.FromHexString(tagKey), fresh, cancellation)
                : await _store.KeepAsync(patient.Id, fresh, cancellation);
            _state.Record(new SlicesStored(patient.Id, stored));
            return (bundle.Slices.Count, fresh.Length);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Gets tokens from the authority for patients who have none, and keeps them here.</summary>
    public async Task PublishTokensAsync(CancellationToken cancellation = default)
    {
        const int Batch = 200;
        PatientSeen[] without = [.. _state.Patients.Values.Where(p => p is { HasTokens: false, Seen: not null }).Select(p => p.Seen!)];
        foreach (PatientSeen[] batch in without.Chunk(Batch))
        {
            // Lines are named by number: the authority need not know the hospital's ids.
            TokenPerson[] people = [.. batch.Select((p, i) => new TokenPerson($"{i}", p.Names, p.Phones, p.BirthDate))];
            TokenAnswer answer = await _authority.TokensAsync(_organisation.Signing, new TokenRequest(people), cancellation);
            for (int i = 0; i < batch.Length; i++)
                _state.Record(new TokensKept(batch[i].PatientId, [.. answer.People[i].Tokens.Select(t => new MatchTokenText(t.Rule, t.Value))]));
        }
    }

    /// <summary>Handles the mails that came, waiting for a first one; then finishes what is waiting. Returns how many mails were handled.</summary>
    public async Task<int> HandleMailAsync(CancellationToken cancellation = default)
    {
        IReadOnlyList<MailDto> mails = await _mail.NextAsync(_options.MailWait, cancellation);
        await _one.WaitAsync(cancellation);
        try
        {
            foreach (MailDto mail in mails) await HandleAsync(mail, cancellation);
            if (mails.Count > 0) _state.Record(new MailRead(_mail.Cursor));
            return mails.Count;
        }
        catch
        {
            _mail.Rewind(_state.MailCursor);
            throw;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Handles mail until cancelled. A node that does not answer is asked again after a pause.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var pause = new PeriodicTimer(TimeSpan.FromSeconds(1), _time);
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await HandleMailAsync(cancellation);
                await FinishBindingsAsync(cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is Ptoy.Client.Rpc.RpcConnectionException or RpcException or TimeoutException or TransactionLostException)
            {
                _log.LogWarning("connector: {Problem}; trying again", e.GetType().Name);
                await pause.WaitForNextTickAsync(cancellation);
            }
        }
    }

    /// <summary>
    /// Staff: a code for a person they have identified, to type in as if it had come by phone. It stands in for phone and birth date.
    /// </summary>
    public string HandOutCode(string patientId, Address account, PublicKey sealingKey)
    {
        CodeSent code = _logic.HandOut(patientId, account.ToString(), sealingKey.ToString());
        _state.Record(code);
        _log.LogInformation("staff handed out a code for account {Account}", account);
        return code.Code.Text;
    }

    /// <summary>Re-seals custody into vaults for every proven patient whose letter has come; also after a restart in the middle.</summary>
    public async Task<int> FinishBindingsAsync(CancellationToken cancellation = default)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            ConnectorPatient[] waiting = [.. _state.Patients.Values.Where(p => p.Binding is { IsBound: false, TagKey: not null } || HasCustodyLeft(p))];
            foreach (ConnectorPatient patient in waiting) await BindAsync(patient, cancellation);
            return waiting.Length;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _sender.Dispose();
        _one.Dispose();
    }

    private void Remember(SlicedBundle bundle)
    {
        PatientDemographics person = PatientDemographics.Read(bundle.BytesOf(bundle.Patient));
        var seen = new PatientSeen(bundle.PatientId, [.. person.Names.Select(n => n.Text)], [.. person.Phones], person.BirthDate);
        PatientSeen? known = _state.Patients.GetValueOrDefault(bundle.PatientId)?.Seen;
        bool same = known is not null && known.BirthDate == seen.BirthDate && known.Names.SequenceEqual(seen.Names) && known.Phones.SequenceEqual(seen.Phones);
        if (!same) _state.Record(seen);
    }

    private static IEnumerable<Slice> SlicesOf(SlicedBundle bundle)
    {
        foreach (BundleSlice slice in bundle.Slices)
        {
            ReadOnlyMemory<byte> bytes = bundle.BytesOf(slice);
            yield return Slice.Of(bytes, FhirScan.CompartmentOf(bytes.Span));
        }
        yield return Slice.Of(bundle.Skeleton(), Compartments.Of("Bundle", []));
    }

    private Task HandleAsync(MailDto mail, CancellationToken cancellation) => mail.Kind switch
    {
        MailKinds.MatchRequest => HandleRequestAsync(mail, cancellation),
        MailKinds.MatchConfirm => HandleConfirmAsync(mail, cancellation),
        MailKinds.WriterLetter => HandleLetterAsync(mail),
        _ => Task.CompletedTask,
    };

    private async Task HandleRequestAsync(MailDto mail, CancellationToken cancellation)
    {
        if (!Codec.TryDecode(mail.Bytes, MatchStatement.MaxBytes, out MatchStatement? statement, out _)) return;
        MatchClaim claim;
        try { claim = statement!.Open(_options.Authority, _sender.Node.Chain.ChainId, _time.GetUtcNow().ToUnixTimeMilliseconds()); }
        catch (WireException e)
        {
            _log.LogWarning("match request refused: {Problem}", e.Message);
            return;
        }
        if (claim.Account.ToString() != mail.From || _logic.Request(claim, _options.Region) is not { } toSend) return;
        _state.Record(toSend.Happened);
        try
        {
            await _codes.SendAsync(toSend.Phone, $"Your PTOYMatrix code: {toSend.Happened.Code.Text}. Type it in only if you asked for your records.", cancellation);
            _log.LogInformation("match request of account {Account}: a code was sent", claim.Account);
        }
        catch (CodeSendException e)
        {
            _log.LogWarning("match request of account {Account}: {Problem}", claim.Account, e.Message);
        }
    }

    private async Task HandleConfirmAsync(MailDto mail, CancellationToken cancellation)
    {
        if (MatchMail.Open<MatchConfirm>(mail.Bytes, MatchMail.ConfirmPurpose, _organisation.Sealing) is not { } confirm) return;
        ConfirmOutcome outcome = _logic.Confirm(mail.From, confirm);
        if (outcome.Happened is null) return;
        // The same account that proved itself asks again, or the answer was lost with a crash: it learns nothing new.
        ConnectorPatient meant = _state.Patients[outcome.Happened.PatientId];
        if (outcome.Outcome == CodeOutcome.Used && meant.Binding?.Account == mail.From)
        {
            await AnswerAsync(meant, meant.Binding.IsBound ? MatchState.Bound : MatchState.Proven, cancellation);
            return;
        }
        _state.Record(outcome.Happened);
        _log.LogInformation("code of account {Account}: {Outcome}", mail.From, outcome.Outcome);
        // Only the right code is answered: any other answer would tell that a hospital is here.
        if (outcome.Outcome != CodeOutcome.Right) return;
        CodeSent code = outcome.Happened;
        _state.Record(new BindingChanged(code.PatientId, new Binding(code.Account, code.SealingKey, TagKey: null, IsBound: false, Custody: [])));
        await AnswerAsync(_state.Patients[code.PatientId], MatchState.Proven, cancellation);
    }

    private Task HandleLetterAsync(MailDto mail)
    {
        ConnectorPatient? patient = _state.Patients.Values.FirstOrDefault(p => p.Binding?.Account == mail.From);
        if (patient is null || MatchMail.Open(mail.Bytes, MatchMail.WriterPurpose, _organisation.Sealing) is not { } content) return Task.CompletedTask;
        try
        {
            GrantLetter letter = GrantLetter.Parse(content);
            _state.Record(new BindingChanged(patient.Id, patient.Binding! with { TagKey = Convert.ToHexStringLower(letter.TagKey) }));
        }
        catch (FormatException e)
        {
            _log.LogWarning("writer's letter of account {Account}: {Problem}", mail.From, e.Message);
        }
        return Task.CompletedTask;
    }

    private bool HasCustodyLeft(ConnectorPatient patient) => patient.Binding is { IsBound: true } && _custody.Exists(patient.Id);

    private async Task BindAsync(ConnectorPatient patient, CancellationToken cancellation)
    {
        Binding binding = patient.Binding!;
        if (!binding.IsBound)
        {
            if (!await _store.MayWriteAsync(Address.Parse(binding.Account), Convert.FromHexString(binding.TagKey!), cancellation)) return;
            StoredSlice[] inCustody = [.. patient.Slices.Values];
            IReadOnlyList<Slice> slices = await _store.FetchAsync(patient.Id, inCustody, cancellation);
            StoredSlice[] bound;
            try
            {
                bound = await _store.BindAsync(Address.Parse(binding.Account), Convert.FromHexString(binding.TagKey!), slices, cancellation);
            }
            catch (TransactionFailedException e)
            {
                // The grant may not be there yet, or was revoked: custody stays as it is until the patient's contract lets us write.
                _log.LogWarning("account {Account}: the vault does not take the records: {Problem}", binding.Account, e.Message);
                return;
            }
            binding = binding with { IsBound = true, Custody = [.. inCustody.Select(slice => slice.Manifest).Distinct()] };
            _state.Record(new SlicesStored(patient.Id, bound, binding));
        }
        // From here the vault holds everything, and what follows can be repeated after a crash: the key goes last.
        await _store.RetireAsync(binding.Custody, cancellation);
        _custody.Destroy(patient.Id);
        await AnswerAsync(patient, MatchState.Bound, cancellation);
        _log.LogInformation("account {Account}: {Count} slices bound, custody key destroyed", binding.Account, patient.Slices.Count);
    }

    private Task AnswerAsync(ConnectorPatient patient, MatchState state, CancellationToken cancellation)
    {
        Binding binding = patient.Binding!;
        var answer = new MatchAnswer(_organisation.Address.ToString(), _options.OrganisationName, state, patient.Slices.Count);
        byte[] bytes = MatchMail.Seal(PublicKey.Parse(binding.SealingKey), MatchMail.AnswerPurpose, answer);
        return _mail.SendAsync(Address.Parse(binding.Account), MailKinds.MatchAnswer, bytes, cancellation);
    }
}
