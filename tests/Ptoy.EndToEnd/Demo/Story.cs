using Ptoy.Client.Keys;
using Ptoy.Client.Sealing;
using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Network;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Fhir;
using static Ptoy.EndToEnd.Demo.Playbook;

namespace Ptoy.EndToEnd.Demo;

/// <summary>The story of one patient, step by step. Hospital indexes: A = 0, B = 1, C = 2, D = 3.</summary>
public sealed class Story(Stage stage, Playbook play, IReadOnlyList<Person> people) : IDisposable
{
    private static readonly string[] Granted = ["medications", "encounters"];

    private readonly Clinic[] _clinics = [new(stage, 0, "Hospital A"), new(stage, 1, "Hospital B"), new(stage, 2, "Hospital C"), new(stage, 3, "Hospital D")];
    private PatientSession? _patient;
    private ClinicianSession? _clinicianB;
    private NodeConnection? _clinicianNode;
    private int _grant;
    private int _visits;

    private Person Anna => people[0];

    private Clinic B => _clinics[1];

    private Clinic C => _clinics[2];

    /// <summary>Hospital D, whose clinician reads everything at the end.</summary>
    public Clinic D => _clinics[3];

    /// <summary>Organisations, the key authority, clinicians.</summary>
    public async Task<string> SetUpAsync()
    {
        await stage.StartAuthorityAsync().ConfigureAwait(false);
        foreach (Clinic clinic in _clinics) await clinic.SetUpAsync().ConfigureAwait(false);
        await B.EmployAsync("clinician", "Clara Clinician", "+12125550141").ConfigureAwait(false);
        await C.EmployAsync("clinician", "Carl Clinician", "+12125550142").ConfigureAwait(false);
        await D.EmployAsync("clinician", "Dora Clinician", "+12125550143").ConfigureAwait(false);
        play.Say("four hospitals are on chain; B, C and D each employ a clinician, certified by the key authority");
        return "4 organisations, 3 clinicians";
    }

    /// <summary>Hospital A's connector reads the EHR export into custody.</summary>
    public async Task<string> SyncAsync()
    {
        await stage.OpenConnectorAsync().ConfigureAwait(false);
        var result = await stage.Connector.ImportAsync(stage.EhrFolder).ConfigureAwait(false);
        Require(result.Failures.Count == 0, $"{result.Failures.Count} files were refused: {string.Join("; ", result.Failures)}");
        stage.RunConnector();
        play.Say($"{result.Files} bundles with {result.Resources} resources are sealed in hospital A's custody; nobody else can open them");
        return $"{result.Files} bundles, {result.Resources} resources, {result.Bytes / 1024} KiB";
    }

    /// <summary>The patient signs up, is matched by a code to the telephone in the hospital's record, and opens the record.</summary>
    public async Task<string> PatientAsync()
    {
        _patient = await PatientPlay.SignUpAsync(stage, Anna, node: 3).ConfigureAwait(false);
        play.Say($"the patient's account is {_patient.Account}");
        MatchAnswer bound = await PatientPlay.BindAsync(stage, _patient, Anna).ConfigureAwait(false);
        play.Say($"{bound.Name} proved to hold the record and re-sealed it to the patient's vault; its custody key is destroyed");
        return await OpenOwnAsync(_patient, [Anna.Bundle]).ConfigureAwait(false);
    }

    /// <summary>A stranger who knows name and number gets nothing.</summary>
    public async Task<string> StrangerAsync()
    {
        string phone = Ptoy.Services.Matching.PhoneText.Normalise(Anna.Phone);
        AccountKeys stranger = Consortium.NewKeys();
        SignUpStarted started = await stage.AuthorityClient.StartAsync(new SignUpStart(Anna.FullName, Anna.Phone)).ConfigureAwait(false);
        int refused = 0;
        for (int i = 0; i < 6; i++)
        {
            try
            {
                await stage.AuthorityClient.ConfirmAsync(started.SignUpId, $"AAAA-{i:D6}", stranger).ConfigureAwait(false);
            }
            catch (AuthorityRefusedException e)
            {
                refused++;
                if (i is 0 or 5) play.Say($"guess {i + 1}: {e.Message}");
            }
        }
        Require(refused == 6, "a guessed code was taken");
        await stage.AuthorityPhones.ReadCodeAsync(phone, TimeSpan.FromSeconds(5)).ConfigureAwait(false);
        play.Say("the code went to the patient's telephone, not to the stranger");

        // Now a stranger with an account of their own, who asks for the patient's records with guessed codes.
        string own = "+12125550199";
        await PatientSession.SignUpAsync(
            stage.AuthorityClient, stranger, new SignUpStart("Stranger Danger", own), _ => stage.AuthorityPhones.ReadCodeAsync(own, TimeSpan.FromSeconds(10))).ConfigureAwait(false);
        NodeConnection node = await stage.ConnectAsync(stranger, 1).ConfigureAwait(false);
        using var session = new PatientSession(stranger, VaultRoot.Create(), node);
        await session.RequestMatchAsync(stage.AuthorityClient).ConfigureAwait(false);
        await session.ConfirmMatchAsync("AAAA-123456", Anna.BirthDate).ConfigureAwait(false);
        Require((await session.AnswersAsync(TimeSpan.FromSeconds(2)).ConfigureAwait(false)).Count == 0, "the stranger got an answer from a hospital");
        Require(!stage.HospitalPhones.HasMessage(phone), "a hospital sent a code because of the stranger");
        string reason = await DeniedAsync(() => new RecordReader(node, _patient!.Account, "TREAT", new KeyRing()).ListAsync()).ConfigureAwait(false);
        play.Say($"asking a node for the patient's records: {reason}");
        stranger.Dispose();
        return "6 guesses refused, no hospital's name learnt, records denied";
    }

