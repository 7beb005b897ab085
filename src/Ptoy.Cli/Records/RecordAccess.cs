using System.CommandLine;
using System.Text.Json;
using Ptoy.Cli.Shell;
using Ptoy.Client.Sealing;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Cli.Records;

/// <summary>A reader of somebody's records, with the names of compartments as far as this account may know them.</summary>
internal sealed class RecordAccess : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    private RecordAccess(RecordReader reader, Func<string, string?> compartmentOf, params IDisposable[] owned)
    {
        (Reader, CompartmentOf) = (reader, compartmentOf);
        _owned.AddRange(owned);
    }

    public RecordReader Reader { get; }

    /// <summary>Name of a tag's compartment; null when unknown, as for letters.</summary>
    public Func<string, string?> CompartmentOf { get; }

    /// <summary>As the owner, as an employee on behalf of an organisation, or as a person whom the owner permitted.</summary>
    public static async Task<RecordAccess> OpenAsync(Session session, Address owner, Address? organisation, string purpose, CancellationToken cancellation)
    {
        if (organisation is { } employer)
        {
            var clinician = new ClinicianSession(session.Keys, employer);
            await clinician.LoadTeamKeysAsync(session.Node, cancellation);
            RecordReader reader = await clinician.ReaderAsync(session.Node, owner, purpose, cancellation);
            return new RecordAccess(reader, tag => clinician.CompartmentOf(owner, tag), clinician);
        }
        bool isPatient = owner == session.Account
            && (await session.Node.ViewAsync(new ContractId("Patient", owner), "exists", [], cancellation)).GetBoolean();
        if (isPatient)
        {
            PatientSession patient = session.Patient();
            return new RecordAccess(await patient.ReaderAsync(cancellation: cancellation), patient.CompartmentOf, patient);
        }
        var ring = new KeyRing(new SealingKey(session.Keys.Sealing.Export()));
        return new RecordAccess(new RecordReader(session.Node, owner, purpose, ring), _ => null, ring);
    }

    /// <summary>
    /// The tag of a compartment of a patient: one's own vault's, or from the letter that the patient sent to this organisation's inbox.
    /// </summary>
    public static async Task<Hash> TagOfAsync(Session session, Address patient, string compartment, CancellationToken cancellation)
    {
        if (!Compartments.Names.Contains(compartment))
            throw CliException.Usage($"--compartment: '{compartment}' is none; there are: {string.Join(", ", Compartments.Names)}");
        if (patient == session.Account) return session.Keystore.VaultRoot.Tags[compartment];
        var box = new MailBox(session.Node);
        byte[]? tagKey = null;
        while (await box.NextAsync(TimeSpan.Zero, cancellation) is { Count: > 0 } mails)
        {
            // The newest letter counts: a patient may have changed the vault root.
            foreach (MailDto mail in mails.Where(m => m.Kind == MailKinds.WriterLetter && m.From == patient.ToString()))
                tagKey = MatchMail.Open(mail.Bytes, MatchMail.WriterPurpose, session.Keys.Sealing) is { } content ? GrantLetter.Parse(content).TagKey : tagKey;
        }
        return tagKey is null
            ? throw CliException.Failed("this account's inbox holds no letter of that patient, so the patient's compartments are unknown: ask the patient to run ptoy patient accept")
            : Compartments.Tag(tagKey, compartment);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in _owned) owned.Dispose();
    }
}
