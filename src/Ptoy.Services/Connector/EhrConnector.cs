using System.Security.Cryptography;
using Ptoy.Client.Keys;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Codes;
using Ptoy.Services.Connector.Fhir;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Connector;

/// <summary>
/// Beside a hospital's EHR: what its systems bring is kept sealed in the hospital's custody, match requests are answered, and records are
/// handed over to the patients who prove themselves. Every step is remembered, so it goes on after a restart where it was.
/// </summary>
public sealed class EhrConnector : IDisposable
{
    /// <summary>Name of the source that <see cref="ImportAsync"/> takes in.</summary>
    public const string FolderSource = "ehr";

    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);
    private readonly ConnectorOptions _options;
    private readonly TransactionSender _sender;
    private readonly ConnectorState _state;
    private readonly Intake _intake;
    private readonly Courier _courier;
    private readonly Binder _binder;
    private readonly BindingLogic _logic;
    private readonly MailRoom _mailRoom;
    private readonly TokenPublisher _tokens;
    private readonly TimeProvider _time;
    private readonly ILogger<EhrConnector> _log;
    private readonly MailBox _mail;
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly SemaphoreSlim _work = new(0, 1);

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
        (_options, _state, _time, _log) = (options, state, time, log);
        _sender = new TransactionSender(node);
        byte[] tagKey = HKDF.DeriveKey(HashAlgorithmName.SHA256, connectorKey.ToArray(), 32, info: "ptoy/custody-tags/v1"u8.ToArray());
        var store = new SliceStore(organisation, _sender, custody, tagKey);
        _courier = new Courier(state, store, log);
        _binder = new Binder(state, store, _courier, custody, log);
        _logic = new BindingLogic(state, time, RandomNumberGenerator.Create());
        _mail = new MailBox(node, state.MailCursor);
        _mailRoom = new MailRoom(options, node.Chain.ChainId, organisation, state, _logic, codes, _mail.SendAsync, time, log);
        _tokens = new TokenPublisher(state, authority, organisation);
        _intake = new Intake(state, time, options.Limits);
        _intake.Taken += Wake;
    }

    /// <summary>The connector's memory.</summary>
    public ConnectorState State => _state;

    /// <summary>The hospital's name.</summary>
    public string Organisation => _options.OrganisationName;

    /// <summary>Why the node or the key authority cannot be worked with at present; null when it can.</summary>
    public string? Trouble { get; private set; }

    /// <summary>Where everything enters.</summary>
    public IIntake Intake => _intake;

    /// <summary>
    /// Imports the bundles (<c>*.json</c>) and lists of resources (<c>*.ndjson</c>) of a folder, hands them to the nodes and returns. What is
    /// stored already is passed over, so an import that was cut off is simply run again, and a new visit's file brings only what is new. A
    /// file that cannot be taken is reported and the others go on.
    /// </summary>
    public async Task<ImportResult> ImportAsync(string folder, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        var import = new FolderIntake(FolderSource, _intake, SharedResources(FolderSource), FlushAsync, _log);
        ImportResult result = await import.TakeAsync(folder, progress, cancellation);
        await FlushAsync(cancellation);
        await PublishTokensAsync(cancellation);
        _log.LogInformation(
            "import: {Files} files, {Resources} resources, {Stored} newly stored, {Failures} refused", result.Files, result.Resources, result.Stored,
            result.Failures.Count);
        return result;
    }

    /// <summary>Takes one bundle in, and hands it to the nodes. Returns resources, and slices newly stored.</summary>
    public async Task<(int Resources, int Stored)> ImportBundleAsync(SlicedBundle bundle, CancellationToken cancellation = default)
    {
        IntakeOutcome outcome = await FolderIntake.TakeBundleAsync(_intake, FolderSource, bundle, cancellation);
        await FlushAsync(cancellation);
        return (bundle.Slices.Count, outcome.Stored);
    }

    /// <summary>What a source holds that is about no patient, and what patients' resources refer to.</summary>
    public SharedResources SharedResources(string source) => new(source, _state, _intake);

    /// <summary>Gets tokens from the authority for patients who have none, and keeps them here.</summary>
    public Task PublishTokensAsync(CancellationToken cancellation = default) => _tokens.PublishAsync(cancellation);

    /// <summary>Hands everything that waits to the nodes; returns how many slices.</summary>
    public async Task<int> FlushAsync(CancellationToken cancellation = default)
    {
        int count = 0;
        foreach (uint number in _state.Resources.PatientsWaiting)
        {
            ConnectorPatient patient = _state.ByNumber(number);
            while (true)
            {
                // Mail is handled in between: a large import must not keep patients waiting.
                int part = await AloneAsync(() => _courier.DeliverPartAsync(patient, cancellation), cancellation);
                if (part == 0) break;
                count += part;
            }
        }
        return count;
    }

    /// <summary>Handles the mails that came, waiting for a first one. Returns how many were handled.</summary>
    public async Task<int> HandleMailAsync(CancellationToken cancellation = default)
    {
        IReadOnlyList<MailDto> mails = await _mail.NextAsync(_options.MailWait, cancellation);
        return await AloneAsync(async () =>
        {
            try
            {
                foreach (MailDto mail in mails) await _mailRoom.HandleAsync(mail, cancellation);
                if (mails.Count > 0) _state.Record(new MailRead(_mail.Cursor));
                return mails.Count;
            }
            catch
            {
                _mail.Rewind(_state.MailCursor);
                throw;
            }
        }, cancellation);
    }

    /// <summary>Handles mail and hands over what comes in until cancelled. A node that does not answer is asked again after a pause.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task mail = LoopAsync(async () =>
        {
            await HandleMailAsync(both.Token);
            await FinishBindingsAsync(both.Token);
        }, both.Token);
        Task delivery = LoopAsync(async () =>
        {
            await FlushAsync(both.Token);
            await PublishTokensAsync(both.Token);
            Trouble = null;
            await _work.WaitAsync(both.Token);
        }, both.Token);
        // A loop that ends by itself has failed: the other one must not hide that.
        await Task.WhenAny(mail, delivery);
        await both.CancelAsync();
        await Task.WhenAll(mail, delivery);
    }

    /// <summary>
    /// Staff: a code for a person they have identified, to type in as if it had come by phone. It stands in for phone and birth date. The
    /// patient is named by source and id (<c>source|id</c>), or by id alone for the import folder's.
    /// </summary>
    public string HandOutCode(string patientId, Address account, PublicKey sealingKey)
    {
        string id = patientId.Contains('|', StringComparison.Ordinal) ? patientId : ConnectorPatient.IdOf(FolderSource, patientId);
        CodeSent code = _logic.HandOut(id, account.ToString(), sealingKey.ToString());
        _state.Record(code);
        _log.LogInformation("staff handed out a code for account {Account}", account);
        return code.Code.Text;
    }

    /// <summary>Re-seals custody into vaults for every proven patient whose letter has come; also after a restart in the middle.</summary>
    public async Task<int> FinishBindingsAsync(CancellationToken cancellation = default)
    {
        IReadOnlyList<ConnectorPatient> waiting = _binder.Waiting();
        foreach (ConnectorPatient patient in waiting)
        {
            await AloneAsync(async () =>
            {
                if (await _binder.BindAsync(patient, cancellation)) await _mailRoom.AnswerAsync(patient, MatchState.Bound, cancellation);
                return 0;
            }, cancellation);
        }
        return waiting.Count;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _intake.Taken -= Wake;
        _intake.Dispose();
        _sender.Dispose();
        _one.Dispose();
        _work.Dispose();
    }

    private void Wake()
    {
        // One signal is enough, however much came in.
        try { _work.Release(); }
        catch (SemaphoreFullException) { return; }
    }

    private async Task<int> AloneAsync(Func<Task<int>> step, CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try { return await step(); }
        finally { _one.Release(); }
    }

    private async Task LoopAsync(Func<Task> step, CancellationToken cancellation)
    {
        using var pause = new PeriodicTimer(RetryPause, _time);
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await step();
                Trouble = null;
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (IsPassing(e))
            {
                Trouble = e.GetType().Name;
                _log.LogWarning("connector: {Problem}; trying again", e.GetType().Name);
                try { await pause.WaitForNextTickAsync(cancellation); }
                catch (OperationCanceledException) { return; }
            }
        }
    }

    /// <summary>Troubles of the network and of the others: they pass.</summary>
    private static bool IsPassing(Exception e) =>
        e is RpcConnectionException or RpcException or TimeoutException or TransactionLostException or TransactionFailedException or HttpRequestException
            or AuthorityRefusedException or OperationCanceledException;
}