    /// <summary>Hospital C, which was granted nothing, is denied.</summary>
    public async Task<string> DeniedHospitalAsync()
    {
        (ClinicianSession session, NodeConnection node) = await C.AtWorkAsync(node: 2).ConfigureAwait(false);
        using (session)
        {
            string reason = await DeniedAsync(() => session.ReaderAsync(node, _patient!.Account)).ConfigureAwait(false);
            play.Say($"hospital C's clinician: {reason}");
        }
        return "denied";
    }

    /// <summary>The patient grants hospital B two compartments for treatment.</summary>
    public async Task<string> GrantAsync()
    {
        _grant = await _patient!.GrantAsync(new ReadGrant(B.Organisation, Granted, ["TREAT"])).ConfigureAwait(false);
        play.Say($"provision {_grant}: hospital B may read {string.Join(" and ", Granted)} for treatment");
        return string.Join(" + ", Granted);
    }

    /// <summary>B's clinician reads what was granted through another hospital's node, and nothing else.</summary>
    public async Task<string> ReadGrantedAsync()
    {
        (_clinicianB, _clinicianNode) = await B.AtWorkAsync(node: 3).ConfigureAwait(false);
        RecordReader reader = await _clinicianB.ReaderAsync(_clinicianNode, _patient!.Account).ConfigureAwait(false);
        RecordInfo[] listed = [.. (await reader.ListAsync().ConfigureAwait(false)).Where(r => r.Tag != Compartments.LetterTag.ToString())];
        Require(listed.Length > 0, "hospital B sees no record");
        Require(listed.All(r => Granted.Contains(_clinicianB.CompartmentOf(_patient.Account, r.Tag))), "a record of another compartment is listed");
        int opened = 0;
        await foreach (OpenedRecord record in reader.OpenAsync(listed).ConfigureAwait(false))
        {
            Require(Contains(Anna.Bundle, record.Content), "an opened record is not byte-identical to the EHR's");
            opened++;
        }
        play.Say($"through hospital D's node, the clinician opened {opened} records of the granted compartments");
        await NotGrantedAsync(reader).ConfigureAwait(false);
        return $"{opened} opened, other compartments denied";
    }

    /// <summary>Hospital A writes a new visit while the patient is offline.</summary>
    public async Task<string> NewVisitAsync()
    {
        _patient!.Dispose();
        play.Say("the patient's telephone is off");
        byte[] visit = await WriteVisitAsync().ConfigureAwait(false);
        _patient = new PatientSession(Anna.Keys, Anna.Vault, await stage.ConnectAsync(Anna.Keys, 2).ConfigureAwait(false));
        string figures = await OpenOwnAsync(_patient, [Anna.Bundle, visit]).ConfigureAwait(false);
        RecordReader reader = await _clinicianB!.ReaderAsync(_clinicianNode!, _patient.Account).ConfigureAwait(false);
        int seen = await OpenNewAsync(reader, visit).ConfigureAwait(false);
        Require(seen == 2, $"hospital B opened {seen} resources of the new visit, not the encounter and the prescription");
        play.Say("it appears on the patient's side, and hospital B opens the encounter and the prescription");
        return figures;
    }

