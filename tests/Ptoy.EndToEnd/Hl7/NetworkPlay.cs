using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Demo;
using Ptoy.Protocol;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Authority;
using Ptoy.Services.Common;
using Ptoy.Services.Connector;
using Ptoy.Services.Connector.Hl7;
using static Ptoy.EndToEnd.Demo.Playbook;

namespace Ptoy.EndToEnd.Hl7;

/// <summary>
/// Messages go by MLLP into hospital A's connector of a real network; each patient in them opens an account with a code that the staff
/// hand out, and lets hospital D read; D's clinician reads every message and everything that it became through hospital B's node.
/// </summary>
internal sealed class NetworkPlay(Stage stage, Playbook play, IReadOnlyList<byte[]> messages) : IAsyncDisposable
{
    private const int OtherNode = 1, Hospital = 3, Replays = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly Clinic _a = new(stage, 0, "Hospital A"), _d = new(stage, Hospital, "Hospital D");
    private readonly List<Address> _patients = [];
    private SealedStore? _store;
    private Hl7Part? _feed;
    private Task _run = Task.CompletedTask;
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Two organisations, the key authority, a clinician at D.</summary>
    public async Task<string> SetUpAsync()
    {
        await stage.StartAuthorityAsync().ConfigureAwait(false);
        await _a.SetUpAsync().ConfigureAwait(false);
        await _d.SetUpAsync().ConfigureAwait(false);
        await _d.EmployAsync("clinician", "Dora Clinician", "+12125550143").ConfigureAwait(false);
        return "2 organisations, 1 clinician";
    }

    /// <summary>Every message once, then three times again.</summary>
    public async Task<string> FeedAsync()
    {
        await stage.OpenConnectorAsync().ConfigureAwait(false);
        stage.RunConnector();
        _store = SealedStore.Open(Path.Combine(stage.ConnectorFolder, "mllp"), RandomNumberGenerator.GetBytes(SealedStore.KeySize));
        _feed = new Hl7Part(new Hl7Options { Port = 0 }, _store, stage.Connector.Intake, TimeProvider.System, NullLogger<Hl7Part>.Instance);
        _run = _feed.RunAsync(_stop.Token);
        await await Task.WhenAny(_run, _feed.Bound).ConfigureAwait(false);
        int port = (await _feed.Bound.ConfigureAwait(false)).Port;
        await SendAsync(port).ConfigureAwait(false);
        long stored = _feed.Report().ResourcesStored;
        for (int i = 0; i < Replays; i++) await SendAsync(port).ConfigureAwait(false);
        Hl7Report report = _feed.Report();
        Require(report.ResourcesStored == stored, "a replay added something");
        Require(report.Kept.Count == 0, $"{report.Kept.Count} messages are for staff");
        await stage.Connector.FlushAsync().ConfigureAwait(false);
        play.Say($"{messages.Count} messages acknowledged and mapped to {stored} resources; {Replays} replays added nothing");
        return $"{messages.Count} messages, {stored} resources stored";
    }

    /// <summary>Each patient of the feed opens an account, is bound by a code that staff hand out, and lets hospital D read.</summary>
    public async Task<string> PatientsAsync()
    {
        ConnectorPatient[] patients = [.. stage.Connector.State.Patients.Values.Where(p => p.MergedInto is null && p.Seen is not null)];
        for (int i = 0; i < patients.Length; i++) await BindAsync(patients[i], i).ConfigureAwait(false);
        return $"{patients.Length} patients";
    }

    /// <summary>D's clinician reads everything through another hospital's node.</summary>
    public async Task<string> ReadAsync()
    {
        (ClinicianSession session, NodeConnection node) = await _d.AtWorkAsync(OtherNode).ConfigureAwait(false);
        using (session)
        {
            var read = new HashSet<string>();
            int records = 0;
            foreach (Address patient in _patients)
            {
                RecordReader reader = await session.ReaderAsync(node, patient).ConfigureAwait(false);
                RecordInfo[] listed = [.. (await reader.ListAsync().ConfigureAwait(false))
                    .Where(r => r.Tag != Compartments.LetterTag.ToString())];
                await foreach (OpenedRecord record in reader.OpenAsync(listed).ConfigureAwait(false))
                {
                    read.Add(Convert.ToHexStringLower(SHA256.HashData(record.Content)));
                    records++;
                }
            }
            int whole = messages.Count(m => read.Contains(Convert.ToHexStringLower(SHA256.HashData(m))));
            // One about several patients is with each of them as the part about them.
            int divided = messages.Count(m => Persons(m) > 1);
            Require(whole + divided >= messages.Count, $"{messages.Count - whole} messages did not come back");
            long stored = _feed!.Report().ResourcesStored;
            Require(records == stored, $"{records} records were opened, {stored} were stored");
            play.Say($"through hospital B's node the clinician opened {records} records, {whole} original messages among them, byte-identical");
            return $"{records} records, {whole} messages whole, {divided} in parts";
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _run.ConfigureAwait(false);
        _store?.Dispose();
        _a.Dispose();
        _d.Dispose();
        _stop.Dispose();
    }

    private async Task BindAsync(ConnectorPatient patient, int number)
    {
        string phone = $"+1212555{200 + number:0000}";
        using var person = new Person("", $"Patient Number{number}", phone, "1970-01-01", []);
        using PatientSession session = await PatientPlay.SignUpAsync(stage, person, node: 2).ConfigureAwait(false);
        string code = stage.Connector.HandOutCode(patient.Id, session.Account, person.Keys.Sealing.Public);
        await PatientPlay.BindWithAsync(session, code, person.BirthDate).ConfigureAwait(false);
        await session.GrantAsync(new ReadGrant(_d.Organisation, Compartments.Names, ["TREAT"])).ConfigureAwait(false);
        _patients.Add(session.Account);
    }

    private async Task SendAsync(int port)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", port).ConfigureAwait(false);
        NetworkStream stream = client.GetStream();
        foreach (byte[] message in messages)
        {
            string answer = await Sender.SendAsync(stream, message).ConfigureAwait(false) ?? "no answer";
            Require(answer.Contains("\rMSA|AA|", StringComparison.Ordinal)
                || answer.Contains("\rMSA|CA|", StringComparison.Ordinal), $"a message was answered {answer}");
            // In enhanced mode with both answers asked for, the second one follows, unless it came with the first.
            bool more = answer.Contains("\rMSA|CA|", StringComparison.Ordinal) && !answer.Contains("\rMSA|AA|", StringComparison.Ordinal);
            if (more) await Sender.AnswerAsync(stream, CancellationToken.None).ConfigureAwait(false);
        }
        await await Task.WhenAny(_run, _feed!.WhenEmptyAsync().WaitAsync(Patience)).ConfigureAwait(false);
    }

    private static int Persons(byte[] message) =>
        Encoding.UTF8.GetString(message).Split('\r', '\n').Count(l => l.StartsWith("PID|", StringComparison.Ordinal));
}
