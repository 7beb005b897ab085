using Ptoy.Client.Keys;
using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Network;
using Ptoy.Protocol;
using static Ptoy.EndToEnd.Demo.Playbook;

namespace Ptoy.EndToEnd.Demo;

/// <summary>An organisation with one clinician, set up on chain.</summary>
public sealed class Clinic : IDisposable
{
    private readonly Stage _stage;
    private readonly int _index;
    private readonly string _name;
    private readonly VaultRoot _root = VaultRoot.Create();

    /// <summary>The organisation of one hospital of the network.</summary>
    public Clinic(Stage stage, int index, string name)
    {
        (_stage, _index, _name) = (stage, index, name);
        ClinicianSeed = System.Security.Cryptography.RandomNumberGenerator.GetBytes(64);
        Clinician = AccountKeys.FromSeed(ClinicianSeed);
    }

    /// <summary>Seed of the clinician's keys: what their keystore holds.</summary>
    public byte[] ClinicianSeed { get; }

    /// <summary>The clinician's own keys.</summary>
    public AccountKeys Clinician { get; }

    /// <summary>The organisation's account.</summary>
    public Address Organisation => _stage.Hospitals.Hospitals[_index].Address;

    /// <summary>The organisation's administrator.</summary>
    public ProviderSession? Admin { get; private set; }

    /// <summary>Creates the organisation on chain and employs the clinician.</summary>
    public async Task SetUpAsync()
    {
        AccountKeys keys = _stage.Hospitals.Hospitals[_index];
        Admin = new ProviderSession(keys, _root, await _stage.ConnectAsync(keys, _index).ConfigureAwait(false));
        await Admin.CreateAsync(_name).ConfigureAwait(false);
    }

    /// <summary>Signs the clinician up with the key authority (a telephone of their own) and employs them.</summary>
    public async Task EmployAsync(string role, string clinicianName, string phone)
    {
        await PatientSession.SignUpAsync(
            _stage.AuthorityClient, Clinician, new SignUpStart(clinicianName, phone),
            _ => _stage.AuthorityPhones.ReadCodeAsync(phone, TimeSpan.FromSeconds(30))).ConfigureAwait(false);
        await Admin!.HireAsync(Clinician.Address, role).ConfigureAwait(false);
    }

    /// <summary>The clinician at work, through some node.</summary>
    public async Task<(ClinicianSession Session, NodeConnection Node)> AtWorkAsync(int node)
    {
        NodeConnection connection = await _stage.ConnectAsync(Clinician, node).ConfigureAwait(false);
        var session = new ClinicianSession(Clinician, Organisation);
        int keys = await session.LoadTeamKeysAsync(connection).ConfigureAwait(false);
        Require(keys > 0, $"the clinician of {_name} has no team key");
        return (session, connection);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Admin?.Dispose();
        Clinician.Dispose();
        _root.Dispose();
    }
}

/// <summary>What a patient does with their device.</summary>
public static class PatientPlay
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Signs up: name and telephone, a code to it, keys made on the device, certified; then the vault.</summary>
    public static async Task<PatientSession> SignUpAsync(Stage stage, Person person, int node)
    {
        string e164 = Ptoy.Services.Matching.PhoneText.Normalise(person.Phone);
        await PatientSession.SignUpAsync(
            stage.AuthorityClient, person.Keys, new SignUpStart(person.FullName, person.Phone, person.BirthDate),
            _ => stage.AuthorityPhones.ReadCodeAsync(e164, Patience)).ConfigureAwait(false);
        var session = new PatientSession(person.Keys, person.Vault, await stage.ConnectAsync(person.Keys, node).ConfigureAwait(false));
        await session.CreateVaultAsync().ConfigureAwait(false);
        return session;
    }

    /// <summary>Asks the hospitals, proves with the code and the date of birth, accepts; returns how many records were bound.</summary>
    public static async Task<MatchAnswer> BindAsync(Stage stage, PatientSession session, Person person)
    {
        string e164 = Ptoy.Services.Matching.PhoneText.Normalise(person.Phone);
        await session.RequestMatchAsync(stage.AuthorityClient).ConfigureAwait(false);
        string code = await stage.HospitalPhones.ReadCodeAsync(e164, Patience).ConfigureAwait(false);
        return await BindWithAsync(session, code, person.BirthDate).ConfigureAwait(false);
    }

    /// <summary>Proves with a code that is at hand, and accepts.</summary>
    public static async Task<MatchAnswer> BindWithAsync(PatientSession session, string code, string birthDate)
    {
        await session.ConfirmMatchAsync(code, birthDate).ConfigureAwait(false);
        MatchAnswer proven = await AnswerAsync(session, MatchState.Proven).ConfigureAwait(false);
        await session.AcceptBindingAsync(Address.Parse(proven.Organisation)).ConfigureAwait(false);
        return await AnswerAsync(session, MatchState.Bound).ConfigureAwait(false);
    }

    private static async Task<MatchAnswer> AnswerAsync(PatientSession session, MatchState wanted)
    {
        using var deadline = new CancellationTokenSource(Patience);
        while (true)
        {
            foreach (MatchAnswer answer in await session.AnswersAsync(TimeSpan.FromSeconds(5), deadline.Token).ConfigureAwait(false))
            {
                if (answer.State == wanted) return answer;
            }
        }
    }
}