    /// <summary>The patient revokes; B is denied at once and cannot open the next visit with all the keys and bytes it holds.</summary>
    public async Task<string> RevokeAsync()
    {
        int epoch = await _patient!.RevokeAsync(_grant).ConfigureAwait(false);
        int denied = 0;
        for (int i = 0; i < 4; i++)
        {
            NodeConnection node = await stage.ConnectAsync(B.Clinician, i).ConfigureAwait(false);
            await WaitHeightAsync(node).ConfigureAwait(false);
            await DeniedAsync(() => new RecordReader(node, _patient.Account, "TREAT", new KeyRing(), B.Organisation).ListAsync()).ConfigureAwait(false);
            denied++;
        }
        play.Say($"epoch {epoch} is in force; hospital B is denied at all {denied} nodes");
        byte[] visit = await WriteVisitAsync().ConfigureAwait(false);
        int closed = await CannotOpenAsync(visit).ConfigureAwait(false);
        play.Say($"with the bytes and wraps of the next visit in hand, none of hospital B's {_clinicianB!.KeyIds.Count} keys opens any of its {closed} records");
        return $"denied at {denied} nodes, {closed} records stay closed";
    }

    /// <summary>PTOY moves and buys storage.</summary>
    public async Task<string> TokenAsync()
    {
        Address patient = _patient!.Account;
        Receipt paid = await _clinics[0].Admin!.Sender.SendAsync("Token", "transfer", patient.ToString(), "250000000").ConfigureAwait(false);
        // Certified at a quorum; the patient's own node may be the one that is a block behind.
        await WaitHeightAsync(_patient.Sender.Node, paid.Height).ConfigureAwait(false);
        Require(await _patient.BalanceAsync().ConfigureAwait(false) == 250_000_000, "250 PTOY did not arrive");
        await _patient.BuyStorageAsync(megabytes: 20, months: 3).ConfigureAwait(false);
        long left = await _patient.BalanceAsync().ConfigureAwait(false);
        Require(left < 250_000_000, "storage cost nothing");
        var quota = await _patient.Sender.Node.ViewAsync("Token", "quota", patient.ToString()).ConfigureAwait(false);
        Require(quota.GetProperty("paidBytes").GetInt64() == 20_000_000, "the storage bought is not in the quota");
        string supply = (await _patient.Sender.Node.ViewAsync("Token", "supply").ConfigureAwait(false)).GetString()!;
        Require(supply == "100000000000000", "the supply changed");
        play.Say($"250 PTOY moved to the patient; 20 MB for 3 months cost {(250_000_000 - left) / 1_000_000m} PTOY");
        return $"balance {left / 1_000_000m} PTOY, 20 MB bought";
    }

    /// <summary>The patient lists every access on all nodes, denials included, and verifies the proofs from genesis.</summary>
    public async Task<string> AuditAsync()
    {
        int permits = 0, denials = 0;
        for (int i = 0; i < 4; i++)
        {
            NodeConnection node = await stage.ConnectAsync(Anna.Keys, i).ConfigureAwait(false);
            IReadOnlyList<ProvenAccess> entries = await AnchoredAsync(new AuditReader(node, Anna.Keys.Address)).ConfigureAwait(false);
            Require(entries.All(e => e.RequestProven), "an entry's request is not signed by its requester");
            permits += entries.Count(e => e.Entry.Outcome == AccessOutcome.Permit);
            denials += entries.Count(e => e.Entry.Outcome == AccessOutcome.Deny);
        }
        Require(permits > 0 && denials >= 6, $"{permits} permits and {denials} denials are fewer than were made");
        play.Say("every entry carries its requester's signature and is proven in a segment that the chain holds, from genesis");
        return $"{permits} permits, {denials} denials, all proven";
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _patient?.Dispose();
        _clinicianB?.Dispose();
        foreach (Clinic clinic in _clinics) clinic.Dispose();
    }

    private async Task<string> OpenOwnAsync(PatientSession patient, IReadOnlyList<byte[]> bundles)
    {
        RecordReader reader = await patient.ReaderAsync().ConfigureAwait(false);
        IReadOnlyList<RecordInfo> listed = await reader.ListAsync().ConfigureAwait(false);
        var contents = new List<byte[]>();
        await foreach (OpenedRecord record in reader.OpenAsync([.. listed.Where(r => r.Tag != Compartments.LetterTag.ToString())]).ConfigureAwait(false)) contents.Add(record.Content);
        IReadOnlyList<byte[]> rebuilt = BundleFolder.Rebuild(contents);
        foreach (byte[] bundle in bundles) Require(rebuilt.Any(r => r.AsSpan().SequenceEqual(bundle)), "a bundle did not come back byte-identical");
        play.Say($"{contents.Count} records opened; {bundles.Count} bundle(s) came back byte-identical");
        return $"{contents.Count} records, {bundles.Count} bundle(s) byte-identical";
    }

    private async Task NotGrantedAsync(RecordReader reader)
    {
        string other = Anna.Vault.Tags["demographics"].ToString();
        string reason = await DeniedAsync(() => reader.ListAsync([Hash.Parse(other)])).ConfigureAwait(false);
        RecordReader own = await _patient!.ReaderAsync().ConfigureAwait(false);
        RecordInfo hidden = (await own.ListAsync([Hash.Parse(other)]).ConfigureAwait(false))[0];
        await DeniedAsync(() => reader.OpenAsync(hidden)).ConfigureAwait(false);
        Require(!await OpensAsync(hidden).ConfigureAwait(false), "hospital B's keys open a compartment that was not granted");
        play.Say($"another compartment: {reason}; and with its bytes in hand, hospital B's keys do not open it");
    }

    private async Task<byte[]> WriteVisitAsync()
    {
        byte[] visit = BundleGenerator.NewVisit(BundleSlicer.Slice(Anna.Bundle), stage.Options.Seed, ++_visits);
        string file = Path.Combine(stage.EhrFolder, $"visit-{_visits:D3}.json");
        await File.WriteAllBytesAsync(file, visit).ConfigureAwait(false);
        var result = await stage.Connector.ImportAsync(stage.EhrFolder).ConfigureAwait(false);
        Require(result.Failures.Count == 0 && result.Stored >= 2, "the new visit was not stored");
        play.Say($"hospital A wrote a new visit with a prescription: {result.Stored} new records");
        return visit;
    }

    private static async Task<int> OpenNewAsync(RecordReader reader, byte[] visit)
    {
        int found = 0;
        RecordInfo[] listed = [.. (await reader.ListAsync().ConfigureAwait(false)).Where(r => r.Tag != Compartments.LetterTag.ToString())];
        await foreach (OpenedRecord record in reader.OpenAsync(listed).ConfigureAwait(false))
        {
            if (Contains(visit, record.Content)) found++;
        }
        return found;
    }

    /// <summary>How many records of a visit hospital B tried and failed to open.</summary>
    private async Task<int> CannotOpenAsync(byte[] visit)
    {
        RecordReader own = await _patient!.ReaderAsync().ConfigureAwait(false);
        IReadOnlyList<RecordInfo> listed = await own.ListAsync().ConfigureAwait(false);
        int closed = 0;
        await foreach (OpenedRecord record in own.OpenAsync([.. listed.Where(r => r.Tag != Compartments.LetterTag.ToString())]).ConfigureAwait(false))
        {
            if (!Contains(visit, record.Content) || Contains(Anna.Bundle, record.Content)) continue;
            Require(!await OpensAsync(record.Info).ConfigureAwait(false), "hospital B opened a record written after the revocation");
            closed++;
        }
        Require(closed > 0, "the visit has no record");
        return closed;
    }

    /// <summary>Whether hospital B's keys open a record whose bytes and wraps somebody gave it.</summary>
    private async Task<bool> OpensAsync(RecordInfo record)
    {
        var given = await _patient!.Sender.Node.CallAsync<RecordGetResult>(
            "record_get", new RecordGetParams(_patient.Account.ToString(), [record.RecordId], "PATRQT")).ConfigureAwait(false);
        return _clinicianB!.Opens(_patient.Account, given.Records[0]);
    }

    private async Task WaitHeightAsync(NodeConnection node)
    {
        ulong height = (await _patient!.Sender.Node.CallAsync<ChainInfoResult>("chain_info", new NoParams()).ConfigureAwait(false)).Height;
        await WaitHeightAsync(node, height).ConfigureAwait(false);
    }

    private static async Task WaitHeightAsync(NodeConnection node, ulong height)
    {
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while ((await node.CallAsync<ChainInfoResult>("chain_info", new NoParams()).ConfigureAwait(false)).Height < height)
            await poll.WaitForNextTickAsync().ConfigureAwait(false);
    }

    private static async Task<IReadOnlyList<ProvenAccess>> AnchoredAsync(AuditReader reader)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
        while (true)
        {
            IReadOnlyList<ProvenAccess> entries = await reader.ListAsync(patience.Token).ConfigureAwait(false);
            if (entries.All(e => e.AnchorProven)) return entries;
            await poll.WaitForNextTickAsync(patience.Token).ConfigureAwait(false);
        }
    }

    private static async Task<string> DeniedAsync<T>(Func<Task<T>> read)
    {
        try
        {
            await read().ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Code == RpcErrors.Denied)
        {
            return e.Message;
        }
        throw new StepFailedException("a read was answered that should have been denied");
    }

    private static bool Contains(byte[] bundle, byte[] part) => bundle.AsSpan().IndexOf(part) >= 0;
}
